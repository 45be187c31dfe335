package evidence

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// windowedCell is a cell of 60 s whose machine was sampled until covered, with a first token in every window.
func windowedCell(rep int, covered float64) *Cell {
	c := &Cell{PlannedCell: record.PlannedCell{Rep: rep, Key: "cell", Cell: record.NewCell("conc", 1, "rep", rep)}, Windows: newWindows(tenSeconds(), 60)}
	c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd = new(0.0), new(60.0)
	for t := 0.2; t <= covered+1e-9; t += 0.2 {
		addSys(c.Windows, t, sysAt(t, 0.2, 100))
	}
	for i := range c.Windows {
		c.Windows[i].TTFT = []float64{float64(100 * (i + 1))}
	}
	return c
}

func windowedEvidence(covered float64) *Evidence {
	h := &config.Hypothesis{Windows: tenSeconds()}
	h.Gates.MinCoverage = 0.95
	return &Evidence{Exp: &config.Experiment{Hypothesis: h}, Cells: []*Cell{windowedCell(1, covered), windowedCell(2, 60)}}
}

// A window that a source does not cover is left out, counted, and named if it is the one that is covered least.
func TestWindowCoverage(t *testing.T) {
	ev := windowedEvidence(60)
	set := ev.Windows(ev.Groups(), IOWait)
	assert.Equal(t, 12, set.N())
	assert.Equal(t, []SourceCoverage{{"NVMe", 1}, {"machine", 1}}, rounded(set.Coverage()))
	least, _ := set.Least()
	assert.InDelta(t, 1, least, 1e-9)

	ev = windowedEvidence(55)
	set = ev.Windows(ev.Groups(), IOWait)
	assert.Equal(t, 11, set.N())
	assert.Equal(t, 1, set.Uncovered)
	least, where := set.Least()
	assert.InDelta(t, 0.5, least, 1e-9)
	assert.Contains(t, where, "at 50 s")
	assert.Equal(t, []SourceCoverage{{"NVMe", 0.958}, {"machine", 0.958}}, rounded(set.Coverage()), "115 of 120 s")
}

// rounded are shares to a thousandth: seconds of samples are summed.
func rounded(all []SourceCoverage) []SourceCoverage {
	for i := range all {
		all[i].Share = math.Round(1000*all[i].Share) / 1000
	}
	return all
}

// The cells of a repetition lie one after another on one axis; windows without a first token or with a time-out
// have no slowest request and are counted.
func TestWindowSetJoinsCells(t *testing.T) {
	ev := windowedEvidence(60)
	other := windowedCell(1, 60)
	other.Cell, other.Key = record.NewCell("conc", 2, "rep", 1), "other"
	other.Windows[0].TTFT = nil
	other.Windows[1].Censored = 1
	ev.Cells = append(ev.Cells, other)
	set := ev.Windows(ev.Groups())
	assert.Equal(t, []int{1, 1}, []int{set.Empty, set.Censored})
	slowest := set.Slowest(false)
	require.Len(t, slowest, 2)
	assert.Len(t, slowest[0], 10)
	assert.Len(t, slowest[1], 6)
	assert.Equal(t, stats.Point{T: 60 + 20, V: 300}, slowest[0][6], "third window of the second cell")
	assert.Equal(t, 18, ev.AllWindows(ev.Groups()).N(), "bytes have no need of a first token")
}

// A relation over groups is none of a group that has lost most of its windows, so that group is named.
func TestWindowSetNamesWhatItLacks(t *testing.T) {
	ev := windowedEvidence(60)
	other := windowedCell(1, 60)
	other.Cell, other.Key = record.NewCell("conc", 2, "rep", 1), "other"
	for i := range 3 {
		other.Windows[i].TTFT = nil
	}
	ev.Cells = append(ev.Cells, other)
	set := ev.Windows(ev.Groups())
	assert.Empty(t, set.Lacks(), "half of them are left")
	assert.Equal(t, "15 of 18 windows used (left out: 3 without a first token)", set.LeftOut())
	other.Windows[3].Censored = 1
	set = ev.Windows(ev.Groups())
	assert.Equal(t, "conc=2 (2 of 6)", set.Lacks())
	assert.Equal(t, "14 of 18 windows used (left out: 3 without a first token, 1 with a time-out)", set.LeftOut())
	assert.Equal(t, "all 18 windows used", ev.AllWindows(ev.Groups()).LeftOut())
}

// A stack with a KV manager has one source more that has to cover a window.
func TestWindowCoverageOfTheKVManager(t *testing.T) {
	ev := windowedEvidence(60)
	c := ev.Cells[0]
	c.KV = &KVCounters{}
	for i := range c.Windows {
		c.Windows[i].kv = 9.5
	}
	assert.Equal(t, 12, ev.Windows(ev.Groups()).N())
	c.Windows[3].kv = 9.4
	set := ev.Windows(ev.Groups())
	assert.Equal(t, []int{11, 1}, []int{set.N(), set.Uncovered})
	least, where := set.Least()
	assert.InDelta(t, 0.94, least, 1e-9)
	assert.Equal(t, "KV manager of cell at 30 s", where)
	assert.Equal(t, []SourceCoverage{{"KV manager", 0.948}, {"NVMe", 1}, {"machine", 1}}, rounded(set.Coverage()), "56.9 of 60 s")
}
