package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"sparkharness/harness/sheet"
)

func compareCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "compare REAL SIMULATED...",
		Short: "print a run on a real drive beside the same one on the modelled drive",
		Long: `Prints two runs of one hypothesis as Markdown, REAL on a real drive (-rig disk) and SIMULATED on the simulated machine (-rig sim), with a drive
that is made of what was measured of the real one (sparkharness drive-model): fetch p50 and p95, TTFT p50 and p99 of each cell, both and their ratio,
with a mark where they are more than 20 % apart; below it what a fetch is made of, which says where a difference comes from. Tails of short runs
scatter: of several SIMULATED, the same run with other seeds, it is the mean, with the least and the most.

Runs of other hypotheses, plans, models, loads, stacks or machines are refused. Each is the folder of a run, or an archive of one. Nothing is written.

Exit status: 0 printed, 1 it could not be.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return fmt.Errorf("%s needs runs, REAL and SIMULATED: the folder of one of -rig disk, and of one or more of -rig sim", cmd.Name())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilAsked(cmd.Context())
			defer stop()
			var runs []*sheet.Run
			for _, arg := range args {
				if err := withRun(ctx, arg, func(r *sheet.Run, _ string) error {
					runs = append(runs, r)
					return nil
				}); err != nil {
					return err
				}
			}
			var b bytes.Buffer // half a table is none
			if err := runs[0].Beside(&b, runs[1:]...); err != nil {
				return err
			}
			_, err := b.WriteTo(cmd.OutOrStdout())
			return err
		},
	}
}
