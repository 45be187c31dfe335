package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sparkharness/harness/disk"
	"sparkharness/harness/sheet"
)

// oneRunOnly asks for the one argument of a command that reads a run.
func oneRunOnly(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return fmt.Errorf("%s needs a RUN: the folder of a run, which holds a plan.json, or an archive of one", cmd.Name())
	case 1:
		return nil
	}
	return stray(cmd, args[1])
}

// withRun reads the run that an argument names, its folder, a folder with no other run in it, or an archive of one, and does
// something with it.
func withRun(ctx context.Context, arg string, do func(r *sheet.Run, dir string) error) (err error) {
	disk.SweepScratch("")
	scratch, err := disk.NewScratch("")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	places, err := unpacked(ctx, []string{arg}, scratch.Dir())
	if err != nil {
		return err
	}
	runs, err := runsBelow(places)
	if err != nil {
		return err
	}
	switch len(runs) {
	case 0:
		return fmt.Errorf("%s: no run there: give the folder of a run, which holds a plan.json", arg)
	case 1:
	default:
		names := make([]string, len(runs))
		for i, run := range runs {
			names[i] = filepath.Base(run)
		}
		return fmt.Errorf("%s holds %d runs: name one of %s", arg, len(runs), strings.Join(names, ", "))
	}
	r, err := sheet.Read(runs[0])
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return do(r, runs[0])
}
