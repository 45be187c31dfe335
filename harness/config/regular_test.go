package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/regular"
)

// A configuration is a file of a sensible size, whoever names it: a flag, a base, a folder or a run.
func TestConfigurationsAreRegularFiles(t *testing.T) {
	read := func(load func(string) error) func(t *testing.T, path string) error {
		return func(_ *testing.T, path string) error { return load(path) }
	}
	inFolder := func(name string, load func(dir string) error) func(t *testing.T, path string) error {
		return func(t *testing.T, path string) error {
			dir := t.TempDir()
			require.NoError(t, os.Symlink(path, filepath.Join(dir, name)))
			return load(dir)
		}
	}
	_, folder := folderOf(t, files{"gates.yaml": gates, "worlds/w1.yaml": "", "stackA.yaml": ""})
	for name, load := range map[string]func(t *testing.T, path string) error{
		"stack":      read(func(path string) error { _, err := LoadStack(path); return err }),
		"profile":    read(func(path string) error { _, err := LoadProfile(path); return err }),
		"hypothesis": read(func(path string) error { _, err := LoadHypothesis(folder, path); return err }),
		"folder":     inFolder(folderFileName, func(dir string) error { _, err := OpenFolder(dir); return err }),
		"gates": inFolder(gatesFile, func(dir string) error {
			f, err := OpenFolder(dir)
			require.NoError(t, err)
			path := filepath.Join(t.TempDir(), "h.yaml")
			require.NoError(t, os.WriteFile(path, []byte(withoutGates(t)), 0o644))
			_, err = LoadHypothesis(f, path)
			return err
		}),
		"base": func(t *testing.T, path string) error {
			over := filepath.Join(t.TempDir(), "over.yaml")
			require.NoError(t, os.WriteFile(over, []byte("base: "+path+"\n"), 0o644))
			_, err := LoadStack(over)
			require.ErrorContains(t, err, over+":1: base: cannot be read: ")
			return err
		},
		"saved": inFolder(record.FileConfig, func(dir string) error { _, err := ReadExperiment(dir); return err }),
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, load(t, os.DevNull), "is a device, "+regular.ErrNoFile.Error())
			large := filepath.Join(t.TempDir(), "large.yaml")
			require.NoError(t, os.WriteFile(large, nil, 0o644))
			require.NoError(t, os.Truncate(large, record.MaxConfig+1))
			require.ErrorContains(t, load(t, large), "is too large: 16 MiB, and such a file has at most ")
		})
	}
}

// What a run saves it can read again.
func TestSavedConfigurationIsBounded(t *testing.T) {
	e := swept()
	e.Fio = map[string]string{"heavy": strings.Repeat("#", record.MaxConfig)}
	dir := t.TempDir()
	require.ErrorContains(t, e.Save(dir), "bytes, and one of more than 16777216 cannot be read again: name fewer job files or adapters")
	assert.NoFileExists(t, record.Path(dir, record.FileConfig))
}
