package diskrig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// small are options of a storage that is quick to make.
func small() Options { return Options{BlockBytes: 64 << 10, KVBlocks: 4, Noise: noise()} }

// fails is the error of opening a storage.
func fails(t *testing.T, dir string, o Options) error {
	t.Helper()
	s, err := Open(t.Context(), dir, o)
	if err == nil {
		require.NoError(t, s.Close())
	}
	require.Error(t, err)
	return err
}

// A directory has one storage at a time; the next one can be had when it is closed.
func TestDirectoryIsExclusive(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, small())
	err := fails(t, dir, small())
	require.ErrorContains(t, err, "the directory of "+s.Path()+" is in use: held by process ")
	require.ErrorContains(t, err, "choose another directory")
	require.NoError(t, moved(s, write(1, numbered(4))), "nothing of the first is touched")
	require.NoError(t, moved(s, read(2, numbered(4))))

	other := t.TempDir()
	s, err = Open(t.Context(), other, small())
	require.NoError(t, err)
	require.NoError(t, s.Close())
	assert.Empty(t, names(t, other))
	opened(t, other, small())
}

// What has the folder's name and is not ours stays as it is.
func TestForeignFolderStays(t *testing.T) {
	for name, tc := range map[string]struct {
		make func(t *testing.T, path string)
		want string
	}{
		"a file":                          {func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, nil, 0o600)) }, "is no folder"},
		"a folder":                        {func(t *testing.T, path string) { put(t, filepath.Join(path, "kv")) }, "has no mark .owner"},
		"a folder whose mark is a folder": {func(t *testing.T, path string) { put(t, filepath.Join(path, mark, "x")) }, "has no mark .owner"},
		"a link to a folder": {func(t *testing.T, path string) {
			to := t.TempDir()
			put(t, filepath.Join(to, mark))
			put(t, filepath.Join(to, "kept"))
			require.NoError(t, os.Symlink(to, path))
			t.Cleanup(func() { assert.FileExists(t, filepath.Join(to, "kept")) })
		}, "is no folder"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			onDrive(t, dir)
			path := filepath.Join(dir, Folder)
			tc.make(t, path)
			before := tree(t, dir)
			asked := Claimable(dir)
			err := fails(t, dir, small())
			require.EqualError(t, asked, err.Error(), "asked before anything is written")
			require.ErrorContains(t, err, path+" "+tc.want+", so it is not this program's: move it away")
			assert.Equal(t, before, tree(t, dir))
		})
	}
}

// An empty folder without a mark is what a process has left that was killed early.
func TestEmptyFolderIsTaken(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, Folder), 0o700))
	require.NoError(t, Claimable(dir))
	s := opened(t, dir, small())
	require.NoError(t, Claimable(dir), "it is of this program, whoever has it now")
	require.FileExists(t, filepath.Join(s.Path(), mark))
	require.NoError(t, Claimable(t.TempDir()))
	require.ErrorIs(t, Claimable(filepath.Join(dir, "none")), os.ErrNotExist)
}

// A link to a directory leads to where the storage then is, and "..", to the folder above.
func TestDirectoryByAnotherName(t *testing.T) {
	dir, aside := t.TempDir(), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "x"), 0o700))
	link := filepath.Join(aside, "link")
	require.NoError(t, os.Symlink(dir, link))
	for _, name := range []string{link, filepath.Join(dir, "x") + "/.."} {
		onDrive(t, dir)
		s, err := Open(t.Context(), name, small())
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(dir, Folder), s.Path())
		assert.Equal(t, []string{"link"}, names(t, aside))
		require.NoError(t, s.Close())
		assert.Equal(t, []string{"x"}, names(t, dir))
	}
}

// No name of an adapter leads out of the folder.
func TestNamesStayInTheFolder(t *testing.T) {
	for _, name := range []string{"../evil", "/../../evil", "a/../../../evil", ".."} {
		dir := t.TempDir()
		onDrive(t, dir)
		o := small()
		o.Adapters = append(o.Adapters, adapter(name))
		if name == ".." {
			opened(t, dir, o) // a name like any other behind its prefix
			continue
		}
		require.ErrorContains(t, fails(t, dir, o), "make adapter-"+name+" in ")
		assert.Empty(t, tree(t, dir))
	}
}

// A link that somebody has put in the place of a file is not followed out of the folder.
func TestLinksInTheFolderAreNotFollowed(t *testing.T) {
	dir, aside := t.TempDir(), t.TempDir()
	o := small()
	o.ChunkBlocks = 1
	s := opened(t, dir, o)
	blocks := numbered(1)
	require.NoError(t, moved(s, write(1, blocks)))
	path := filepath.Join(s.Path(), chunkName(blocks[0].Key))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(aside, "same"), content, 0o600))
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Symlink(filepath.Join(aside, "same"), path))
	require.ErrorContains(t, moved(s, read(2, blocks)), "path escapes")
}

func TestRefusedDirectories(t *testing.T) {
	if _, err := os.Stat("/dev/shm"); err == nil {
		dir, err := os.MkdirTemp("/dev/shm", "sparkharness-test-")
		require.NoError(t, err)
		defer func() { assert.NoError(t, os.Remove(dir)) }()
		require.ErrorContains(t, fails(t, dir, small()), "which is memory")
		assert.Empty(t, names(t, dir))
	}
	dir := t.TempDir()
	onDrive(t, dir)
	require.ErrorContains(t, fails(t, filepath.Join(dir, "none"), small()), "make the directory first")
	put(t, filepath.Join(dir, "file"))
	require.ErrorContains(t, fails(t, filepath.Join(dir, "file"), small()), "is no directory")
}

// put makes a file of some bytes.
func put(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
}

// tree are all paths below a directory.
func tree(t *testing.T, dir string) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if path != dir {
			paths = append(paths, strings.TrimPrefix(path, dir))
		}
		return err
	}))
	return paths
}
