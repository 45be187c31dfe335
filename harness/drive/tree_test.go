package drive

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree is a recorded machine, laid out below a folder of its own.
type tree struct {
	t     *testing.T
	root  string
	place Place             // of every directory
	nodes map[string]Number // of /dev
}

const ext4Magic = 0xef53

// recorded lays out testdata/<name>.tree, in which a directory is on the device of that number.
func recorded(t *testing.T, name string, on Number) *tree {
	t.Helper()
	tr := &tree{t: t, root: t.TempDir(), place: Place{Magic: ext4Magic, Device: on}, nodes: map[string]Number{}}
	all, err := os.ReadFile(filepath.Join("testdata", name+".tree"))
	require.NoError(t, err)
	file := ""
	for line := range strings.Lines(string(all)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, " ") {
			b, err := os.ReadFile(filepath.Join(tr.root, file))
			require.NoError(t, err)
			tr.set(file, string(b)+line[1:])
			continue
		}
		line = strings.TrimSuffix(line, "\n")
		if path, target, ok := strings.Cut(line, " -> "); ok {
			full := filepath.Join(tr.root, path)
			require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
			require.NoError(t, os.Symlink(target, full))
			continue
		}
		var ok bool
		var content string
		file, content, ok = strings.Cut(line, " =")
		require.True(t, ok, line)
		if content != "" {
			content = content[1:] + "\n"
		}
		tr.set(file, content)
	}
	return tr
}

// set writes a file, which may be below a link.
func (tr *tree) set(path, content string) {
	tr.t.Helper()
	full := filepath.Join(tr.root, path)
	require.NoError(tr.t, os.MkdirAll(filepath.Dir(full), 0o755))
	require.NoError(tr.t, os.WriteFile(full, []byte(content), 0o644))
}

func (tr *tree) machine() Machine {
	return Machine{
		Proc: filepath.Join(tr.root, "proc"), Sys: filepath.Join(tr.root, "sys"),
		Place: func(string) (Place, error) { return tr.place, nil },
		Node: func(path string) (Number, error) {
			if n, known := tr.nodes[path]; known {
				return n, nil
			}
			return Number{}, fmt.Errorf("stat %s: %w", path, os.ErrNotExist)
		},
	}
}

// of is the drive of a directory of the tree.
func (tr *tree) of() (*Drive, error) { return Of(tr.root, tr.machine()) }
