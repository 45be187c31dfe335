package gate_test

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// fioEvidence is a sweep over fio in two blocks: a read of the probe takes 125 us without fio, twice that beside the moderate
// profile, and four times that (in the second block five times) beside the heavy one.
func fioEvidence() *evidence.Evidence {
	ev := goodEvidence()
	ev.Exp.Hypothesis.Sweep.Fio = []string{"none", "moderate", "heavy"}
	ev.Cells = nil
	for rep := 1; rep <= 2; rep++ {
		for _, level := range []string{"heavy", "none", "moderate"} {
			c := &evidence.Cell{}
			c.Cell = record.NewCell("fio", level, "ctx", 4096, "conc", 8, "rep", rep)
			c.Key, c.Rep, c.Fio, c.Stack = c.Cell.String(), rep, level, "A"
			c.Info.Fio = &record.FioRun{}
			c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd = ptr(0.0), ptr(100.0)
			c.Sys.Measure.Seconds, c.Sys.Measure.NVMeSeconds = 100, 100
			c.Info.Probe = &record.ProbeRun{Bytes: 1, PerS: 20}
			c.Sys.Baseline.ProbeReads, c.Sys.Baseline.ProbeUS = 600, 600*125
			c.Sys.Measure.ProbeReads, c.Sys.Measure.ProbeUS = 800, 100e3
			if level != "none" {
				c.Info.Fio.Jobs = []string{level}
				c.Sys.Measure.FioReadBytes, c.Sys.Measure.FioSeconds = ptr(1e9), 100
				c.Sys.Measure.ProbeUS = map[string]float64{"moderate": 200e3, "heavy": 300e3 + 100e3*float64(rep)}[level]
			}
			ev.Cells = append(ev.Cells, c)
		}
	}
	return ev
}

