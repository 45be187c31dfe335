package sim

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A file holds what was written last, longer, shorter or the same.
func TestRenderedFile(t *testing.T) {
	files, err := NewFiles(t.TempDir())
	require.NoError(t, err)
	defer files.Close()
	path := filepath.Join(files.Proc, "pressure", "io")
	for _, text := range []string{"first\n", "a longer one\n", "a longer one\n", "short\n", "first\n"} {
		require.NoError(t, files.write("pressure/io", func(b []byte) []byte { return append(b, text...) }))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, text, string(got))
	}
	// What has not changed is left alone: somebody else's change is still there.
	require.NoError(t, os.WriteFile(path, []byte("other\n"), 0o644))
	require.NoError(t, files.write("pressure/io", func(b []byte) []byte { return append(b, "first\n"...) }))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "other\n", string(got))
}

func TestRenderedFileThatCannotBeWritten(t *testing.T) {
	files, err := NewFiles(t.TempDir())
	require.NoError(t, err)
	fill := func(b []byte) []byte { return append(b, "text\n"...) }
	require.NoError(t, files.write("stat", fill))
	require.NoError(t, files.Close())
	require.NoError(t, files.write("stat", fill), "there is nothing to write")
	for range 2 {
		require.Error(t, files.write("stat", func(b []byte) []byte { return append(b, "more\n"...) }))
	}
	require.Error(t, files.write("stat", fill), "the file may hold anything now")
}
