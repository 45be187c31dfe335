package diskrig

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// childDir stands in the environment of a process that a test started, with the directory of its storage.
const childDir = "SPARKHARNESS_DISKRIG_CHILD"

// TestMain is the child, in a process that is one: it opens a storage, or does not get further than writing it, says so, and
// waits to be killed.
func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	o := small()
	if os.Args[1] == "half" {
		o.Adapters = append(o.Adapters, adapter("a"))
		o.WeightsBytes, o.Share = 1<<30, 1
		o.Tell = func(string) { // it is about to be written
			fmt.Println("ready")
			select {}
		}
	}
	if os.Args[1] == "chunks" {
		o.ChunkBlocks = 1
	}
	s, err := Open(context.Background(), dir, o)
	if err == nil && os.Args[1] == "chunks" {
		err = moved(s, write(1, numbered(3)))
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("ready")
	select {}
}

// killed is a directory whose storage has been killed.
func killed(t *testing.T, role string, meanwhile func(dir string)) (dir string) {
	t.Helper()
	dir = t.TempDir()
	onDrive(t, dir)
	cmd := exec.Command(os.Args[0], role)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill := func() { _, _ = cmd.Process.Kill(), cmd.Wait() } // a second time it has ended
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	meanwhile(dir)
	kill()
	return dir
}

// What a killed process has left is thrown away by the next start, which says so in a line, and after that nothing is left.
// While it lives it is let alone.
func TestKilledStorageIsThrownAway(t *testing.T) {
	for role, left := range map[string]string{
		"whole":  "threw away 1 files, 0.2 MiB, that a killed process had left in ",
		"half":   "threw away 2 files, ",
		"chunks": "threw away 3 files, 0.2 MiB, that a killed process had left in ",
	} {
		t.Run(role, func(t *testing.T) {
			dir := killed(t, role, func(dir string) {
				require.ErrorContains(t, fails(t, dir, small()), "is in use: held by process ")
			})
			path := filepath.Join(dir, Folder)
			require.DirExists(t, path)
			var told []string
			o := small()
			o.Tell = func(line string) { told = append(told, line) }
			s := opened(t, dir, o)
			require.Len(t, told, 1, "%v", told)
			assert.True(t, strings.HasPrefix(told[0], left), told[0])
			assert.True(t, strings.HasSuffix(told[0], path), told[0])
			assert.ElementsMatch(t, []string{mark, "kv"}, names(t, path))
			require.NoError(t, moved(s, write(1, numbered(4))))
		})
	}
}

// A folder that another start has only half thrown away when it was killed in turn is still known as ours.
func TestKilledTwice(t *testing.T) {
	dir := killed(t, "whole", func(string) {})
	require.NoError(t, os.Remove(filepath.Join(dir, Folder, "kv")))
	opened(t, dir, small())
}

// An interrupt while files are written ends that, and leaves nothing.
func TestInterruptedOpen(t *testing.T) {
	dir := t.TempDir()
	onDrive(t, dir)
	ctx, interrupt := context.WithCancelCause(t.Context())
	o := small()
	o.WeightsBytes, o.Share = 1<<30, 1
	o.Tell = func(string) { interrupt(assert.AnError) } // it is about to be written
	before := written(t)
	_, err := Open(ctx, dir, o)
	require.ErrorIs(t, err, assert.AnError)
	assert.Empty(t, names(t, dir))
	assert.Less(t, written(t)-before, int64(1<<29), "it goes on writing")
}

// written is what this process has caused to be written, bytes.
func written(t *testing.T) (bytes int64) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	require.NoError(t, err)
	_, after, ok := strings.Cut(string(text), "\nwrite_bytes: ")
	require.True(t, ok, "%s", text)
	_, err = fmt.Sscan(after, &bytes)
	require.NoError(t, err)
	return bytes
}
