package restore

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// measuring is another process that has the turn in a folder; kill ends it without any order.
func measuring(t *testing.T, dir string) (pid int, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], dir, "")
	cmd.Env = append(os.Environ(), childRole+"=turn")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill = func() {
		_ = cmd.Process.Kill() // it may have been killed
		_ = cmd.Wait()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "measuring\n", line)
	return cmd.Process.Pid, kill
}

// One run at a time measures: a second one is told in a line who does and what to do, and a turn whose process was killed is free.
func TestOneTurnAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journals")
	require.NoError(t, TurnTaken(dir))
	assert.NoDirExists(t, dir, "who only looks leaves nothing")

	pid, kill := measuring(t, dir)
	_, err := TakeTurn(dir)
	for _, refused := range []error{err, TurnTaken(dir)} {
		require.ErrorContains(t, refused, fmt.Sprintf("another run measures on this machine (held by process %d on host ", pid))
		require.ErrorContains(t, refused, fmt.Sprintf("wait until it has ended, or end it in order (kill %d)", pid))
		assert.NotContains(t, refused.Error(), "\n")
	}
	j, err := Open(dir, io.Discard)
	require.NoError(t, err)
	require.NoError(t, j.Close())
	_, err = TakeTurn(dir)
	require.Error(t, err, "journals that are swept take nobody's turn")
	elsewhere, err := TakeTurn(t.TempDir())
	require.NoError(t, err, "another folder is another user's")
	require.NoError(t, elsewhere.End())

	kill()
	require.NoError(t, TurnTaken(dir))
	turn, err := TakeTurn(dir)
	require.NoError(t, err)
	require.Error(t, TurnTaken(dir))
	require.NoError(t, turn.End())
	require.NoError(t, turn.End(), "twice")
	require.NoError(t, (*Turn)(nil).End())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// What a run has left that was killed before the machine was started anew goes with the next turn; a machine that shares the folder
// keeps its own.
func TestTurnsOfOtherBoots(t *testing.T) {
	dir := t.TempDir()
	turn, err := TakeTurn(dir)
	require.NoError(t, err)
	mine, err := os.ReadFile(turnFile(dir))
	require.NoError(t, err)
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	require.NoError(t, err)
	assert.Equal(t, "measuring-"+strings.TrimSpace(string(boot))+lockSuffix, filepath.Base(turnFile(dir)), "machines share folders, and containers have names of their own")
	host, err := os.Hostname()
	require.NoError(t, err)
	before := strings.Replace(string(mine), `"boot":"`, `"boot":"before-`, 1)
	for name, text := range map[string]string{"before": before, "other": strings.Replace(before, `"host":"`+host, `"host":"another-`+host, 1)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "measuring-"+name+lockSuffix), []byte(text), 0o600))
	}
	require.NoError(t, turn.End())
	turn, err = TakeTurn(dir)
	require.NoError(t, err)
	require.NoError(t, turn.End())
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, "measuring-other"+lockSuffix)}, left)
}
