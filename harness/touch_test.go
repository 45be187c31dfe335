package harness

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// First touches are found again on the recorded lines of a cell, and nothing else of the file changes.
func TestMarkFirstTouches(t *testing.T) {
	paths, err := filepath.Glob("../fixtures/runs/h1/cells/*/" + fileMetrics)
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	mark := regexp.MustCompile(`"first_touch":(true|false)`)
	for _, recorded := range paths {
		want, err := os.ReadFile(recorded)
		require.NoError(t, err)
		require.Contains(t, string(want), `"first_touch":true`)
		path := filepath.Join(t.TempDir(), fileMetrics)
		require.NoError(t, os.WriteFile(path, mark.ReplaceAll(want, []byte(`"first_touch":null`)), 0o644))
		require.NoError(t, markFirstTouches(path))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))

		require.NoError(t, os.Truncate(path, int64(len(want)-1)))
		require.ErrorContains(t, markFirstTouches(path), "measure the cell again")
		got, err = os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(want[:len(want)-1]), string(got), "a file that is cut stays as it is")
	}
}
