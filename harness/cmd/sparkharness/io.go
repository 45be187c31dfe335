package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sparkharness/harness/config"
	"sparkharness/harness/sheet"
)

func ioCommand() *cobra.Command {
	var size string
	cmd := &cobra.Command{
		Use:   "io RUN",
		Short: "print what storage engineers paste: drive, I/O by phase, latencies, serving, endurance, account",
		Long: `Prints the storage side of a run as Markdown, from its files alone: the drive, its file system and the loader; what was moved by phase
(GiB, GiB/s, IOPS, request sizes, queue depth), by the account of the drive, the application, the KV manager, fio and the probe; the latency of
tier-2 fetches up to p99.99, with host and device time apart; what requests saw, the arm without a tier first; bytes written by requests and
drive writes per day; and the account of the drive's bytes with its residual. What a run does not tell is left out or a dash.

RUN is the folder of a run, or an archive of one. Nothing is written: a run with a real drive leaves the same as io.md, which its page shows.

Exit status: 0 printed, 1 it could not be.`,
		Args: oneRunOnly,
		RunE: func(cmd *cobra.Command, args []string) error {
			capacity, err := parseCapacity(size)
			if err != nil {
				return err
			}
			ctx, stop := untilAsked(cmd.Context())
			defer stop()
			return withRun(ctx, args[0], func(r *sheet.Run, _ string) error { return r.Markdown(cmd.OutOrStdout(), capacity) })
		},
	}
	cmd.Flags().StringVar(&size, "capacity", "", "`SIZE` of the drive, such as 4TB, for drive writes per day where the run does not tell it")
	return cmd
}

// parseCapacity reads --capacity, B; nil where it is not given.
func parseCapacity(size string) (*float64, error) {
	if size == "" {
		return nil, nil
	}
	v, err := config.ParseSize(size)
	if err == nil && v <= 0 {
		err = fmt.Errorf("%s is no size of a drive", size)
	}
	if err != nil {
		return nil, fmt.Errorf("--capacity: %w", err)
	}
	return new(float64(v)), nil
}
