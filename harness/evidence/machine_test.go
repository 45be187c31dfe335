package evidence

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// baselineOf reads samples of a second each, which read 1000 times while the machine is treated and in the sample in which
// that ends, and twice in each of the three others of the baseline.
func baselineOf(t *testing.T, phase string) PhaseSums {
	t.Helper()
	path := filepath.Join(t.TempDir(), record.FileSysmon)
	w, err := record.Create(path, 0)
	require.NoError(t, err)
	for i, s := range []struct {
		phase string
		reads float64
	}{{record.PhaseTreat, 1000}, {record.PhaseBaseline, 1000}, {record.PhaseBaseline, 2}, {record.PhaseBaseline, 2}, {record.PhaseBaseline, 2}} {
		line := sysAt(float64(i+1), 1, s.reads)
		line.Phase = s.phase
		require.NoError(t, w.Write(line))
	}
	require.NoError(t, w.Close())
	c := &Cell{PlannedCell: record.PlannedCell{Phase: phase}}
	require.NoError(t, c.loadSys(path))
	return c.Sys.Baseline
}

// The sample in which a treatment ends is the treatment's and not of the idle machine; without a treatment it is idle, too.
func TestTreatmentsAreNotIdle(t *testing.T) {
	for _, phase := range []string{"cold", "warm"} {
		idle := baselineOf(t, phase)
		assert.Equal(t, []float64{3, 3, 6}, []float64{idle.Seconds, idle.NVMeSeconds, idle.ReadIOs}, phase)
	}
	idle := baselineOf(t, "")
	assert.Equal(t, []float64{4, 4, 1006}, []float64{idle.Seconds, idle.NVMeSeconds, idle.ReadIOs})
}
