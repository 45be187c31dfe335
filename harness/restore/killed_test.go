package restore

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/disk"
)

// traceOf is in the environment of all that a test's child starts.
const traceOf = "SPARKHARNESS_RESTORE_TRACE"

// started is a child of a test that changes the machine, with a trace by which its processes are found.
func started(t *testing.T, role, journals, below, trace string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0], journals, below)
	cmd.Env = append(os.Environ(), childRole+"="+role, traceOf+"="+trace)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, bufio.NewReader(out)
}

// traced are the living processes with that trace.
func traced(trace string) (pids []int) {
	for _, p := range disk.Processes() {
		env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "environ"))
		if err == nil && !p.Zombie && bytes.Contains(env, []byte(traceOf+"="+trace)) {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Whenever a process is killed, the next start leaves nothing of what it has begun: neither processes, nor folders and
// files, nor its journal. Each child changes the machine and undoes it, over and over, until it is killed.
func TestKilledAtAnyMoment(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	told := 0
	for i := range 20 {
		journals, below, trace := filepath.Join(t.TempDir(), "journals"), t.TempDir(), fmt.Sprintf("%d-%d", os.Getpid(), i)
		cmd, said := started(t, "again", journals, below, trace)
		// Half of them early, while it begins, and half when it has changed something, however long that takes here.
		if i%2 == 1 {
			line, err := said.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "changed\n", line)
		}
		time.Sleep(time.Duration(rng.Int64N(int64(40 * time.Millisecond))))
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
		var out bytes.Buffer
		j, err := Open(journals, &out)
		require.NoError(t, err)
		assert.Empty(t, j.Left)
		require.NoError(t, j.Close())
		assert.Empty(t, traced(trace), "%d: processes: %s", i, &out)
		assert.Empty(t, names(t, below), "%d: files: %s", i, &out)
		assert.Empty(t, names(t, journals), "%d: journals: %s", i, &out)
		told += strings.Count(out.String(), "restored: ")
		assert.NotContains(t, out.String(), "not restored")
	}
	assert.Greater(t, told, 10, "most were killed while something was to be undone")
}

// What a living process has noted is its own; once it is dead, each thing is told in a line.
func TestLivingAreLeftAlone(t *testing.T) {
	journals, below, trace := t.TempDir(), t.TempDir(), fmt.Sprintf("living-%d", os.Getpid())
	require.NoError(t, os.Chmod(journals, 0o700))
	cmd, said := started(t, "once", journals, below, trace)
	line, err := said.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "done\n", line)
	var alive []int
	require.Eventually(t, func() bool { alive = traced(trace); return len(alive) == 5 }, 20*time.Second, 10*time.Millisecond,
		"the child, a shell, three sleepers")
	made := names(t, below)
	require.Len(t, made, 2)

	var out bytes.Buffer
	j, err := Open(journals, &out)
	require.NoError(t, err)
	assert.Equal(t, alive, traced(trace))
	assert.Equal(t, made, names(t, below))
	assert.Empty(t, out.String())
	require.NoError(t, j.Close())
	assert.Len(t, names(t, journals), 2, "its journal and its lock")

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	j, err = Open(journals, &out)
	require.NoError(t, err)
	require.NoError(t, j.Close())
	assert.Empty(t, traced(trace))
	assert.Empty(t, names(t, below))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 3)
	assert.Regexp(t, `^restored: 4 processes ended \(sleepers\), which process \d+ on host .*, since .* had left$`, lines[0], "the latest first")
	assert.Regexp(t, `^restored: .*/sparkharness-probe-\w{16}.dat removed \(file `, lines[1])
	assert.Regexp(t, `^restored: .*/sparkharness-load-\w{16} removed \(folder `, lines[2])
}
