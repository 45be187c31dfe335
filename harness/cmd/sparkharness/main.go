// Command sparkharness loads any server, serves the simulated stacks in real time, writes the inputs, reads, makes and
// replays traces, looks over and packs runs, and looks over machines. The hypotheses themselves are tests: see package hypotheses.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	if err := rootCommand().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "sparkharness:", err)
		os.Exit(exitStatus(err))
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "sparkharness",
		Short:         "When and by how much storage decides the tail latency of LLM inference",
		Args:          cobra.ArbitraryArgs, // of which RunE says what is wrong
		RunE:          oneOfItsCommands,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(doctorCommand(), loadCommand(), serveCommand(), inputsCommand(), traceCommand(), verifyCommand(), archiveCommand(), ioCommand(), fioFromRunCommand(),
		exportCommand(), driveModelCommand(), compareCommand())
	return root
}
