package harness

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// fioEvidence is a sweep over fio in two blocks: a read takes 0.125 ms without fio, twice that beside the moderate
// profile, and four times that (in the second block five times) beside the heavy one.
func fioEvidence() *Evidence {
	ev := goodEvidence()
	ev.Exp.Hypothesis.Sweep.Fio = []string{"none", "moderate", "heavy"}
	ev.Cells = nil
	for rep := 1; rep <= 2; rep++ {
		for _, level := range []string{"heavy", "none", "moderate"} {
			c := &CellData{}
			c.Cell = record.NewCell("fio", level, "ctx", 4096, "conc", 8, "rep", rep)
			c.Key, c.Rep, c.Fio, c.Stack = c.Cell.String(), rep, level, "A"
			c.Info.Fio = &rig.FioRun{}
			c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd = ptr(0.0), ptr(100.0)
			c.Sys.Measure.Seconds, c.Sys.Measure.NVMeSeconds = 100, 100
			c.Sys.Measure.ReadIOs, c.Sys.Measure.ReadMS = 800, 100
			if level != "none" {
				c.Info.Fio.Jobs = []string{level}
				c.Sys.Measure.FioReadBytes, c.Sys.Measure.FioSeconds = ptr(1e9), 100
				c.Sys.Measure.ReadMS = map[string]float64{"moderate": 200, "heavy": 300 + 100*float64(rep)}[level]
			}
			ev.Cells = append(ev.Cells, c)
		}
	}
	return ev
}

