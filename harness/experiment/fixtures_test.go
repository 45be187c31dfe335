package experiment_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
)

// The recorded runs of fixtures/runs are those that fixtures/configs asks for: the effective configuration is, byte
// by byte, the saved one.
func TestRecordedConfigurations(t *testing.T) {
	runs, err := filepath.Glob(filepath.Join(root, "fixtures", "runs", "*", "config.yaml"))
	require.NoError(t, err)
	require.Len(t, runs, 13)
	for _, path := range runs {
		recorded, err := config.ReadExperiment(filepath.Dir(path))
		require.NoError(t, err)
		h := small(recorded.Hypothesis.Hypothesis, strings.ToLower(recorded.Hypothesis.Hypothesis)+".yaml", slices.Collect(maps.Keys(recorded.Hypothesis.Thresholds))...)
		h.Windows = recorded.Hypothesis.Windows != nil
		e, err := experiment.Load(h, *choices())
		require.NoError(t, err)
		saved := t.TempDir()
		require.NoError(t, e.Save(saved))
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		got, err := os.ReadFile(record.Path(saved, record.FileConfig))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), h.ID)
	}
}
