package hypotheses

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// A cell of this length takes hours of real time: a run that ends in it has ended because it was asked to.
const endlessCells = fewSamples + "run: {duration: 160h, max_duration: 160h}\n"

// patience bounds waits for a child on a machine that is busy with others.
const patience = 3 * time.Minute

// leftOutWithShort skips tests of how processes end: each waits for some, and none guards what a run concludes.
func leftOutWithShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it waits for processes: left out with -short")
	}
}

// under is a child that is under way.
type under struct {
	t           *testing.T
	cmd         *exec.Cmd
	stdout, err strings.Builder
}

// start starts a child with more in its environment.
func start(t *testing.T, cmd *exec.Cmd, env ...string) *under {
	t.Helper()
	u := &under{t: t, cmd: cmd}
	cmd.Env = append(cmd.Env, env...)
	if cmd.Stdout == nil {
		cmd.Stdout = &u.stdout
	}
	cmd.Stderr = &u.err
	cmd.WaitDelay = patience // for what it has started and that has its output
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended if all went well
	return u
}

// waitFor waits until a file that a pattern names is there and holds something, or is there at all.
func waitFor(t *testing.T, pattern string, filled bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range paths {
			if st, err := os.Stat(path); err == nil && (st.Size() > 0 || !filled) {
				return true
			}
		}
		return false
	}, patience, 10*time.Millisecond, "%s does not come", pattern)
}

// end waits for the child's end.
func (u *under) end() child {
	u.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- u.cmd.Wait() }()
	select {
	case <-ended: //nolint:errcheck // how is in the state
	case <-time.After(patience):
		u.t.Error("it goes on")
		_ = u.cmd.Process.Kill()
		<-ended //nolint:errcheck // the same
	}
	return child{u.cmd.ProcessState.ExitCode(), u.stdout.String(), u.err.String()}
}

// interrupted sends a signal and checks how the child ends, as endsInOrder does.
func (u *under) interrupted(results string, s syscall.Signal) string {
	u.t.Helper()
	require.NoError(u.t, u.cmd.Process.Signal(s))
	c := u.end()
	assert.Equal(u.t, 1, c.status, c.stdout+c.err)
	return u.endsInOrder(c, results, s.String())
}

// endsInOrder checks that an interrupted child has said what asked, in a line, and in another one what is kept and how
// to go on, which is returned; and that it has left no scratch folder, no lock and nothing half written.
func (u *under) endsInOrder(c child, results, why string) string {
	u.t.Helper()
	u.leavesNothing(results)
	lines := strings.Split(strings.TrimSpace(c.err), "\n")
	require.Len(u.t, lines, 2, c.err)
	assert.Contains(u.t, lines[0], "interrupted ("+why+")")
	assert.NotContains(u.t, c.stdout, "panic")
	return lines[1]
}

// leavesNothing checks that no scratch folder and no lock of the child is left.
func (u *under) leavesNothing(results string) {
	u.t.Helper()
	owned, err := filepath.Glob("/dev/shm/sparkharness-scratch-*/.owner")
	require.NoError(u.t, err)
	for _, path := range owned {
		b, err := os.ReadFile(path)
		if err == nil { // not another process's that has just ended
			assert.NotContains(u.t, string(b), fmt.Sprintf(`"pid":%d,`, u.cmd.Process.Pid))
		}
	}
	for _, pattern := range []string{".*.lock", "*/.*.tmp", ".*.tmp", ".*.removed"} {
		left, err := filepath.Glob(filepath.Join(results, pattern))
		require.NoError(u.t, err)
		assert.Empty(u.t, left)
	}
}

