package gate_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// windowedRun writes a run of two cells of 60 s each and reads it: windows of 10 s, a first token in each. The machine
// of the first cell is sampled until covered, s, that of the second to the end.
func windowedRun(t *testing.T, covered float64) *evidence.Evidence {
	t.Helper()
	dir := t.TempDir()
	ev := goodEvidence()
	ev.Exp.Hypothesis.Windows = &config.Windows{Length: config.Duration(10e9)}
	require.NoError(t, ev.Exp.Save(dir))
	log, err := record.OpenLog(dir)
	require.NoError(t, err)
	plan := &record.Plan{Schema: record.PlanSchema, RunID: "r", Hypothesis: "HX"}
	for rep, until := range []float64{covered, 60} {
		pc := record.PlannedCell{Cell: record.NewCell("conc", 1, "rep", rep+1), Rep: rep + 1, Stack: "A"}
		pc.Key = pc.Cell.String()
		plan.Cells = append(plan.Cells, pc)
		folder := record.CellPath(dir, pc.Cell)
		require.NoError(t, os.MkdirAll(folder, 0o755))
		info := &record.CellInfo{RunID: "r", Cell: pc.Key, Load: record.LoadSummary{MeasureStart: ptr(0.0), MeasureEnd: ptr(60.0)}}
		requests, err := record.Create(filepath.Join(folder, record.FileMetrics), 0)
		require.NoError(t, err)
		for i := range 6 {
			require.NoError(t, requests.Write(&record.Request{RunID: "r", RC: record.RCOK, Phase: record.PhaseMeasure, IntendedTS: float64(10 * i),
				TTFTms: ptr(float64(100 * (i + 1)))}))
		}
		require.NoError(t, requests.Close())
		samples, err := record.Create(filepath.Join(folder, record.FileSysmon), 1<<16)
		require.NoError(t, err)
		for n := 1; float64(n)/5 <= until+1e-9; n++ {
			require.NoError(t, samples.Write(&record.SysSample{TS: float64(n) / 5, DtMS: 200, Phase: record.PhaseMeasure,
				CPU: &record.CPU{Idle: 100}, NVMe: &record.NVMe{Reads: 100, ReadMS: 100}}))
		}
		require.NoError(t, samples.Close())
		require.NoError(t, info.Seal(folder))
		require.NoError(t, log.Complete(pc.Key, folder))
	}
	require.NoError(t, plan.Save(dir, log))
	require.NoError(t, log.Close())
	ev, err = evidence.Load(dir, nil)
	require.NoError(t, err)
	require.Len(t, ev.Cells, 2)
	return ev
}

// Too many windows that a source does not cover fail the gate, which names the one that is covered least.
func TestWindows(t *testing.T) {
	ev := windowedRun(t, 60)
	set := ev.Windows(ev.Groups(), evidence.IOWait)
	require.Equal(t, 12, set.N())
	g := gate.Windows(ev, set)
	assert.True(t, g.Passed, g.Detail)
	assert.Contains(t, g.Detail, "12 windows of 10 s")
	assert.Contains(t, g.Detail, "NVMe 100.0 %")

	ev = windowedRun(t, 55)
	set = ev.Windows(ev.Groups(), evidence.IOWait)
	require.Equal(t, 11, set.N())
	g = gate.Windows(ev, set)
	assert.False(t, g.Passed)
	assert.Equal(t, gate.Invalid, g.OnFailure)
	assert.Equal(t, "window_coverage", g.Code)
	assert.Contains(t, g.Detail, "at 50 s, 50 %")

	ev = windowedRun(t, 60)
	for _, c := range ev.Cells {
		for i := range c.Windows {
			c.Windows[i].Censored = 1
		}
	}
	g = gate.Windows(ev, ev.Windows(ev.Groups(), evidence.IOWait))
	assert.Equal(t, []any{false, gate.Inconclusive, "no_usable_window"}, []any{g.Passed, g.OnFailure, g.Code})

	for _, c := range ev.Cells {
		c.Windows = nil
	}
	g = gate.Windows(ev, ev.Windows(ev.Groups(), evidence.IOWait))
	assert.Equal(t, []any{false, gate.Invalid, "no_windows"}, []any{g.Passed, g.OnFailure, g.Code})
}
