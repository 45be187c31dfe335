package disk

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a killed process has left is swept, what a living one uses is not, nor what is not a scratch folder.
func TestScratchIsSwept(t *testing.T) {
	parent := t.TempDir()
	_, living, _ := holder(t, "scratch", parent)
	_, left, kill := holder(t, "scratch", parent)
	require.NoError(t, os.WriteFile(filepath.Join(left, "proc"), nil, 0o644))
	half := filepath.Join(parent, scratchPrefix+"half")
	require.NoError(t, os.MkdirAll(filepath.Join(half, "proc"), 0o755))
	empty := filepath.Join(parent, scratchPrefix+"empty")
	require.NoError(t, os.Mkdir(empty, 0o755))
	other := filepath.Join(parent, "sparkharness-other")
	require.NoError(t, os.Mkdir(other, 0o755))
	mine, err := NewScratch(parent)
	require.NoError(t, err)

	SweepScratch(parent)
	assert.DirExists(t, left, "its process lives")
	assert.NoDirExists(t, half, "removed to a half by its owner")
	assert.NoDirExists(t, empty)
	kill()
	SweepScratch(parent)
	assert.NoDirExists(t, left)
	for _, dir := range []string{living, other, mine.Dir()} {
		assert.DirExists(t, dir)
	}
	require.NoError(t, mine.Close())
	assert.NoDirExists(t, mine.Dir())
}

// The scratch folder of another host, in a folder that both use, stays.
func TestScratchOfAnotherHost(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, scratchPrefix+"1")
	require.NoError(t, os.Mkdir(dir, 0o755))
	b, err := Owner{PID: 7, Start: 7, Boot: "there", Host: "elsewhere"}.text()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ownerFile), b, 0o644))
	SweepScratch(parent)
	assert.DirExists(t, dir)
}

// Where the folder that is meant cannot be used, that of the system is.
func TestScratchElsewhere(t *testing.T) {
	system := t.TempDir()
	t.Setenv("TMPDIR", system)
	s, err := NewScratch(filepath.Join(t.TempDir(), "none"))
	require.NoError(t, err)
	assert.Equal(t, system, filepath.Dir(s.Dir()))
	require.NoError(t, s.Close())
	t.Setenv("TMPDIR", filepath.Join(system, "none"))
	_, err = NewScratch(filepath.Join(system, "neither"))
	require.ErrorContains(t, err, filepath.Join(system, "none"))
}
