package hypotheses

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// byShell is a command that a shell, under a name of the test's choice, starts by a script, in which "$@" is the
// command.
func byShell(t *testing.T, name, script string, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	link := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.Symlink(sh, link))
	return &exec.Cmd{Path: link, Args: append([]string{"sh", "-c", script, "sh"}, cmd.Args...), Env: cmd.Env}
}

// A hangup that was ignored from the beginning stays ignored: that is what nohup is for.
func TestNohupKeepsHangupIgnored(t *testing.T) {
	leftOutWithShort(t)
	t.Parallel()
	results, there := t.TempDir(), filepath.Join(t.TempDir(), "there")
	cmd := childCommand(t, "^TestOfAChild$", "-configs", shortConfigs(t, "h2a.yaml", fewSamples), "-results", results)
	u := start(t, byShell(t, "nohup", `trap "" HUP; exec "$@"`, cmd), faultMark+"=hangs when it decides", faultThere+"="+there)
	waitFor(t, there, false)
	require.NoError(t, u.cmd.Process.Signal(syscall.SIGHUP))
	u.interrupted(results, syscall.SIGTERM) // which is what it says
}

// What go test, or another test binary, has started ends in order when that has gone: SIGTERM and SIGHUP end go test at
// once, and it passes neither on. What a shell has started goes on.
func TestStarterLeaves(t *testing.T) {
	leftOutWithShort(t)
	t.Parallel()
	for _, tc := range []struct {
		starter string
		ends    bool
	}{{"go", true}, {"other.test", true}, {"sh", false}} {
		t.Run(tc.starter, func(t *testing.T) {
			results, there := t.TempDir(), filepath.Join(t.TempDir(), "there")
			pidFile := filepath.Join(t.TempDir(), "pid")
			cmd := childCommand(t, "^TestOfAChild$", "-configs", shortConfigs(t, "h2a.yaml", fewSamples), "-results", results)
			u := start(t, byShell(t, tc.starter, `"$@" & echo $! >`+pidFile+`; wait`, cmd), faultMark+"=hangs when it decides", faultThere+"="+there)
			waitFor(t, there, false)
			waitFor(t, pidFile, true)
			b, err := os.ReadFile(pidFile)
			require.NoError(t, err)
			pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
			require.NoError(t, err)
			t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // it has ended if all went well
			require.NoError(t, u.cmd.Process.Signal(syscall.SIGTERM))
			why := "what started this has ended"
			if !tc.ends {
				why = syscall.SIGTERM.String()
				time.Sleep(time.Second) // in which it would see, and say, that the shell has gone
				require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
			}
			// The end of its output is the end of both.
			said := u.endsInOrder(u.end(), results, why)
			assert.Contains(t, said, fmt.Sprintf("%d of %d cells are complete", 4, 4))
		})
	}
}

// What looks over runs for a command ends with that, whatever its name.
func TestStarterOfVerifyLeaves(t *testing.T) {
	leftOutWithShort(t)
	t.Parallel()
	dir := t.TempDir()
	there, pidFile := filepath.Join(dir, "there"), filepath.Join(dir, "pid")
	cmd := childCommand(t, "^TestOfAChild$", "-verify", dir, "-verify-results", filepath.Join(dir, "found"))
	u := start(t, byShell(t, "sparkharness", `"$@" & echo $! >`+pidFile+`; wait`, cmd), faultMark+"=no run", faultThere+"="+there)
	waitFor(t, there, false)
	waitFor(t, pidFile, true)
	b, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // it has ended if all went well
	require.NoError(t, u.cmd.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, patience, 10*time.Millisecond, "it goes on")
	assert.Contains(t, u.end().err, "interrupted (what started this has ended)")
}
