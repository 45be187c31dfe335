package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sparkharness/harness/carried"
	"sparkharness/harness/config"
)

// configsFlag is --configs. Where it is not given the folder is that of the checkout which the command is started in, or else what the
// program carries, so that it runs from anywhere.
type configsFlag struct {
	named  string
	cmd    *cobra.Command
	opened *config.Folder
}

func (c *configsFlag) flags(cmd *cobra.Command, what string) {
	c.cmd = cmd
	cmd.Flags().StringVar(&c.named, "configs", "", "`folder` of the configuration files"+what+
		" (default configs/ of the checkout, outside of one those that this program carries)")
}

// folder is that of the configurations, opened once.
func (c *configsFlag) folder() (*config.Folder, error) {
	if c.opened != nil {
		return c.opened, nil
	}
	dir, err := c.dir()
	if err != nil {
		return nil, err
	}
	c.opened, err = config.OpenFolder(dir)
	return c.opened, err
}

// dir is the folder that was named, or found, or laid out.
func (c *configsFlag) dir() (string, error) {
	const here = "configs"
	if c.named != "" || c.cmd.Flags().Changed("configs") {
		return c.named, nil
	}
	if info, err := os.Stat(here); err == nil && info.IsDir() {
		return here, nil
	}
	if root, found := carried.Checkout(); found {
		return filepath.Join(root, here), nil
	}
	parent, err := carried.Parent()
	if err != nil {
		return "", err
	}
	root, err := carried.Root(parent)
	if err != nil {
		return "", err
	}
	fmt.Fprintln(c.cmd.ErrOrStderr(), "no checkout here: configurations are those that this program carries,", filepath.Join(root, here))
	return filepath.Join(root, here), nil
}