func TestFioReached(t *testing.T) {
	const heavy1, none1, moderate1, heavy2 = 0, 1, 2, 3 // cells of fioEvidence
	drop := func(cells ...int) func(ev *Evidence) {
		return func(ev *Evidence) {
			var kept []*CellData
			for i, c := range ev.Cells {
				if !slices.Contains(cells, i) {
					kept = append(kept, c)
				}
			}
			ev.Cells = kept
		}
	}
	for _, tc := range []struct {
		name   string
		change func(ev *Evidence)
		code   string // "" for a pass
		detail string
	}{
		{"the drive is slower", func(*Evidence) {}, "", "r_await grew at least 4.00-fold from fio none to heavy (need 3.0; least in block 1: r_await 0.500 ms with fio heavy, 0.125 ms with none)"},
		{"just so", func(ev *Evidence) { ev.Cells[heavy2].Sys.Measure.ReadMS = 300 }, "", "at least 3.00-fold from fio none to heavy (need 3.0; least in block 2"},
		{"one block of two is enough for the pair", drop(none1), "", "at least 5.00-fold"},
		{"a sweep of one level", func(ev *Evidence) { ev.Exp.Hypothesis.Sweep.Fio = []string{"heavy"} }, "no_arms", "no arms with and without fio"},
		{"nobody says what fio did", func(ev *Evidence) { ev.Cells[moderate1].Info.Fio = nil }, "not_treated", "fio=moderate/ctx=4096/conc=8/rep=1: nothing tells"},
		{"the server may read where no KV manager accounts for it", func(ev *Evidence) { ev.Cells[none1].Sys.Measure.ReadBytes = 1.1e7 }, "", ""},
		{"somebody else reads", func(ev *Evidence) { ev.Cells[none1].Sys.Measure.ReadBytes, ev.Cells[none1].KV = 1.1e7, &KVData{} }, "foreign_reads", "0.11 MB/s that are nobody's in fio=none/ctx=4096/conc=8/rep=1, against 10 MB/s of fio"},
		{"somebody else reads little", func(ev *Evidence) { ev.Cells[none1].Sys.Measure.ReadBytes, ev.Cells[none1].KV = 0.9e7, &KVData{} }, "", ""},
		{"the idle rate is nobody else", func(ev *Evidence) {
			ev.Cells[none1].Sys.Measure.ReadBytes, ev.Cells[none1].KV = 1.1e7, &KVData{}
			ev.Cells[none1].Sys.Baseline = PhaseData{ReadBytes: 1e6, NVMeSeconds: 10}
		}, "", ""},
		{"nor is the KV manager", func(ev *Evidence) {
			ev.Cells[none1].Sys.Measure.ReadBytes = 1.1e7
			ev.Cells[none1].KV = &KVData{Tier2Spread: ptr(1e7)}
		}, "", ""},
		{"fio ended early", func(ev *Evidence) { ev.Cells[heavy2].Sys.Measure.FioSeconds = 94 }, "fio_gone", "fio's process was there for 94 of 100 s"},
		{"a writer moves bytes too", func(ev *Evidence) {
			m := &ev.Cells[moderate1].Sys.Measure
			m.FioReadBytes, m.FioWriteBytes = ptr(0.0), ptr(1e9)
		}, "", ""},
		{"nobody watched the drive", func(ev *Evidence) { ev.Cells[none1].Sys.Measure.NVMeSeconds = 0 }, "not_measured", "the drive was not watched"},
		{"fio did nothing", func(ev *Evidence) { ev.Cells[moderate1].Sys.Measure.FioReadBytes = ptr(0.0) }, "fio_idle", "fio=moderate/ctx=4096/conc=8/rep=1: fio was started"},
		{"fio is not seen", func(ev *Evidence) {
			ev.Cells[heavy2].Sys.Measure.FioReadBytes, ev.Cells[heavy2].Sys.Measure.FioSeconds = nil, 0
		}, "fio_gone", "fio=heavy/ctx=4096/conc=8/rep=2"},
		{"no read beside fio", func(ev *Evidence) { ev.Cells[heavy2].Sys.Measure.ReadIOs = 0 }, "r_await_unknown", "block 2: r_await is not known in fio=heavy/ctx=4096/conc=8/rep=2 or fio=none"},
		{"no read without fio", func(ev *Evidence) { ev.Cells[none1].Sys.Measure.ReadIOs = 0 }, "r_await_unknown", "block 1"},
		{"reads that took no time", func(ev *Evidence) { ev.Cells[none1].Sys.Measure.ReadMS = 0 }, "r_await_unknown", "block 1"},
		{"no lightest arm", drop(1, 4), "arm_missing", "no block has both"},
		{"no heaviest arm", drop(0, 3), "arm_missing", "no block has both"},
		{"arms of different blocks", drop(0, 4), "arm_missing", "no block has both"},
		{"arms of different loads", func(ev *Evidence) {
			for _, c := range ev.Cells {
				if c.Fio == "heavy" {
					c.Cell = record.NewCell("fio", "heavy", "ctx", 4096, "conc", 16, "rep", c.Rep)
				}
			}
		}, "arm_missing", "no block has both"},
		{"as fast as ever in one block", func(ev *Evidence) { ev.Cells[heavy2].Sys.Measure.ReadMS = 299 }, "drive_not_degraded",
			"r_await grew only 2.99-fold (need 3.0; least in block 2: r_await 0.374 ms with fio heavy, 0.125 ms with none)"},
		{"the middle does not decide", func(ev *Evidence) { ev.Cells[moderate1].Sys.Measure.ReadMS = 1 }, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := fioEvidence()
			tc.change(ev)
			g := ev.FioReached(3)
			assert.Equal(t, "fio", g.Name)
			assert.Equal(t, tc.code == "", g.Passed)
			assert.Equal(t, tc.code, g.Code, g.Detail)
			assert.Contains(t, g.Detail, tc.detail)
			if !g.Passed {
				assert.Equal(t, verdict.Invalid, g.OnFailure)
			}
		})
	}
}

// tierEvidence is two groups of stack B: tier 2 serves 30 % of the blocks that the first looked up, and 20 %
// of those of the second.
func tierEvidence() *Evidence {
	ev := goodEvidence()
	ev.Exp.Stacks["A"].Runtime.TokensPerBlock = 10
	for _, c := range goodEvidence().Cells {
		c.Cell = record.NewCell("ctx", 2000, "conc", 4, "rep", c.Rep)
		c.Key = c.Cell.String()
		ev.Cells = append(ev.Cells, c)
	}
	for i, c := range ev.Cells {
		// 110 prompts of 1001 tokens are 11,000 whole blocks.
		c.KV = &KVData{Samples: 5, Tier2Hits: ptr([]float64{3300, 2200}[i/3])}
	}
	return ev
}