// A signal ends a run in order wherever it is.
func TestSignalsAreHonoured(t *testing.T) {
	leftOutWithShort(t)
	t.Parallel()
	short, endless := shortConfigs(t, "h2a.yaml", fewSamples+"sweep: {fine_step: 1}\n"), shortConfigs(t, "h2a.yaml", endlessCells)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run("in a cell, "+s.String(), func(t *testing.T) {
			results := t.TempDir()
			u := start(t, childCommand(t, "^TestH2A$", "-configs", endless, "-results", results))
			waitFor(t, filepath.Join(results, "h2a-*", "cells", "*.partial", record.FileSysmon), true)
			said := u.interrupted(results, s)
			assert.Contains(t, said, "H2A: interrupted before a cell of ")
			assert.Contains(t, said, "-resume")
			partial, err := filepath.Glob(filepath.Join(results, "h2a-*", "cells", "*.partial"))
			require.NoError(t, err)
			require.NotEmpty(t, partial)
			torn, err := record.ReadLines(filepath.Join(partial[0], record.FileSysmon), func([]byte) error { return nil })
			require.NoError(t, err)
			assert.False(t, torn, "whole lines")
		})
	}
	for _, tc := range []struct {
		fault string
		says  []string
	}{
		{"hangs when it plans", []string{"H2A: interrupted before anything was written: run it again"}},
		{"hangs when it refines", []string{"H2A: interrupted; 4 of 4 cells are complete and kept in ", "-resume", "-replay "}},
		{"hangs when it decides", []string{"H2A: interrupted; 4 of 4 cells are complete and kept in ", "-resume", "-replay "}},
		{"no run", []string{"interrupted: 0 runs are complete and kept, and none was under way"}},
	} {
		t.Run(tc.fault, func(t *testing.T) {
			results, there := t.TempDir(), filepath.Join(t.TempDir(), "there")
			u := start(t, childCommand(t, "^TestOfAChild$", "-configs", short, "-results", results), faultMark+"="+tc.fault, faultThere+"="+there)
			waitFor(t, there, false)
			said := u.interrupted(results, syscall.SIGTERM)
			for _, part := range tc.says {
				assert.Contains(t, said, part)
			}
			reports, err := filepath.Glob(filepath.Join(results, "*", "report.json"))
			require.NoError(t, err)
			assert.Empty(t, reports)
		})
	}
	t.Run("judging a folder", func(t *testing.T) {
		results, there := t.TempDir(), filepath.Join(t.TempDir(), "there")
		require.Zero(t, runChild(t, "^TestH2A$", "-configs", short, "-results", results, "-expect", "Inconclusive").status)
		run := onlyRun(t, results)
		u := start(t, childCommand(t, "^TestOfAChild$", "-replay", run), faultMark+"=hangs when it decides", faultThere+"="+there)
		waitFor(t, there, false)
		assert.Contains(t, u.interrupted(results, syscall.SIGTERM), "H2A: interrupted while "+run+" was judged")
	})
}

// onlyRun is the folder of the only run of H2A in a results folder.
func onlyRun(t *testing.T, results string) string {
	t.Helper()
	runs, err := filepath.Glob(filepath.Join(results, "h2a-*"))
	require.NoError(t, err)
	require.Len(t, runs, 1)
	return runs[0]
}

// What an execution had not come to is left as it was: an earlier complete run of it is not set aside for an empty one.
func TestInterruptLeavesTheOthers(t *testing.T) {
	leftOutWithShort(t)
	t.Parallel()
	configs, results := shortConfigs(t, "h2a.yaml", fewSamples), t.TempDir()
	require.Zero(t, runChild(t, "^TestH2A$", "-configs", configs, "-results", results, "-expect", "Inconclusive").status)
	run := onlyRun(t, results)

	layOver(t, configs, "h1.yaml", endlessCells)
	u := start(t, childCommand(t, "^TestH(1|2A)$", "-configs", configs, "-results", results))
	waitFor(t, filepath.Join(results, "h1-*", "cells", "*.partial", record.FileSysmon), true)
	assert.Contains(t, u.interrupted(results, syscall.SIGTERM), "H1: interrupted")
	assert.Equal(t, run, onlyRun(t, results))
	assert.FileExists(t, filepath.Join(run, "report.json"))
}

