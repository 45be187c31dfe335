package harness

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The recorded runs of fixtures/runs are those that fixtures/configs asks for: the effective configuration is, byte
// by byte, the saved one.
func TestRecordedConfigurations(t *testing.T) {
	runs, err := filepath.Glob(filepath.Join("..", "fixtures", "runs", "*", "config.yaml"))
	require.NoError(t, err)
	require.Len(t, runs, 12)
	for _, path := range runs {
		recorded, err := readExperiment(path)
		require.NoError(t, err)
		h := small(recorded.Hypothesis.Hypothesis, slices.Collect(maps.Keys(recorded.Hypothesis.Thresholds))...)
		h.Windows = recorded.Hypothesis.Windows != nil
		e, err := loadExperiment(h, testOptions(t))
		require.NoError(t, err)
		saved := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, e.save(saved))
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		got, err := os.ReadFile(saved)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), h.ID)
	}
}
