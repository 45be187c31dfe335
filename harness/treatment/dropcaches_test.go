package treatment

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"sparkharness/harness/drive"
	"sparkharness/harness/record"
	"sparkharness/harness/restore"
	"sparkharness/harness/rig"
)

// proc is a tree such as /proc, as far as it is read here.
func proc(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(root+"/sys/vm", 0o755))
	require.NoError(t, os.WriteFile(root+"/sys/vm/drop_caches", []byte("0\n"), 0o644))
	for _, name := range []string{"meminfo", "stat"} {
		text, err := os.ReadFile("/proc/" + name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(root+"/"+name, text, 0o644))
	}
	require.NoError(t, os.MkdirAll(root+"/pressure", 0o755))
	return root
}

func bare(t *testing.T, o Options) *Treater {
	t.Helper()
	j, err := restore.Open(filepath.Join(t.TempDir(), "state"), os.Stderr)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	o.Drive, o.Journal = &drive.Drive{}, j
	tr, err := New(o)
	require.NoError(t, err)
	return tr
}

// Root empties all of the cache; what /proc/meminfo says before and after is kept.
func TestDropAllCaches(t *testing.T) {
	root := proc(t)
	tr := bare(t, Options{Proc: root})
	done, err := tr.Apply(t.Context(), rig.Treatment{Kind: rig.DropCaches})
	require.NoError(t, err)
	text, err := os.ReadFile(root + "/sys/vm/drop_caches")
	require.NoError(t, err)
	assert.Equal(t, "3\n", string(text))
	assert.Nil(t, done.Undo)
	require.NotNil(t, done.Seen.Before)
	assert.Equal(t, &record.Treated{Treatment: rig.DropCaches, Reading: "page cache, B", Before: done.Seen.Before, After: done.Seen.Before}, done.Seen)
}

// cachedPages is how many pages of a file are in the page cache.
func cachedPages(t *testing.T, path string) (pages int) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	st, err := f.Stat()
	require.NoError(t, err)
	m, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_SHARED)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Munmap(m)) }()
	in := make([]byte, (st.Size()+int64(os.Getpagesize())-1)/int64(os.Getpagesize()))
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, addressOf(m), uintptr(len(m)), addressOf(in))
	require.Zero(t, errno)
	for _, b := range in {
		pages += int(b & 1)
	}
	return pages
}

// Who is not root takes the files out that he may read, and what was read says that it is no more than that.
func TestDropOwnCaches(t *testing.T) {
	root := proc(t)
	file := filepath.Join(t.TempDir(), "weights")
	require.NoError(t, os.WriteFile(file, make([]byte, 1<<20), 0o644))
	if cachedPages(t, file) == 0 {
		t.Skip("NOT TESTED: this file system keeps no pages of a file that was just written")
	}
	var fs unix.Statfs_t
	require.NoError(t, unix.Statfs(file, &fs))
	if fs.Type == unix.TMPFS_MAGIC {
		t.Skip("NOT TESTED: the pages of a file on a tmpfs are the file: set TMPDIR to a folder on a drive")
	}
	tr := bare(t, Options{Proc: root, CacheFiles: []string{file}})
	// Root may write whatever the mode says; a file system that is read-only, as in a container, is refused to all.
	require.NoError(t, os.Remove(root+"/sys/vm/drop_caches"))
	require.NoError(t, os.Symlink("/sys/kernel/notes", root+"/sys/vm/drop_caches"))
	done, err := tr.Apply(t.Context(), rig.Treatment{Kind: rig.DropCaches})
	require.NoError(t, err)
	assert.Zero(t, cachedPages(t, file))
	assert.Contains(t, done.Seen.Reading, "without root only of the files of fio, the probe and the configuration")
	tr.o.CacheFiles = []string{file + "-none"}
	_, err = tr.Apply(t.Context(), rig.Treatment{Kind: rig.DropCaches})
	require.ErrorContains(t, err, fmt.Sprintf("open %s-none", file))
}
