package report

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What stands over all runs follows from their reports, or is named; what is not there is not asked for.
func TestNotFollowing(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Write(filepath.Join(dir, "b"), sampleH2B()))
	names := func() []string {
		got, err := NotFollowing(dir)
		require.NoError(t, err)
		return got
	}
	assert.Empty(t, names(), "there is neither page nor summary")
	write := func() {
		for _, write := range []func(string) ([]string, error){WriteIndex, WriteSummary} {
			_, err := write(dir)
			require.NoError(t, err)
		}
	}
	write()
	assert.Empty(t, names())
	for _, name := range []string{IndexName, SummaryName} {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, bytes.Replace(text, []byte("H2B"), []byte("H2C"), 1), 0o644))
		assert.Equal(t, []string{name}, names())
		require.NoError(t, os.WriteFile(path, text, 0o644))
	}
	require.NoError(t, Write(filepath.Join(dir, "a"), sampleH0()))
	assert.Equal(t, []string{IndexName, SummaryName}, names(), "a run has come since")
	write()
	assert.Empty(t, names())
}
