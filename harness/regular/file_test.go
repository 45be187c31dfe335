package regular

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// soon is the error of a read that must not wait for anybody.
func soon(t *testing.T, read func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- read() }()
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("still reading")
		return nil
	}
}

func TestReadTakesFilesOnly(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, syscall.Mkfifo(at("pipe"), 0o600))
	require.NoError(t, os.Mkdir(at("folder"), 0o755))
	l, err := net.Listen("unix", at("socket"))
	require.NoError(t, err)
	defer l.Close()
	require.NoError(t, os.Symlink("pipe", at("link")))
	require.NoError(t, os.Symlink("/dev/zero", at("endless")))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()

	for name, is := range map[string]string{"pipe": "a pipe", "folder": "a folder", "socket": "a socket", "link": "a pipe", "endless": "a device"} {
		t.Run(name, func(t *testing.T) {
			err := soon(t, func() error { _, err := Read(at(name), 1<<20); return err })
			require.ErrorIs(t, err, ErrNoFile)
			require.EqualError(t, err, at(name)+" is "+is+", not a regular file: correct the path, or put a file there")
			require.ErrorIs(t, soon(t, func() error { _, err := Open(at(name)); return err }), ErrNoFile)
			if name == "endless" {
				return // leads out of the folder, which a root refuses by itself
			}
			err = soon(t, func() error { _, err := ReadIn(root, name, 1<<20); return err })
			require.EqualError(t, err, name+" is "+is+", not a regular file: correct the path, or put a file there")
		})
	}
	for _, read := range []func() error{
		func() error { _, err := Read(at("none"), 1); return err },
		func() error { _, err := Open(at("none")); return err },
		func() error { _, err := ReadIn(root, "none", 1); return err },
	} {
		require.ErrorIs(t, read(), fs.ErrNotExist)
	}
}

func TestReadHasALimit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(path, []byte("12345"), 0o644))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()
	for _, read := range []func(limit int64) ([]byte, error){
		func(limit int64) ([]byte, error) { return Read(path, limit) },
		func(limit int64) ([]byte, error) { return ReadIn(root, "text", limit) },
	} {
		for _, enough := range []int64{5, 6, 1 << 40} {
			data, err := read(enough)
			require.NoError(t, err)
			assert.Equal(t, "12345", string(data))
		}
		_, err := read(4)
		require.ErrorIs(t, err, ErrTooLarge)
		require.ErrorContains(t, err, "text is too large: 5 B, and such a file has at most 4 B")
	}

	// A size is told before anything of it is read.
	require.NoError(t, os.Truncate(path, 3<<40))
	err = soon(t, func() error { _, err := Read(path, 1<<20); return err })
	require.EqualError(t, err, path+" is too large: 3 TiB, and such a file has at most 1 MiB")
}

// The kernel's files say that they are empty, and are not.
func TestReadOfAFileWithoutSize(t *testing.T) {
	const path = "/proc/self/status"
	if _, err := os.Stat(path); err != nil {
		t.Skip("no /proc here")
	}
	data, err := Read(path, 1<<20)
	require.NoError(t, err)
	assert.Contains(t, string(data), "Name:")
	_, err = Read(path, 10)
	require.EqualError(t, err, path+" is too large: such a file has at most 10 B")
}

func TestInUnits(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 3 << 19: "1.5 MiB", 1 << 50: "1024 TiB"} {
		assert.Equal(t, want, inUnits(n))
	}
}