func TestFioReached(t *testing.T) {
	const heavy1, none1, moderate1, heavy2 = 0, 1, 2, 3 // cells of fioEvidence
	drop := func(cells ...int) func(ev *evidence.Evidence) {
		return func(ev *evidence.Evidence) {
			var kept []*evidence.Cell
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
		change func(ev *evidence.Evidence)
		code   string // "" for a pass
		detail string
	}{
		{"the drive is slower", func(*evidence.Evidence) {}, "", "a read of the probe took at least 4.00 times as long with fio heavy as with none (need 3.0; least in block 1: 500 us with fio heavy, 125 us with none)"},
		{"just so", func(ev *evidence.Evidence) { ev.Cells[heavy2].Sys.Measure.ProbeUS = 300e3 }, "", "at least 3.00 times as long with fio heavy as with none (need 3.0; least in block 2"},
		{"one block of two is enough for the pair", drop(none1), "", "at least 5.00 times"},
		{"a sweep of one level", func(ev *evidence.Evidence) { ev.Exp.Hypothesis.Sweep.Fio = []string{"heavy"} }, "no_arms", "no arms with and without fio"},
		{"nobody says what fio did", func(ev *evidence.Evidence) { ev.Cells[moderate1].Info.Fio = nil }, "not_treated", "fio=moderate/ctx=4096/conc=8/rep=1: nothing tells"},
		{"the server may read where no KV manager accounts for it", func(ev *evidence.Evidence) { ev.Cells[none1].Sys.Measure.ReadBytes = 1.1e7 }, "", ""},
		{"somebody else reads", func(ev *evidence.Evidence) {
			ev.Cells[none1].Sys.Measure.ReadBytes, ev.Cells[none1].KV = 1.1e7, &evidence.KVCounters{}
		}, "foreign_reads", "0.11 MB/s that are nobody's in fio=none/ctx=4096/conc=8/rep=1, against 10 MB/s of fio"},
		{"somebody else reads little", func(ev *evidence.Evidence) {
			ev.Cells[none1].Sys.Measure.ReadBytes, ev.Cells[none1].KV = 0.9e7, &evidence.KVCounters{}
		}, "", ""},
		{"as much as the gate allows", func(ev *evidence.Evidence) {
			ev.Cells[none1].Sys.Measure.ReadBytes, ev.Cells[none1].KV = 1.1e7, &evidence.KVCounters{}
			ev.Exp.Hypothesis.Gates.MaxForeignReads = 0.011
		}, "", ""},
		{"what the drive reads for others does not matter", func(ev *evidence.Evidence) {
			ev.Cells[heavy2].Sys.Measure.ReadIOs, ev.Cells[heavy2].Sys.Measure.ReadMS = 1000, 1
			ev.Cells[none1].Sys.Measure.ReadIOs, ev.Cells[none1].Sys.Measure.ReadMS = 1, 1000
		}, "", ""},
		{"nor is the probe anybody else", func(ev *evidence.Evidence) {
			ev.Cells[none1].Info.Probe.Bytes = 1e5
			ev.Cells[none1].Sys.Measure.ReadBytes, ev.Cells[none1].KV = 0.9e7+800*1e5, &evidence.KVCounters{}
		}, "", ""},
		{"nor in the idle rate", func(ev *evidence.Evidence) {
			ev.Cells[none1].Info.Probe.Bytes = 1e5
			ev.Cells[none1].Sys.Measure.ReadBytes, ev.Cells[none1].KV = 1.1e7+800*1e5, &evidence.KVCounters{}
			ev.Cells[none1].Sys.Baseline.ReadBytes, ev.Cells[none1].Sys.Baseline.NVMeSeconds = 600*1e5, 30
		}, "foreign_reads", "0.11 MB/s that are nobody's"},
		{"the idle rate is nobody else", func(ev *evidence.Evidence) {
			ev.Cells[none1].Sys.Measure.ReadBytes, ev.Cells[none1].KV = 1.1e7, &evidence.KVCounters{}
			b := &ev.Cells[none1].Sys.Baseline
			b.ReadBytes, b.NVMeSeconds = 1e6, 10
		}, "", ""},
		{"nor is the KV manager", func(ev *evidence.Evidence) {
			ev.Cells[none1].Sys.Measure.ReadBytes = 1.1e7
			ev.Cells[none1].KV = &evidence.KVCounters{Tier2Spread: ptr(1e7)}
		}, "", ""},
		{"fio ended early", func(ev *evidence.Evidence) { ev.Cells[heavy2].Sys.Measure.FioSeconds = 94 }, "fio_gone", "fio's process was there for 94 of 100 s"},
		{"as long as the gate allows", func(ev *evidence.Evidence) {
			ev.Cells[heavy2].Sys.Measure.FioSeconds, ev.Exp.Hypothesis.Gates.MinFioPresence = 94, 0.94
		}, "", ""},
		{"a writer moves bytes too", func(ev *evidence.Evidence) {
			m := &ev.Cells[moderate1].Sys.Measure
			m.FioReadBytes, m.FioWriteBytes = ptr(0.0), ptr(1e9)
		}, "", ""},
		{"nobody watched the drive", func(ev *evidence.Evidence) { ev.Cells[none1].Sys.Measure.NVMeSeconds = 0 }, "not_measured", "the drive was not watched"},
		{"fio did nothing", func(ev *evidence.Evidence) { ev.Cells[moderate1].Sys.Measure.FioReadBytes = ptr(0.0) }, "fio_idle", "fio=moderate/ctx=4096/conc=8/rep=1: fio was started"},
		{"fio is not seen", func(ev *evidence.Evidence) {
			ev.Cells[heavy2].Sys.Measure.FioReadBytes, ev.Cells[heavy2].Sys.Measure.FioSeconds = nil, 0
		}, "fio_gone", "fio=heavy/ctx=4096/conc=8/rep=2"},
		{"no read beside fio", func(ev *evidence.Evidence) { ev.Cells[heavy2].Sys.Measure.ProbeReads = 0 }, "probe_unknown", "block 2: how long a read of the probe takes is not known in fio=heavy/ctx=4096/conc=8/rep=2 or fio=none"},
		{"no read without fio", func(ev *evidence.Evidence) { ev.Cells[none1].Sys.Measure.ProbeReads = 0 }, "probe_unknown", "block 1"},
		{"reads that took no time", func(ev *evidence.Evidence) { ev.Cells[none1].Sys.Measure.ProbeUS = 0 }, "probe_unknown", "block 1"},
		{"no lightest arm", drop(1, 4), "arm_missing", "no block has both"},
		{"no heaviest arm", drop(0, 3), "arm_missing", "no block has both"},
		{"arms of different blocks", drop(0, 4), "arm_missing", "no block has both"},
		{"arms of different loads", func(ev *evidence.Evidence) {
			for _, c := range ev.Cells {
				if c.Fio == "heavy" {
					c.Cell = record.NewCell("fio", "heavy", "ctx", 4096, "conc", 16, "rep", c.Rep)
				}
			}
		}, "arm_missing", "no block has both"},
		{"as fast as ever in one block", func(ev *evidence.Evidence) { ev.Cells[heavy2].Sys.Measure.ProbeUS = 299e3 }, "drive_not_degraded",
			"a read of the probe took only 2.99 times as long (need 3.0; least in block 2: 374 us with fio heavy, 125 us with none)"},
		{"the middle does not decide", func(ev *evidence.Evidence) { ev.Cells[moderate1].Sys.Measure.ProbeUS = 1 }, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := fioEvidence()
			tc.change(ev)
			g := gate.FioReached(ev, 3)
			assert.Equal(t, "fio", g.Name)
			assert.Equal(t, tc.code == "", g.Passed)
			assert.Equal(t, tc.code, g.Code, g.Detail)
			assert.Contains(t, g.Detail, tc.detail)
			if !g.Passed {
				assert.Equal(t, gate.Invalid, g.OnFailure)
			}
		})
	}
}

