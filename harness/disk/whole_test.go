package disk

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whoever reads while a file is replaced reads the old one or the new one.
func TestReplaceIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "file.json")
	texts := [][]byte{bytes.Repeat([]byte("a"), 1<<20), bytes.Repeat([]byte("b"), 1<<19)}
	require.NoError(t, Replace(path, texts[0]))
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for i := range 40 {
			if !assert.NoError(t, Replace(path, texts[(i+1)%2])) {
				return
			}
		}
	})
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			if !bytes.Equal(b, texts[0]) && !bytes.Equal(b, texts[1]) {
				t.Errorf("%d bytes that are neither file", len(b))
				reading = false
			}
		}
	}
	wg.Wait()
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, left, 1)
}

// A link stays a link.
func TestReplaceFollows(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(file, []byte("old"), 0o644))
	require.NoError(t, os.Symlink(file, link))
	require.NoError(t, Replace(link, []byte("new")))
	st, err := os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, st.Mode()&os.ModeSymlink)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "new", string(b))
}

// What is no file is not replaced by one, and not waited for: nobody may ever read from a pipe. Where the user names
// the place, it is written to.
func TestReplaceRefusesWhatIsNoFile(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	refused := make(chan error, 1)
	go func() { refused <- Replace(pipe, []byte("new")) }()
	select {
	case err := <-refused:
		require.ErrorContains(t, err, pipe+" is neither a file nor a link to one: remove it")
	case <-time.After(10 * time.Second):
		t.Fatal("it waits")
	}

	reader, err := os.OpenFile(pipe, os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, ReplaceOrWrite(pipe, []byte("new")))
	got := make([]byte, 3)
	_, err = io.ReadFull(reader, got)
	require.NoError(t, err)
	assert.Equal(t, "new", string(got))
	st, err := os.Lstat(pipe)
	require.NoError(t, err)
	assert.NotZero(t, st.Mode()&os.ModeNamedPipe)
	require.NoError(t, reader.Close())

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, ReplaceOrWrite(file, []byte("new")))
	assert.FileExists(t, file)
}

// What a killed process has left of a replacement goes, and nothing else.
func TestSweepReplaced(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".report.json.12345.tmp", ".index.html.9.tmp", "report.json", ".lock", "x.tmp"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	SweepReplaced(dir)
	SweepReplaced(filepath.Join(dir, "none"))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := []string{}
	for _, e := range left {
		names = append(names, e.Name())
	}
	assert.Equal(t, []string{".lock", "report.json", "x.tmp"}, names)
}
