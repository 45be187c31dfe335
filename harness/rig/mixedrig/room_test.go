package mixedrig

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Files beyond a fifth of what is free are refused with the figures; what a killed run has left counts as free, and what is
// somebody else's does not.
func TestRoom(t *testing.T) {
	dir := t.TempDir()
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(dir, &st))
	free := int64(st.Bavail) * st.Bsize
	require.NoError(t, room(dir, free/20, free/20, "a"))
	err := room(dir, free/8, free/8, "ctx=1")
	require.ErrorContains(t, err, "GiB (cell ctx=1) and the files of fio and the probe")
	assert.ErrorContains(t, err, "at most a fifth is taken")

	for name, counts := range map[string]bool{"sparkharness-disk": true, "elses": false} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(path, 0o755))
		f, err := os.Create(filepath.Join(path, "kv"))
		require.NoError(t, err)
		require.NoError(t, f.Truncate(free)) // a hole: it takes nothing here
		require.NoError(t, f.Close())
		assert.Equal(t, counts, room(dir, free/8, free/8, "") == nil, name)
		require.NoError(t, os.RemoveAll(path))
	}
}

// A folder that is not there, or that nobody may write in, is refused.
func TestRoomMustBeWritable(t *testing.T) {
	require.ErrorContains(t, room(filepath.Join(t.TempDir(), "none"), 0, 0, ""), "no such file")
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o500))
	require.ErrorContains(t, room(dir, 0, 0, ""), "nothing can be written there")
}
