package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sparkharness/harness/disk"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/regular"
)

// testBinary is what make build leaves beside the command: the hypotheses' rules, compiled.
const testBinary = "sparkharness.test"

func verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify DIR|FILE.tar.gz...",
		Short: "make sure that runs are what was measured, and that their verdicts follow from them",
		Long: `Looks over runs: the folder of one, a results folder with all that it holds, or an archive of runs. Every file of a complete cell is compared
with the sums that were taken when it was completed, plan, cells and manifest with the log of the run, and report, table,
figures and usable concurrency with what follows from the lines. The hypothesis is the one that the plan names. A page or a summary beside
the runs that does not follow from their reports is noted, and so is a file of a run that nothing vouches for, such as the log of a server
that it started. Nothing is written.

The rules live in the tests of package hypotheses: ` + testBinary + ` beside this program (make build), or else go test in the
checkout around the working directory.

Exit status: 0 all runs are as they were left, 3 some are not, 1 nothing could be looked over.`,
		Args: atLeastOne("DIR|FILE.tar.gz: the folder of a run, which holds a plan.json, one of runs, such as results, or an archive"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilAsked(cmd.Context())
			defer stop()
			return verify(ctx, cmd.OutOrStdout(), args)
		},
	}
}

// verified is a run as the tests saw it.
type verified struct {
	Dir        string   `json:"dir"`
	RunID      string   `json:"run_id"`
	Hypothesis string   `json:"hypothesis"`
	Outcome    string   `json:"outcome"`
	Measured   int      `json:"cells_measured"`
	Planned    int      `json:"cells_planned"`
	Faults     []string `json:"faults"`
	Notes      []string `json:"notes"`
}

func verify(ctx context.Context, out io.Writer, args []string) (err error) {
	disk.SweepScratch("")
	scratch, err := disk.NewScratch("")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	if args, err = unpacked(ctx, args, scratch.Dir()); err != nil {
		return err
	}
	runs, err := runsBelow(args)
	if err == nil && len(runs) == 0 {
		err = fmt.Errorf("%s: no run there: give the folder of a run, which holds a plan.json, or one of runs", strings.Join(args, " "))
	}
	if err != nil {
		return err
	}
	list, err := lookOver(ctx, runs, scratch.Dir())
	if err != nil {
		return err
	}
	if bad := printVerified(out, list); bad > 0 {
		return notAsLeft{bad, len(list)}
	}
	return nil
}

// runsBelow are the folders of runs: those named, and those in the folders named.
func runsBelow(dirs []string) ([]string, error) {
	var runs []string
	for _, dir := range dirs {
		dir, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		if isRun(dir) {
			runs = append(runs, dir)
			continue
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("%w: give the folder of a run, which holds a plan.json, or one of runs, such as results", err)
		}
		for _, e := range entries {
			if path := filepath.Join(dir, e.Name()); !strings.HasPrefix(e.Name(), ".") && isRun(path) {
				runs = append(runs, path)
			}
		}
	}
	return runs, nil
}

func isRun(dir string) bool {
	for _, file := range []string{"plan.json", "attempts.jsonl", "cells", "report.json"} {
		if _, err := os.Lstat(filepath.Join(dir, file)); err == nil {
			return true
		}
	}
	return false
}

// maxVerified is the most bytes of what the test finds.
const maxVerified = 256 << 20

// endWait is how long the test may take to end when it is asked to.
const endWait = 5 * time.Second

// lookOver runs the test that looks over folders, and reads what it found.
// It has scratch for itself.
func lookOver(ctx context.Context, runs []string, scratch string) (list []verified, err error) {
	cmd, err := tester(ctx)
	if err != nil {
		return nil, err
	}
	found := filepath.Join(scratch, "verified.json")
	cmd.Args = append(cmd.Args, "-verify-results", found)
	for _, run := range runs {
		cmd.Args = append(cmd.Args, "-verify", run)
	}
	// It ends in order when asked, and leaves nothing behind either.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = endWait
	said, runErr := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	b, err := regular.Read(found, maxVerified)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), errors.Join(runErr, errors.New("it left no result")), lastLine(said))
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("result of %s: %w", filepath.Base(cmd.Path), err)
	}
	if len(list) != len(runs) {
		return nil, fmt.Errorf("%s looked over %d of %d runs", filepath.Base(cmd.Path), len(list), len(runs))
	}
	return list, nil
}

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// tester is the compiled test binary beside this program, or go test in a checkout.
func tester(ctx context.Context) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if binary := filepath.Join(filepath.Dir(self), testBinary); binary != self && isFile(binary) {
		return exec.CommandContext(ctx, binary, "-test.run", "^TestVerify$"), nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for {
		if b, err := regular.Read(filepath.Join(dir, "go.mod"), 1<<20); err == nil && strings.HasPrefix(string(b), "module sparkharness\n") {
			cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-run", "^TestVerify$", ".")
			cmd.Dir = filepath.Join(dir, "hypotheses")
			return cmd, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return nil, fmt.Errorf("the rules are in tests: there is no %s beside %s and no checkout around the working directory (make build makes it)", testBinary, self)
		}
		dir = parent
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// printVerified prints a line for each run, and below it what is wrong or odd. It returns how many runs have faults.
func printVerified(out io.Writer, list []verified) (bad int) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "run\thypothesis\tcells\tverdict\tfiles")
	for _, v := range list {
		state := "as measured"
		if len(v.Faults) > 0 {
			state = "NOT AS LEFT"
			bad++
		}
		fmt.Fprintf(w, "%s\t%s\t%d of %d\t%s\t%s\n", orDash(shown(v.RunID)), orDash(shown(v.Hypothesis)), v.Measured, v.Planned, orDash(shown(v.Outcome)), state)
	}
	_ = w.Flush() // to a terminal or a buffer
	for _, v := range list {
		for _, f := range v.Faults {
			fmt.Fprintf(out, "fault: %s\n", shown(f))
		}
		for _, n := range v.Notes {
			fmt.Fprintf(out, "note: %s: %s\n", shown(filepath.Base(v.Dir)), shown(n))
		}
	}
	return bad
}

// shown is a text that came from a folder, fit for a terminal.
func shown(text string) string {
	const most = 4 << 10 // bytes: several paths
	return outgoing.Clean(text, most)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
