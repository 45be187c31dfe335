package carried

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tree is what lies below a folder, but Go's own files.
func tree(t *testing.T, fsys fs.FS) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".go" {
			return err
		}
		text, err := fs.ReadFile(fsys, path)
		out[path] = string(text)
		return err
	}))
	return out
}

// What is carried is all that a checkout has: a folder that embed does not name would be missing on other machines only.
func TestAllIsCarried(t *testing.T) {
	root, err := Root(t.TempDir())
	require.NoError(t, err)
	for name := range rooms {
		assert.Equal(t, tree(t, os.DirFS(filepath.Join("..", "..", name))), tree(t, os.DirFS(filepath.Join(root, name))), name)
	}
}

func TestLay(t *testing.T) {
	parent := t.TempDir()
	room := map[string]fs.FS{"configs": fstest.MapFS{"a.yaml": {Data: []byte("a: 1\n")}, "worlds/b.yaml": {Data: []byte("b: 2\n")}}}
	root, err := lay(room, parent)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"configs/a.yaml": "a: 1\n", "configs/worlds/b.yaml": "b: 2\n"}, tree(t, os.DirFS(root)))

	t.Run("what was changed is put right", func(t *testing.T) {
		require.NoError(t, os.WriteFile(filepath.Join(root, "configs", "a.yaml"), []byte("a: 9\n"), 0o644))
		require.NoError(t, os.Remove(filepath.Join(root, "configs", "worlds", "b.yaml")))
		again, err := lay(room, parent)
		require.NoError(t, err)
		assert.Equal(t, root, again)
		assert.Equal(t, map[string]string{"configs/a.yaml": "a: 1\n", "configs/worlds/b.yaml": "b: 2\n"}, tree(t, os.DirFS(root)))
	})
	t.Run("a stranger is refused", func(t *testing.T) {
		path := filepath.Join(root, "configs", "worlds", "mine.yaml")
		require.NoError(t, os.WriteFile(path, nil, 0o644))
		_, err := lay(room, parent)
		require.ErrorContains(t, err, path+" is none of the files that the program carries: move it")
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.WriteFile(filepath.Join(root, "configs", ".a.yaml.7.tmp"), nil, 0o644), "another start writes")
		_, err = lay(room, parent)
		require.NoError(t, err)
	})
	t.Run("other files lie elsewhere", func(t *testing.T) {
		other, err := lay(map[string]fs.FS{"configs": fstest.MapFS{"a.yaml": {Data: []byte("a: 2\n")}}}, parent)
		require.NoError(t, err)
		assert.NotEqual(t, root, other)
	})
	t.Run("no place", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o644))
		_, err := lay(room, file)
		require.ErrorContains(t, err, file)
	})
}