func TestTier2Engaged(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(ev *Evidence)
		code   string
		detail string
	}{
		{"both groups", func(*Evidence) {}, "", "at least 20.0 % of the prefix lookups (need 20 %; least: ctx=2000/conc=4)"},
		{"one group less", func(ev *Evidence) { *ev.Cells[4].KV.Tier2Hits = 2190 }, "not_engaged", "at least 20.0 % of the prefix lookups (need 20 %; least: ctx=2000/conc=4)"},
		{"repetitions are pooled", func(ev *Evidence) { *ev.Cells[1].KV.Tier2Hits = 10 }, "", "least: ctx=2000/conc=4"},
		{"no counter", func(ev *Evidence) { ev.Cells[1].KV.Tier2Hits = nil }, "not_reported", "ctx=1000/conc=4: the server tells no hits of tier 2"},
		{"no KV manager", func(ev *Evidence) { ev.Cells[5].KV = nil }, "not_reported", "ctx=2000/conc=4: the server tells no hits of tier 2"},
		{"nothing was asked for", func(ev *Evidence) {
			for _, c := range ev.Cells {
				c.Requests = nil
			}
		}, "not_reported", "ctx=1000/conc=4"},
		{"nothing was measured", func(ev *Evidence) { ev.Cells = nil }, "not_engaged", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := tierEvidence()
			tc.change(ev)
			g := ev.Tier2Engaged(0.2)
			assert.Equal(t, "tier_2_engaged", g.Name)
			assert.Equal(t, tc.code == "", g.Passed, g.Detail)
			assert.Equal(t, tc.code, g.Code, g.Detail)
			assert.Contains(t, g.Detail, tc.detail)
			if !g.Passed {
				assert.Equal(t, verdict.Invalid, g.OnFailure)
			}
		})
	}
}

// iowait under load is compared with that of the idle machine before it.
func TestIOWaitAboveIdle(t *testing.T) {
	around := func(n int, mean float64) stats.Rep {
		var out stats.Rep
		for i := range n {
			out = append(out, stats.Point{T: float64(i), V: mean + 0.2*float64(i%3-1)})
		}
		return out
	}
	ev := goodEvidence()
	for _, c := range ev.Cells {
		c.Sys.Measure.IOWaits, c.Sys.Baseline.IOWaits = around(300, 3.5), around(30, 0.5)
	}
	d, err := ev.IOWaitAboveIdle(ev.Groups()[0])
	require.NoError(t, err)
	assert.InDelta(t, 3, d.Value, 1e-9)
	lo, hi := d.Interval(0.95)
	assert.InDelta(t, 3, lo, 0.1)
	assert.InDelta(t, 3, hi, 0.1)
	assert.Less(t, lo, hi)

	for _, c := range ev.Cells {
		c.Sys.Baseline.IOWaits = nil
	}
	_, err = ev.IOWaitAboveIdle(ev.Groups()[0])
	require.Error(t, err, "without an idle machine there is nothing to compare with")
}

func TestE2EReps(t *testing.T) {
	ev := goodEvidence()
	ev.Cells[0].Requests = []RequestData{
		{At: 1, E2E: 900, HasE2E: true, RC: record.RCOK},
		{At: 2, E2E: 60000, HasE2E: true, RC: record.RCTimeout}, // after its first token, so that its TTFT is known
		{At: 3, RC: record.RCCut},
	}
	ev.Cells[1].Requests = nil
	got := ev.Groups()[0].E2E()
	require.Len(t, got, 3, "a repetition without an answer is still one")
	assert.Equal(t, stats.Rep{{T: 1, V: 900}, {T: 2, V: 60000, Censored: true}}, got[0])
	assert.Empty(t, got[1])
	assert.Len(t, got[2], 110)
}

