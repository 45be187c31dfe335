package telemetry

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// writeIO renders the io file of a process.
func writeIO(t *testing.T, root string, pid int, read, written uint64) {
	t.Helper()
	dir := filepath.Join(root, strconv.Itoa(pid))
	require.NoError(t, os.MkdirAll(dir, 0o755))
	text := fmt.Sprintf("rchar: 64744\nwchar: 67109049\nsyscr: 155\nsyscw: 4098\nread_bytes: %d\nwrite_bytes: %d\ncancelled_write_bytes: 0\n", read, written)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "io"), []byte(text), 0o644))
}

func TestFio(t *testing.T) {
	root := t.TempDir()
	f, err := NewFio(root)
	require.NoError(t, err)
	assert.Equal(t, "fio", f.Name())
	sample := func() (record.SysSample, error) {
		var s record.SysSample
		err := f.Sample(t.Context(), &s)
		return s, err
	}
	nothing := func(why string) {
		t.Helper()
		s, err := sample()
		require.NoError(t, err, why)
		assert.Equal(t, record.SysSample{}, s, why)
	}
	nothing("no fio")
	writeIO(t, root, 77, 5_000_000_000_000, 7000)
	nothing("nobody said that this is fio")
	f.Watch(77)
	nothing("first reading")
	writeIO(t, root, 77, 5_000_000_016_384, 7000)
	s, err := sample()
	require.NoError(t, err)
	assert.Equal(t, &record.Fio{ReadBytes: 16384, WriteBytes: 0}, s.Fio)

	writeIO(t, root, 77, 5_000_000_016_384, 10)
	s, err = sample()
	require.ErrorIs(t, err, ErrReset)
	assert.True(t, s.Reset)
	assert.Nil(t, s.Fio)
	writeIO(t, root, 77, 5_000_000_016_385, 12)
	s, err = sample()
	require.NoError(t, err)
	assert.Equal(t, &record.Fio{ReadBytes: 1, WriteBytes: 2}, s.Fio, "it starts again from the new value")

	require.NoError(t, os.WriteFile(filepath.Join(root, "77", "io"), []byte("rchar: 1\n"), 0o644))
	s, err = sample()
	require.ErrorContains(t, err, "77/io")
	assert.Nil(t, s.Fio)
	require.NoError(t, os.RemoveAll(filepath.Join(root, "77")))
	_, err = sample()
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "fio has ended by itself")
	f.Forget()
	nothing("the watch has ended")

	writeIO(t, root, 78, 1, 1)
	f.Watch(78)
	nothing("another process has readings of its own")
}

func TestFioWithoutProc(t *testing.T) {
	_, err := NewFio(filepath.Join(t.TempDir(), "nowhere"))
	require.ErrorContains(t, err, "open proc tree")
}

// The treatment starts and stops fio while the sampler samples.
func TestFioIsWatchedWhileSampled(t *testing.T) {
	root := t.TempDir()
	f, err := NewFio(root)
	require.NoError(t, err)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		for ctx.Err() == nil {
			var s record.SysSample
			assert.NoError(t, f.Sample(ctx, &s))
			assert.True(t, s.Fio == nil || s.Fio.ReadBytes == 0, "never the difference between two processes")
		}
	})
	for pid := 1; pid <= 200; pid++ {
		writeIO(t, root, pid, uint64(pid)*1000, 0)
		f.Watch(pid)
		f.Forget()
		require.NoError(t, os.RemoveAll(filepath.Join(root, strconv.Itoa(pid))))
	}
	cancel()
	wg.Wait()
}

// The kernel of this machine counts what fio reports.
func TestFioOfThisMachine(t *testing.T) {
	bin, err := exec.LookPath("fio")
	if err != nil {
		t.Skip("fio is not installed here")
	}
	dir := t.TempDir()
	var on syscall.Statfs_t
	require.NoError(t, syscall.Statfs(dir, &on))
	const tmpfs = 0x01021994 // TMPFS_MAGIC
	if on.Type == tmpfs {
		t.Skip("the folder for temporary files is in memory: no storage to read")
	}
	cmd := exec.Command(bin, "--name=a", "--directory="+dir, "--size=4m", "--rw=randrw", "--bs=16k", "--direct=1", "--ioengine=libaio", "--iodepth=4",
		"--thread", "--numjobs=2", "--time_based", "--runtime=10")
	require.NoError(t, cmd.Start())
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	f, err := NewFio("/proc")
	require.NoError(t, err)
	f.Watch(cmd.Process.Pid)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var s record.SysSample
		require.NoError(c, f.Sample(t.Context(), &s))
		require.NotNil(c, s.Fio)
		assert.Positive(c, s.Fio.ReadBytes)
		assert.Positive(c, s.Fio.WriteBytes)
	}, 8*time.Second, 100*time.Millisecond)
}