// Before each load a read of the probe has to take what it takes on an undisturbed drive: the median of the baselines that
// follow no fio, of which there are those of the first cell and of those after one without.
func TestWashOut(t *testing.T) {
	const heavy1, none1, moderate1, heavy2, none2, moderate2 = 0, 1, 2, 3, 4, 5 // cells of fioEvidence
	us := func(cell int, us float64) func(ev *evidence.Evidence) {
		return func(ev *evidence.Evidence) { ev.Cells[cell].Sys.Baseline.ProbeUS = 600 * us }
	}
	for _, tc := range []struct {
		name   string
		change func(ev *evidence.Evidence)
		code   string
		detail string
	}{
		{"as undisturbed", func(*evidence.Evidence) {}, "", "at most 0.0 % more or less than the 125 us of an undisturbed drive (allowed 20 %"},
		{"a little carried over", us(none1, 149.9), "", "19.9 % more or less than the 125 us of an undisturbed drive (allowed 20 %; 150 us in fio=none/ctx=4096/conc=8/rep=1, after fio=heavy/ctx=4096/conc=8/rep=1)"},
		{"carried over", us(none1, 150.1), "not_washed_out", "150 us in fio=none/ctx=4096/conc=8/rep=1, after fio=heavy/ctx=4096/conc=8/rep=1): wait longer between cells"},
		{"faster than undisturbed", us(heavy2, 99), "not_washed_out", "99 us in fio=heavy/ctx=4096/conc=8/rep=2, after fio=moderate"},
		// moderate1 and moderate2 follow a cell without fio, and heavy1 follows nothing.
		{"one of the undisturbed is not like the others", us(moderate1, 151), "not_washed_out", "the 125 us of an undisturbed drive"},
		{"all that follow fio", func(ev *evidence.Evidence) {
			for _, i := range []int{none1, heavy2, none2, moderate2} {
				us(i, 250)(ev)
			}
		}, "not_washed_out", "100.0 % more or less than the 125 us"},
		{"as the gate allows", func(ev *evidence.Evidence) {
			us(none1, 150.1)(ev)
			ev.Exp.Hypothesis.Gates.MaxCarryOver = 0.21
		}, "", "allowed 21 %"},
		{"in the order in which they were begun", func(ev *evidence.Evidence) {
			for i, c := range ev.Cells {
				c.Info.Start = float64(10 - i)
			}
			us(heavy1, 151)(ev)
		}, "not_washed_out", "151 us in fio=heavy/ctx=4096/conc=8/rep=1, after fio=none/ctx=4096/conc=8/rep=1"},
		{"no probe in one cell", func(ev *evidence.Evidence) { ev.Cells[moderate2].Info.Probe = nil }, "no_probe", "fio=moderate/ctx=4096/conc=8/rep=2: no probe read the drive"},
		{"no read in a baseline", func(ev *evidence.Evidence) { ev.Cells[none2].Sys.Baseline.ProbeReads = 0 }, "probe_unknown", "fio=none/ctx=4096/conc=8/rep=2: no read of the probe ended"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := fioEvidence()
			tc.change(ev)
			g := gate.FioReached(ev, 3)
			assert.Equal(t, "fio", g.Name)
			assert.Equal(t, []any{tc.code == "", tc.code}, []any{g.Passed, g.Code}, g.Detail)
			assert.Contains(t, g.Detail, tc.detail)
		})
	}
}

