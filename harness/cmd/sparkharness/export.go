package main

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sparkharness/harness/sheet"
)

// kvTraceFormat is the one format there is.
const kvTraceFormat = "mlperf-kv"

func exportCommand() *cobra.Command {
	var format, cell string
	cmd := &cobra.Command{
		Use:   "export RUN",
		Short: "print a cell's KV traffic as a trace of MLPerf Storage's KV cache benchmark",
		Long: `Prints what the KV manager of one cell moved, as CSV with the columns of the I/O traces of MLPerf Storage's KV cache benchmark
(mlcommons/storage, kv_cache_benchmark, --io-trace-log): Timestamp, Operation, Object_Size_Bytes, Tier, Key, Phase.

A line is a KV block into or out of host memory (Tier-1) or the drive (Tier-2). Blocks are counted, not named: Key is empty. Times inside a
sampling interval are spread evenly. Writes to Tier-1 are Prefill, writes to Tier-2 Evict, reads Decode. Which cell was taken is told on the
standard error.

RUN is the folder of a run, or an archive of one. A run that moved nothing to or from tier 2 is refused.

Exit status: 0 printed, 1 it could not be.`,
		Args: oneRunOnly,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != kvTraceFormat {
				return fmt.Errorf("--format %.40q: there is %s", format, kvTraceFormat)
			}
			ctx, stop := untilAsked(cmd.Context())
			defer stop()
			return withRun(ctx, args[0], func(r *sheet.Run, dir string) error {
				out := bufio.NewWriter(untilDone{ctx, cmd.OutOrStdout()})
				taken, err := r.KVTrace(out, dir, cell)
				if err := errors.Join(err, out.Flush()); err != nil {
					return err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "cell %s\n", shown(taken))
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&format, "format", kvTraceFormat, "`FORMAT` of the trace: "+kvTraceFormat)
	f.StringVar(&cell, "cell", "", "`CELL` of the run, such as fio=none/ctx=256/conc=16/rep=1 (default the one that moved most through tier 2)")
	return cmd
}
