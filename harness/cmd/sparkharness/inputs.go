package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sparkharness/harness/prompt"
)

// inputsSeed is the seed of the prompts that the repository holds.
const inputsSeed = 1

func inputsCommand() *cobra.Command {
	var dir string
	var seed uint64
	cmd := &cobra.Command{
		Use:   "inputs",
		Short: "Write the prompt files and their index",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := prompt.WriteAll(dir, seed); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "wrote", dir)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "inputs/prompts", "folder to write to")
	cmd.Flags().Uint64Var(&seed, "seed", inputsSeed, "seed of the prose")
	return cmd
}