// threeBlocks is fioEvidence with a third block, every cell begun after the one before and with a KV manager that accounts for all.
func threeBlocks() *evidence.Evidence {
	ev := fioEvidence()
	for _, c := range slices.Clone(ev.Cells[3:]) {
		third := *c
		third.Cell = record.NewCell("fio", c.Fio, "ctx", 4096, "conc", 8, "rep", 3)
		third.Key, third.Rep = third.Cell.String(), 3
		ev.Cells = append(ev.Cells, &third)
	}
	// The heaviest last, so that what follows fio is the lightest of the next block.
	for i, c := range ev.Cells {
		c.Stage, c.Info.Start = 1, float64(i)
		c.Sys.AliveAtStart, c.Sys.AliveAtEnd = true, true
		c.Sys.Baseline.NVMeSeconds = 10
		c.KV = &evidence.KVCounters{Samples: 1, Tier2Spread: ptr(0.0)}
		ev.Plan.Cells = append(ev.Plan.Cells, c.PlannedCell)
	}
	return ev
}

// Somebody else's reads beside one cell, and a drive that was disturbed before one, void the cell and not the run.
func TestDisturbedCellsAreMeasuredAgain(t *testing.T) {
	none := func(ev *evidence.Evidence, rep int) *evidence.Cell { return ev.Cells[3*rep-2] }
	assert.Empty(t, gate.Again(threeBlocks()))

	ev := threeBlocks()
	none(ev, 2).Sys.Measure.ReadBytes = 0.01*1e9 - 6000
	assert.Empty(t, gate.Again(ev), "a hundredth of what fio moves is allowed")
	none(ev, 2).Sys.Measure.ReadBytes += 1e6
	again := gate.Again(ev)
	if assert.Len(t, again, 1) {
		assert.Equal(t, "fio foreign_reads "+none(ev, 2).Key, again[0].Gate+" "+again[0].Code+" "+again[0].Cell)
		assert.Contains(t, again[0].Why, "something read 0.11 MB/s of the drive that are nobody's (allowed 0.10: 1 % of what fio moves in this block)")
	}
	assert.False(t, gate.FioRan(ev).Passed, "if they are not")
	none(ev, 2).KV.Failed = 1
	assert.Empty(t, gate.Again(ev), "the server's account may lack what was read")
	none(ev, 2).KV = nil
	assert.Empty(t, gate.Again(ev), "it may be the server's own")

	// The baselines of cells 1, 3 and 5 follow no fio: the first of the run, and two after cells that lost theirs.
	ev = threeBlocks()
	ev.Cells[1].Info.Fio.Jobs, ev.Cells[3].Info.Fio.Jobs = nil, nil
	assert.Empty(t, gate.Again(ev))
	first := ev.Cells[0]
	first.Sys.Baseline.ProbeUS = 600 * 150
	assert.Empty(t, gate.Again(ev), "20 % are allowed")
	first.Sys.Baseline.ProbeUS = 600 * 151
	again = gate.Again(ev)
	if assert.Len(t, again, 1) {
		assert.Equal(t, "fio probe_off "+first.Key, again[0].Gate+" "+again[0].Code+" "+again[0].Cell)
	}
	known := gate.KnownOf(ev, first)
	_, faulty := gate.Blind(first, ev.Exp.Hypothesis.Gates, known)
	assert.True(t, faulty)
	first.Sys.Baseline.ProbeUS = 600 * 139
	_, faulty = gate.Blind(first, ev.Exp.Hypothesis.Gates, known)
	assert.False(t, faulty)
	_, faulty = gate.Blind(first, ev.Exp.Hypothesis.Gates, known.Loosely())
	assert.True(t, faulty, "by half the bound")

	ev.Quarantined = []record.Quarantined{{Cell: ev.Cells[2].Key}}
	first.Sys.Baseline.ProbeUS = 600 * 151
	assert.Empty(t, gate.Again(ev), "what was put aside had fio, and nobody knows any more before which cell")
	_, faulty = gate.Blind(first, ev.Exp.Hypothesis.Gates, gate.KnownOf(ev, first).Loosely())
	assert.True(t, faulty, "it was rightly put aside all the same")

	ev = threeBlocks()
	ev.Cells[3].Sys.Baseline.ProbeUS = 600 * 500
	assert.Empty(t, gate.Again(ev), "after fio it may be fio's doing")
}

