package main

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sparkharness/harness/drivemodel"
)

// From which rate on others' traffic on a drive is worth a warning, bytes/s, and from which share of the time on in which programs wait
// for a processor.
const (
	busyDrive = 20e6
	busyCPUs  = 0.1
)

func driveModelCommand() *cobra.Command {
	var dir, name, to string
	var configs configsFlag
	cmd := &cobra.Command{
		Use:   "drive-model",
		Short: "measure a real drive with fio, and make of it a drive of the simulated machine",
		Long: `Measures the drive that holds a folder with fio, for some ten seconds, and prints what the simulated machine is to know of it: a file of
configs/drives, in which each figure says what it rests on. A run on the simulated machine with that drive stands beside one on the real drive
(-rig disk) in the table of sparkharness compare.

Measured are reads and writes of 128 KiB, one at a time as a KV loader makes them, 4 KiB reads and large reads and writes in a deep queue, and the
limits of this process's control groups. The model's own read of 128 KiB is made to take what the drive's takes on average, less the kernel's CPU
time, which is the loader's. What cannot be measured is assumed, and says so. A drive's serial number and paths of this machine are not in it.
Disks, which are too slow for the queue model, are refused.

All that is written lies in a folder of its own below --dir, 1 GiB, past the page cache, and is removed at the end, after an interrupt, too; what a
kill leaves goes with the next start. Some four seconds of writing wear the drive. End what else uses the drive.

With --out the file is written into a folder of configurations that is laid over --configs, with a world of its name:

    sparkharness drive-model --dir /mnt/nvme/try --name mine --out /tmp/mine
    cd hypotheses && go test -run H2B -rig sim -profile quick -world mine -configs /tmp/mine

Exit status: 0 printed or written, 1 it could not be.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case dir == "":
				return errors.New("--dir is missing: name a folder on the drive in question, such as --dir /mnt/nvme/try")
			case to == "" && cmd.Flags().Changed("out"):
				return errors.New("--out is empty: name a folder, which need not be there, or leave it out to print the drive's file")
			}
			if name != "" {
				if _, err := drivemodel.Name(name, "", ""); err != nil {
					return fmt.Errorf("--name: %w", err)
				}
			}
			var base string
			if to != "" {
				var err error
				if base, err = configs.dir(); err != nil {
					return err
				}
			}
			return modelDrive(cmd, dir, name, to, base, drivemodel.Options{Out: cmd.ErrOrStderr()})
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "`FOLDER` on the drive in question; required")
	f.StringVar(&name, "name", "", "`NAME` of the drive and of its world (default one made of the drive's model, or of its device)")
	f.StringVar(&to, "out", "", "`FOLDER` of configurations to write the drive and a world into, laid over --configs; it need not be there")
	configs.flags(cmd, " that --out is laid over")
	return cmd
}

// modelDrive measures, and prints, or writes into a folder that is laid over base. A name that cannot be is refused before.
func modelDrive(cmd *cobra.Command, dir, name, to, base string, o drivemodel.Options) error {
	name, err := drivemodel.NameFor(name, dir)
	if err != nil {
		return err
	}
	var folder *drivemodel.Folder
	if to != "" {
		if folder, err = drivemodel.NewFolder(to, base, name); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	}
	ctx, stop := untilAsked(cmd.Context())
	defer stop()
	figures, err := drivemodel.OnDrive(ctx, dir, o)
	if err != nil {
		return err
	}
	if figures.Others > busyDrive {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: others moved %.0f MB a second on the drive just before: end what they do, and measure again\n", figures.Others/1e6)
	}
	if figures.Waiting > busyCPUs {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: programs waited for a processor %.0f %% of the time just before, and reads that one sleeps on may have, too: "+
			"end what else runs, and measure again\n", 100*figures.Waiting)
	}
	drive, err := figures.Model(name)
	if err != nil {
		return err
	}
	if folder != nil {
		if err := folder.Save(drive); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s holds drive %s and world %s: go test -run H2B -rig sim -profile quick -world %s -configs %s\n", to, name, name, name, to)
		return nil
	}
	var b bytes.Buffer // half a file is none
	if err := drivemodel.Write(&b, drive); err != nil {
		return err
	}
	_, err = b.WriteTo(cmd.OutOrStdout())
	return err
}