// An answer counts in the ten seconds in which it was complete, not in those in which it was sent; what was
// not answered in full, or after the last whole bin, counts nowhere.
func TestCompletionReps(t *testing.T) {
	ev := goodEvidence()
	ev.Cells = ev.Cells[:2]
	ev.Cells[0].Info.Load.MeasureEnd = ptr(137.0) // 37 s: three bins and a rest
	ev.Cells[0].Requests = []RequestData{
		{At: 1, E2E: 500, HasE2E: true, RC: record.RCOK},
		{At: 9, E2E: 999, HasE2E: true, RC: record.RCOK},
		{At: 9, E2E: 1000, HasE2E: true, RC: record.RCOK}, // at 10 s
		{At: 2, E2E: 27900, HasE2E: true, RC: record.RCOK},
		{At: 29, E2E: 1000, HasE2E: true, RC: record.RCOK},   // in the rest
		{At: 29, E2E: 900000, HasE2E: true, RC: record.RCOK}, // after the end
		{At: 3, E2E: 1000, HasE2E: true, RC: record.RCTimeout, Censored: true},
		{At: 3, RC: record.RCCut},
		{At: 3, RC: record.RCOK},
	}
	got := ev.Groups()[0].CompletionReps()
	require.Len(t, got, 2)
	require.Len(t, got[0], 3)
	for i, want := range []float64{0.2, 0.1, 0.1} {
		assert.InDelta(t, 10*i, got[0][i].T, 1e-9)
		assert.InDelta(t, want, got[0][i].V, 1e-9, "bin %d", i)
	}
	require.Len(t, got[1], 30)
	total := 0.0
	for _, p := range got[1] {
		total += 10 * p.V
	}
	assert.InDelta(t, 110, total, 1e-9, "every request was answered within the 300 s")
}

// A measure phase of 300 s has thirty bins whenever it began: 556.3 - 256.3 is a little less than 300.
func TestCompletionRepsHaveEveryBin(t *testing.T) {
	ev := goodEvidence()
	for _, c := range ev.Cells {
		c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd = ptr(256.3), ptr(556.3)
	}
	for _, rep := range ev.Groups()[0].CompletionReps() {
		assert.Len(t, rep, 30)
	}
}

func TestLoaderRequestBytes(t *testing.T) {
	ev := goodEvidence()
	assert.Zero(t, ev.LoaderRequestBytes(), "no loader")
	for _, tc := range []struct {
		io   config.Size
		want float64
	}{{128 << 10, 128 << 10}, {512 << 10, 512 << 10}, {2 << 20, 512 << 10}} {
		ev.Exp.Stacks["B"] = &config.Stack{Stack: "B", Dynamo: &config.Dynamo{Loader: config.Loader{IOBytes: tc.io}}}
		assert.InDelta(t, tc.want, ev.LoaderRequestBytes(), 0, tc.io.String())
	}
}

// A cadence is a treatment: the samples of the measure phase show it.
func TestCadenceKept(t *testing.T) {
	cell := func(ms float64, samples int) *CellData {
		c := &CellData{PlannedCell: PlannedCell{Key: "cell", CadenceMS: ms}}
		c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd = ptr(0.0), ptr(300.0)
		c.Sys.Measure.Samples = samples
		return c
	}
	for _, tc := range []struct {
		name string
		cell *CellData
		code string
	}{
		{"as it should be", cell(200, 1500), ""},
		{"one sample at an edge", cell(5000, 59), ""},
		{"5 % less", cell(200, 1424), ""},
		{"more than that", cell(200, 1423), "not_kept"},
		{"another cadence", cell(1000, 1500), "not_kept"},
		{"none swept", cell(0, 1500), "not_swept"},
	} {
		g := (&Evidence{Cells: []*CellData{cell(200, 1500), tc.cell}}).CadenceKept()
		assert.Equal(t, tc.code, g.Code, tc.name)
		assert.Equal(t, tc.code == "", g.Passed, tc.name)
	}
}
