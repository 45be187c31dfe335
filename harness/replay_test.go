package harness

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// -replay derives the verdict of a folder and prints it; it measures nothing and writes nothing.
func TestReplayFolder(t *testing.T) {
	o := testOptions(t)
	withSession(t, o)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(o.Root, "fixtures", "runs", "h2a"))))
	files := func() map[string]string {
		out := map[string]string{}
		require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			out[path] = string(b)
			return err
		}))
		return out
	}
	before := files()
	var shown bytes.Buffer
	session.out = &shown
	o.Replay, o.Configs = dir, "no such folder"
	rep, path := execute(t, smallH2A, o)
	require.NotNil(t, rep)
	assert.Equal(t, dir, path)
	assert.Equal(t, "H2A", rep.Hypothesis)
	assert.Equal(t, 4, rep.CellsMeasured)
	assert.Contains(t, shown.String(), string(rep.Verdict.Outcome))
	assert.Equal(t, before, files())
	left, err := os.ReadDir(o.Results)
	require.NoError(t, err)
	assert.Empty(t, left)

	_, err = Replay(smallH2B, dir)
	require.ErrorContains(t, err, "a run of H2A, not of H2B: choose the test with -run")
	_, err = Replay(smallH2A, t.TempDir())
	require.ErrorContains(t, err, "replay ")
}
