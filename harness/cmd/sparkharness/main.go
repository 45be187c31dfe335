// Command sparkharness serves the simulated stacks in real time, writes the inputs, and reads, makes and
// replays traces. The hypotheses themselves are tests: see package hypotheses.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	root := &cobra.Command{
		Use:           "sparkharness",
		Short:         "When and by how much storage decides the tail latency of LLM inference",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serveCommand(), inputsCommand(), traceCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "sparkharness:", err)
		os.Exit(exitStatus(err))
	}
}
