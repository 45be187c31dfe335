package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sparkharness/harness/config"
	"sparkharness/harness/sheet"
)

// fioEngines are the engines that a job may have: with psync a thread for each I/O in flight, as the loader has it.
var fioEngines = []string{"psync", "libaio", "io_uring"}

func fioFromRunCommand() *cobra.Command {
	var o sheet.FioOptions
	var size string
	cmd := &cobra.Command{
		Use:   "fio-from-run RUN",
		Short: "print a job file with which fio makes the tier-2 I/O of a run again",
		Long: `Prints a job file for fio(1): the I/O of a run's KV loader under the measured load of one arm, in its sizes, with as many in flight, in its mix
of reads and writes and at its mean rate. Its comments say from which run it is and what is approximated. All files of fio lie in the folder
that --dir names.

    sparkharness fio-from-run results/h4b-... --dir /mnt/nvme/try > tier2.fio && fio tier2.fio

RUN is the folder of a run, or an archive of one. A run that moved nothing to or from tier 2 is refused.

Exit status: 0 printed, 1 it could not be.`,
		Args: oneRunOnly,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFio(&o, size); err != nil {
				return err
			}
			ctx, stop := untilAsked(cmd.Context())
			defer stop()
			return withRun(ctx, args[0], func(r *sheet.Run, _ string) error {
				var job bytes.Buffer // half a job is none
				if err := r.FioJob(&job, o); err != nil {
					return err
				}
				_, err := job.WriteTo(cmd.OutOrStdout())
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Dir, "dir", "", "`FOLDER` on the drive in question, in which all of fio's files lie; required")
	f.StringVar(&o.Arm, "arm", "", "`ARM` of the run as sparkharness io names it, such as fio=none/ctx=256/conc=16 (default the one that moved most)")
	f.StringVar(&size, "size", "", "`SIZE` of fio's file (default that of tier 2, at most "+config.Size(sheet.DefaultSize).String()+")")
	f.DurationVar(&o.Runtime, "runtime", time.Minute, "how long fio runs, in whole seconds")
	f.StringVar(&o.Engine, "ioengine", fioEngines[0], "engine of fio: "+strings.Join(fioEngines, ", "))
	return cmd
}

// checkFio completes the options, and refuses flags that mean nothing.
func checkFio(o *sheet.FioOptions, size string) error {
	switch {
	case o.Dir == "":
		return errors.New("--dir is missing: name the folder on the drive that fio's files are to lie in, such as --dir /mnt/nvme/try")
	case o.Runtime < time.Second || o.Runtime%time.Second != 0:
		return fmt.Errorf("--runtime %v: fio runs for whole seconds, one at least", o.Runtime)
	case !slices.Contains(fioEngines, o.Engine):
		return fmt.Errorf("--ioengine %.40q: there are %s", o.Engine, strings.Join(fioEngines, ", "))
	}
	if size != "" {
		v, err := config.ParseSize(size)
		if err == nil && v <= 0 {
			err = fmt.Errorf("%s is no size of a file", size)
		}
		if err != nil {
			return fmt.Errorf("--size: %w", err)
		}
		o.Size = int64(v)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	o.Dir = dir
	return nil
}
