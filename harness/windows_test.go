package harness

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

func tenSeconds() *config.Windows { return &config.Windows{Length: config.Duration(10 * time.Second)} }

// sysAt is a machine sample that ends at ts after dt seconds with so many reads of 4 KiB, 1 ms each.
func sysAt(ts, dt, reads float64) *record.SysSample {
	return &record.SysSample{TS: ts, DtMS: dt * 1000, CPU: &record.CPU{User: 10, IOWait: 2, Idle: 88},
		NVMe: &record.NVMe{Reads: reads, ReadBytes: reads * 4096, ReadMS: reads}}
}

// What samples count is in the windows that they overlap, no more and no less.
func TestWindowsSpreadSamples(t *testing.T) {
	ws := newWindows(tenSeconds(), 35)
	require.Len(t, ws, 3, "whole windows only")
	addSys(ws, 2, sysAt(2, 4, 400))    // half of it before the phase
	addSys(ws, 10, sysAt(10, 8, 800))  // ends with the first window
	addSys(ws, 25, sysAt(25, 15, 900)) // two thirds in the second
	addSys(ws, 40, sysAt(40, 15, 300)) // a third in the third, the rest beyond
	for i, want := range []float64{200 + 800, 600, 300 + 100} {
		assert.InDelta(t, want, ws[i].sums.reads, 1e-9, "window %d", i)
		assert.InDelta(t, 10, ws[i].block, 1e-9, "window %d is covered", i)
		v, known := IOWait.of(&ws[i], 0)
		assert.True(t, known)
		assert.InDelta(t, 2, v, 1e-9, "a gauge is averaged over time, not summed")
	}
}

// r_await is not known from few reads, and no reading is known without a sample.
func TestReadingsThatAreNotKnown(t *testing.T) {
	ws := newWindows(tenSeconds(), 20)
	addSys(ws, 10, sysAt(10, 10, 999))
	_, known := RAwait.of(&ws[0], 1000)
	assert.False(t, known)
	v, known := RAwait.of(&ws[0], 999)
	assert.True(t, known)
	assert.Equal(t, 1.0, v)
	for _, r := range append(append(append([]Reading{RAwait, FetchP95}, OperatorReadings...), DeviceReadings...), KVReadings...) {
		_, known := r.of(&ws[1], 0)
		assert.False(t, known, "%s of a window without samples", r.Name)
	}
}

// A request belongs to the window in which its first token came; one of the warm-up too.
func TestWindowOfARequest(t *testing.T) {
	c := &CellData{Windows: newWindows(tenSeconds(), 30)}
	ms := func(v float64) *float64 { return &v }
	for _, r := range []record.Request{
		{RC: record.RCOK, IntendedTS: 95, TTFTms: ms(7000), Phase: record.PhaseWarmup}, // at 2 s
		{RC: record.RCOK, IntendedTS: 108, TTFTms: ms(1000)},                           // at 9 s
		{RC: record.RCOK, IntendedTS: 108, TTFTms: ms(3000)},                           // at 11 s
		{RC: record.RCOK, IntendedTS: 129, TTFTms: ms(3000)},                           // beyond
		{RC: record.RCTimeout, IntendedTS: 101, E2Ems: ms(24000), Censored: true},      // gave up at 25 s
		{RC: record.RCServer, IntendedTS: 108, TTFTms: ms(1000)},                       // failed: says nothing
	} {
		c.window(&r, 100)
	}
	assert.Equal(t, []float64{7000, 1000}, c.Windows[0].TTFT)
	assert.Equal(t, []float64{3000}, c.Windows[1].TTFT)
	assert.Empty(t, c.Windows[2].TTFT)
	assert.Equal(t, 1, c.Windows[2].Censored)
}

// The bytes of a fetch are spread over the time that its transfer took, which ended before the sample.
func TestFetchBytesAreSpread(t *testing.T) {
	start := 100.0
	c := &CellData{Windows: newWindows(tenSeconds(), 30), Info: CellInfo{Load: load.Summary{MeasureStart: &start, MeasureEnd: new(130.0)}}}
	at := func(ts, blocks, bytes, count, transfer float64) *record.KVSample {
		return &record.KVSample{TS: ts, Tier2: record.KVTier{Hits: &blocks, BytesOut: &bytes, FetchCount: &count, FetchTransferMS: &transfer, FetchQueueMS: new(0.0)}}
	}
	kv := &KVData{}
	kv.spread(c, at(111.8, 0, 0, 0, 0), at(112, 40, 8e9, 1, 4000))       // from 108 to 112: half in each window
	kv.spread(c, at(112, 40, 8e9, 1, 4000), at(112.2, 40, 8e9, 1, 4000)) // nothing ended
	kv.spread(c, at(131.8, 40, 8e9, 1, 4000), at(132, 80, 16e9, 2, 8000))
	assert.InDelta(t, 4e9, c.Windows[0].sums.predicted, 1)
	assert.InDelta(t, 4e9, c.Windows[1].sums.predicted, 1)
	assert.InDelta(t, 4e9, c.Windows[2].sums.predicted, 1, "of a fetch that ended 2 s after the phase")
	assert.InDelta(t, 12e9, *kv.Tier2Spread, 1, "the account takes what lies inside the phase")
}

// windowedCell is a cell of 60 s whose machine was sampled until covered, with a first token in every window.
func windowedCell(rep int, covered float64) *CellData {
	c := &CellData{PlannedCell: PlannedCell{Rep: rep, Key: "cell", Cell: record.NewCell("conc", 1, "rep", rep)}, Windows: newWindows(tenSeconds(), 60)}
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
	return &Evidence{Exp: &Experiment{Hypothesis: h}, Cells: []*CellData{windowedCell(1, covered), windowedCell(2, 60)}}
}

// A window that a source does not cover is left out, and too many of them fail the gate.
func TestWindowCoverage(t *testing.T) {
	ev := windowedEvidence(60)
	set := ev.Windows(ev.Groups(), IOWait)
	assert.Equal(t, 12, set.N())
	gate := set.Gate(ev)
	assert.True(t, gate.Passed, gate.Detail)
	assert.Contains(t, gate.Detail, "NVMe 100.0 %")

	ev = windowedEvidence(55)
	set = ev.Windows(ev.Groups(), IOWait)
	assert.Equal(t, 11, set.N())
	assert.Equal(t, 1, set.Uncovered)
	gate = set.Gate(ev)
	assert.False(t, gate.Passed)
	assert.Equal(t, verdict.Invalid, gate.OnFailure)
	assert.Contains(t, gate.Detail, "at 50 s, 50 %")
}

// The cells of a repetition lie one after another on one axis; windows without a first token or with a time-out
// have no p99 and are counted.
func TestWindowSetJoinsCells(t *testing.T) {
	ev := windowedEvidence(60)
	other := windowedCell(1, 60)
	other.Cell, other.Key = record.NewCell("conc", 2, "rep", 1), "other"
	other.Windows[0].TTFT = nil
	other.Windows[1].Censored = 1
	ev.Cells = append(ev.Cells, other)
	set := ev.Windows(ev.Groups())
	assert.Equal(t, []int{1, 1}, []int{set.Empty, set.Censored})
	p99 := set.P99(false)
	require.Len(t, p99, 2)
	assert.Len(t, p99[0], 10)
	assert.Len(t, p99[1], 6)
	assert.Equal(t, stats.Point{T: 60 + 20, V: 300}, p99[0][6], "third window of the second cell")
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