// Resumed, an execution of several hypotheses goes on with those that it had not come to.
func TestResumeBeginsTheOthers(t *testing.T) {
	leftOutWithShort(t)
	t.Parallel()
	configs, results := shortConfigs(t, "h2a.yaml", fewSamples), t.TempDir()
	runChild(t, "^TestH1$", "-configs", configs, "-results", results)
	c := runChild(t, "^TestH(1|2A)$", "-configs", configs, "-results", results, "-resume")
	assert.Contains(t, c.stdout, "H2A: not begun before: it is begun now")
	assert.Contains(t, c.stdout, "2 runs: 2 Inconclusive")
}

// Error rates end where they are, keep what is counted, and leave the table of earlier executions.
func TestErrorRatesAreInterrupted(t *testing.T) {
	leftOutWithShort(t)
	t.Parallel()
	configs := shortConfigs(t, "h2a.yaml", fewSamples)
	for _, tc := range []struct{ name, seeds, file, says string }{
		{"planning", "1-9999", ".lock", "error rates: interrupted before a run was begun"},
		{"running", "1-500", "h2a.*.jsonl", "of 1000 runs are counted and kept in "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			results := t.TempDir()
			rates := filepath.Join(results, "error_rates")
			require.NoError(t, os.Mkdir(rates, 0o755))
			table := filepath.Join(rates, "error_rates.txt")
			require.NoError(t, os.WriteFile(table, []byte("of yesterday\n"), 0o644))
			u := start(t, childCommand(t, "^TestErrorRates$", "-configs", configs, "-results", results, "-seeds", tc.seeds, "-only", "H2A"))
			waitFor(t, filepath.Join(rates, tc.file), true)
			said := u.interrupted(results, syscall.SIGTERM)
			assert.Contains(t, said, tc.says)
			assert.Contains(t, said, "run again to go on")
			assert.NoFileExists(t, filepath.Join(rates, ".lock"))
			b, err := os.ReadFile(table)
			require.NoError(t, err)
			assert.Equal(t, "of yesterday\n", string(b))
		})
	}
}

// Two executions do not write the same run, nor the same error rates: the second one is refused, and told who is there.
func TestTheSecondIsRefused(t *testing.T) {
	leftOutWithShort(t)
	t.Parallel()
	endless, results := shortConfigs(t, "h2a.yaml", endlessCells), t.TempDir()
	first := start(t, childCommand(t, "^TestH2A$", "-configs", endless, "-results", results))
	waitFor(t, filepath.Join(results, "h2a-*", "cells", "*.partial", record.FileSysmon), true)
	for _, flags := range [][]string{nil, {"-resume"}} {
		c := runChild(t, "^TestH2A$", append([]string{"-configs", endless, "-results", results}, flags...)...)
		assert.Equal(t, 1, c.status)
		complaint := c.complaint(t)
		assert.Contains(t, complaint, "another process is running "+onlyRun(t, results))
		assert.Contains(t, complaint, fmt.Sprintf("held by process %d on host ", first.cmd.Process.Pid))
	}
	first.interrupted(results, syscall.SIGTERM)

	rates := []string{"-configs", endless, "-results", results, "-seeds", "1", "-only", "H2A"}
	first = start(t, childCommand(t, "^TestErrorRates$", rates...))
	waitFor(t, filepath.Join(results, "error_rates", ".lock"), true)
	c := runChild(t, "^TestErrorRates$", rates...)
	assert.Equal(t, 1, c.status)
	assert.Contains(t, c.complaint(t), fmt.Sprintf("held by process %d on host ", first.cmd.Process.Pid))
	first.interrupted(results, syscall.SIGTERM)
}

// A reader that leaves, as that of a pipe does, ends a run in order.
func TestReaderLeavesARun(t *testing.T) {
	leftOutWithShort(t)
	t.Parallel()
	results := t.TempDir()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, read.Close())
	cmd := childCommand(t, "^TestH2A$", "-configs", shortConfigs(t, "h2a.yaml", fewSamples), "-results", results)
	cmd.Stdout = write
	u := start(t, cmd)
	require.NoError(t, write.Close())
	c := u.end()
	assert.Equal(t, 1, c.status, c.err)
	assert.Contains(t, u.endsInOrder(c, results, "nobody reads the output any more"), "H2A: interrupted")
}