// On one machine a drive that was disturbed before a load voids the cell, whatever came before, and what was put aside keeps its place:
// what came before which cell is known still.
func TestCellsOfOneMachineFollowOneAnother(t *testing.T) {
	disturbed := func(clock string, aside ...record.Quarantined) *evidence.Evidence {
		ev := threeBlocks()
		ev.Plan.Facts.Clock = clock
		for i, c := range ev.Cells {
			c.Info.Start = 1000 + 10*float64(i)
		}
		ev.Exp.Hypothesis.Gates.MaxAgainShare = 1
		ev.Cells[3].Info.Fio.Jobs = nil
		for _, i := range []int{4, 6} { // the former follows no fio, the latter does
			ev.Cells[i].Sys.Baseline.ProbeUS = 600 * 151
		}
		for _, q := range aside {
			q.Cell = cmp.Or(q.Cell, ev.Cells[2].Key)
			ev.Quarantined = append(ev.Quarantined, q)
		}
		return ev
	}
	whose := func(ev *evidence.Evidence) (out []string) {
		for _, f := range gate.Again(ev) {
			out = append(out, f.Code+" "+f.Cell)
		}
		return out
	}
	cells := disturbed("").Cells
	both := []string{"probe_off " + cells[4].Key, "probe_off " + cells[6].Key}
	assert.Equal(t, both[:1], whose(disturbed(record.ClockVirtual)), "on a machine of its own the other would follow fio again")
	assert.Equal(t, both, whose(disturbed(record.ClockReal)))
	assert.Equal(t, both, whose(disturbed(record.ClockReal, record.Quarantined{Start: 1055})), "what was put aside keeps its place")
	assert.Empty(t, whose(disturbed(record.ClockReal, record.Quarantined{})), "it does not say when it began")
	assert.Empty(t, whose(disturbed(record.ClockVirtual, record.Quarantined{Start: 1055})), "on machines of their own clocks say nothing of an order")

	// Cells 0, 2, 5 and 8 tell what undisturbed is, and 4, if nothing with fio came right before.
	var before []record.Quarantined
	for _, i := range []int{0, 2, 5, 8} {
		before = append(before, record.Quarantined{Start: 995 + 10*float64(i), Cell: cells[i].Key})
	}
	assert.Empty(t, whose(disturbed(record.ClockReal, before...)), "too few tell still")
	for i := range before {
		before[i].Cell = cells[1].Key
	}
	assert.Equal(t, both, whose(disturbed(record.ClockReal, before...)), "without fio")
	for i := range before {
		before[i].Cell = "nobody's"
	}
	assert.Empty(t, whose(disturbed(record.ClockReal, before...)), "fio may have run there")

	ev := threeBlocks()
	ev.Plan.Facts.Clock = record.ClockReal
	for i, c := range ev.Cells {
		c.Info.Start = 1000 + 10*float64(i)
	}
	ev.Cells[4].Sys.Baseline.ProbeUS = 600 * 151
	ev.Quarantined = []record.Quarantined{{Start: 1035, Cell: cells[2].Key}}
	assert.Contains(t, gate.FioReached(ev, 3).Detail, "after "+cells[2].Key+" (measured again since))")

	ev.Cells, ev.Quarantined = ev.Cells[1:2], []record.Quarantined{{Start: 1005, Cell: cells[0].Key}}
	ev.Exp.Hypothesis.Sweep.Fio = []string{"none", "heavy"}
	g := gate.FioReached(ev, 3)
	assert.Equal(t, "no_undisturbed", g.Code, g.Detail)
}
