package telemetry

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// sampleServer is what a server gives after a tenth of a second.
func sampleServer(t *testing.T, s *Server) (record.SysSample, error) {
	t.Helper()
	time.Sleep(100 * time.Millisecond)
	var into record.SysSample
	err := s.Sample(t.Context(), &into)
	return into, err
}

// nothing requires that a sample says nothing, without an error.
func nothing(t *testing.T, s *Server, why string) {
	t.Helper()
	got, err := sampleServer(t, s)
	require.NoError(t, err, why)
	assert.Equal(t, record.SysSample{}, got, why)
}

func newServer(t *testing.T, root string) *Server {
	t.Helper()
	s, err := NewServer(root)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// The server's processes are summed, and nobody else's; rates are of the time that has passed.
func TestServer(t *testing.T) {
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, root)
		assert.Equal(t, "server", s.Name())
		nothing(t, s, "nobody has said which processes the server's are")
		writeIO(t, root, 70, 4_000_000_000_000, 10)
		writeIO(t, root, 71, 1000, 20)
		writeIO(t, root, 99, 0, 0)
		s.Watch(70, 71)
		nothing(t, s, "first reading")
		writeIO(t, root, 70, 4_000_003_000_000, 10)
		writeIO(t, root, 71, 2_001_000, 700_020)
		writeIO(t, root, 99, 9e9, 9e9)
		got, err := sampleServer(t, s)
		require.NoError(t, err)
		assert.Equal(t, record.SysSample{Server: &record.ServerIO{RMBs: 50, WMBs: 7, ReadBytes: 5e6, WriteBytes: 7e5, CancelledWriteBytes: new(0.0)}}, got)
		got, err = sampleServer(t, s)
		require.NoError(t, err)
		assert.Equal(t, &record.ServerIO{CancelledWriteBytes: new(0.0)}, got.Server, "told, and nothing: this is a 0")

		// A child has ended, and its parent has waited for it: nothing is lost and nothing counts twice.
		writeIO(t, root, 70, 4_000_003_000_000+2_001_000, 700_030)
		require.NoError(t, os.Truncate(filepath.Join(root, "71", "io"), 0)) // who has it open must see it go, too
		require.NoError(t, os.RemoveAll(filepath.Join(root, "71")))
		got, err = sampleServer(t, s)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NotErrorIs(t, err, ErrUntold, "a server of which a process is gone is not the one that was watched")
		assert.Nil(t, got.Server, "what is left is no sum")
		writeIO(t, root, 71, 0, 0)
		got, err = sampleServer(t, s)
		require.NoError(t, err)
		assert.Equal(t, &record.ServerIO{CancelledWriteBytes: new(0.0)}, got.Server)

		writeIO(t, root, 70, 5, 5)
		got, err = sampleServer(t, s)
		require.ErrorIs(t, err, ErrReset)
		assert.Equal(t, record.SysSample{Reset: true}, got)
		writeIO(t, root, 70, 1005, 5)
		got, err = sampleServer(t, s)
		require.NoError(t, err)
		assert.Equal(t, 1000.0, got.Server.ReadBytes, "it starts again from the new value")

		s.Watch(99)
		nothing(t, s, "another process has readings of its own")
		s.Forget()
		nothing(t, s, "the watch has ended")
	})
}

func TestServerCancelledWrites(t *testing.T) {
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, root)
		writeIO(t, root, 70, 0, 8192)
		s.Watch(70)
		nothing(t, s, "first reading")
		text := "rchar: 1\nwchar: 1\nsyscr: 1\nsyscw: 1\nread_bytes: 0\nwrite_bytes: 12288\ncancelled_write_bytes: 8192\n"
		require.NoError(t, os.WriteFile(filepath.Join(root, "70", "io"), []byte(text), 0o644))
		got, err := sampleServer(t, s)
		require.NoError(t, err)
		assert.Equal(t, 4096.0, got.Server.WriteBytes)
		assert.Equal(t, new(8192.0), got.Server.CancelledWriteBytes, "more than was written in this interval")
	})
}

// refusing is an account that the kernel does not open for this user.
type refusing struct{ closed int }

func (r *refusing) read() (transfers, error) {
	return transfers{}, &fs.PathError{Op: "open", Path: "/proc/1/io", Err: fs.ErrPermission}
}

func (r *refusing) close() { r.closed++ }

// A server of another user is not told, which is no 0 and no missing sample, and the error says what to do.
func TestServerWithoutPermission(t *testing.T) {
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, root)
		writeIO(t, root, 70, 0, 0)
		other := &refusing{}
		s.watch([]account{newProcessIO(s.fs, root, 70), other})
		for range 3 {
			got, err := sampleServer(t, s)
			require.ErrorIs(t, err, ErrUntold)
			assert.ErrorContains(t, err, "run the harness as that user or as root")
			assert.Equal(t, record.SysSample{}, got)
		}
		s.Forget()
		assert.Equal(t, 1, other.closed)
	})
	if os.Getuid() != 0 { // root may read all
		s := newServer(t, root)
		require.NoError(t, os.Chmod(filepath.Join(root, "70", "io"), 0))
		s.Watch(70)
		require.ErrorIs(t, s.Sample(t.Context(), &record.SysSample{}), ErrUntold)
	}
}

// This process's own account, by this machine's kernel.
func TestServerOfThisMachine(t *testing.T) {
	if _, err := os.Stat("/proc/self/io"); err != nil {
		t.Skip("the kernel keeps no account of processes' I/O")
	}
	s := newServer(t, "/proc")
	s.Watch(os.Getpid())
	require.NoError(t, s.Sample(t.Context(), &record.SysSample{}))
	var got record.SysSample
	require.NoError(t, s.Sample(t.Context(), &got))
	require.NotNil(t, got.Server)
	assert.GreaterOrEqual(t, got.Server.ReadBytes, 0.0)
}

func TestServerWithoutProc(t *testing.T) {
	_, err := NewServer(filepath.Join(t.TempDir(), "nowhere"))
	require.ErrorContains(t, err, "open proc tree")
	var none *Server
	require.NoError(t, none.Close())
}
