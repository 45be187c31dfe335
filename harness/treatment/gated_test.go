package treatment

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// summed samples what is watched for a while and sums it up, as package evidence does with the lines of a cell.
func summed(t *testing.T, tr *Treater, p *evidence.PhaseSums, d time.Duration) {
	t.Helper()
	w, err := tr.watcher(t.Context(), 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, w.close()) }()
	var first record.SysSample
	for _, s := range tr.Sources() {
		require.NoError(t, s.Sample(t.Context(), &first))
	}
	begun := time.Now()
	time.Sleep(d)
	s, err := w.since(t.Context())
	require.NoError(t, err)
	for _, of := range tr.Sources() {
		require.NoError(t, of.Sample(t.Context(), &s))
	}
	p.Seconds = time.Since(begun).Seconds()
	p.NVMeSeconds, p.ReadBytes = p.Seconds, s.NVMe.ReadBytes
	if s.Fio != nil {
		p.FioSeconds, p.FioReadBytes, p.FioWriteBytes = p.Seconds, &s.Fio.ReadBytes, &s.Fio.WriteBytes
	}
	if s.Probe != nil && s.Probe.MeanUS != nil {
		p.ProbeReads, p.ProbeUS = s.Probe.N, s.Probe.N**s.Probe.MeanUS
	}
}

// The gates of a sweep over fio find all that they ask for in what is recorded of the real fio and the real probe. By how
// much this drive is slowed is not asked: it is others', too.
func TestGatesTakeWhatIsRecorded(t *testing.T) {
	needFio(t)
	tr, _, _ := treating(t, nil)
	ev := &evidence.Evidence{Exp: &config.Experiment{Hypothesis: &config.Hypothesis{}}}
	ev.Exp.Hypothesis.Sweep.Fio = []string{"none", "heavy"}
	ev.Exp.Hypothesis.Gates = config.Gates{MinFioPresence: 0.95, MaxForeignReads: 0.01, MaxCarryOver: 1e6}
	for i, level := range ev.Exp.Hypothesis.Sweep.Fio {
		c := &evidence.Cell{}
		c.Cell = record.NewCell("fio", level, "conc", 8, "rep", 1)
		c.Key, c.Rep, c.Fio, c.Stack = c.Cell.String(), 1, level, "A"
		c.Info.Start, c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd = float64(i), new(0.0), new(1.0)
		probe, err := tr.Apply(t.Context(), rig.Treatment{Kind: rig.Probe})
		require.NoError(t, err)
		summed(t, tr, &c.Sys.Baseline, 500*time.Millisecond)
		fio, err := tr.Apply(t.Context(), rig.Treatment{Kind: rig.Fio, Name: level, Text: map[string]string{"none": ";\n", "heavy": profile}[level]})
		require.NoError(t, err)
		summed(t, tr, &c.Sys.Measure, 500*time.Millisecond)
		require.NoError(t, fio.Undo(t.Context()))
		require.NoError(t, probe.Undo(t.Context()))
		c.Info.Fio, c.Info.Probe = fio.Fio, probe.Probe
		ev.Cells = append(ev.Cells, c)
	}
	g := gate.FioRan(ev)
	assert.True(t, g.Passed, "%+v", g)
	g = gate.FioReached(ev, 0)
	assert.True(t, g.Passed, "%+v", g)
	assert.Contains(t, g.Detail, "times as long with fio heavy as with none")
	t.Log(g.Detail)

	ev.Cells[1].Info.Fio.Jobs = nil
	assert.Contains(t, gate.FioRan(ev).Detail, "no cell was to have fio beside it", "and they look")
	ev.Cells[0].Info.Probe = nil
	assert.False(t, gate.FioReached(ev, 0).Passed)
	for _, v := range []float64{ev.Cells[0].Sys.Baseline.ProbeUS, ev.Cells[1].Sys.Measure.ProbeUS} {
		assert.False(t, math.IsNaN(v) || v <= 0)
	}
	assert.NotContains(t, strings.Join(ev.Cells[0].Info.Fio.Jobs, ""), "heavy")
}
