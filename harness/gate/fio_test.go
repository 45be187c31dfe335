package gate_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// fioEvidence is a sweep over fio in two blocks: a read takes 0.125 ms without fio, twice that beside the moderate
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
		{"the drive is slower", func(*evidence.Evidence) {}, "", "r_await grew at least 4.00-fold from fio none to heavy (need 3.0; least in block 1: r_await 0.500 ms with fio heavy, 0.125 ms with none)"},
		{"just so", func(ev *evidence.Evidence) { ev.Cells[heavy2].Sys.Measure.ReadMS = 300 }, "", "at least 3.00-fold from fio none to heavy (need 3.0; least in block 2"},
		{"one block of two is enough for the pair", drop(none1), "", "at least 5.00-fold"},
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
		{"the idle rate is nobody else", func(ev *evidence.Evidence) {
			ev.Cells[none1].Sys.Measure.ReadBytes, ev.Cells[none1].KV = 1.1e7, &evidence.KVCounters{}
			ev.Cells[none1].Sys.Baseline = evidence.PhaseSums{ReadBytes: 1e6, NVMeSeconds: 10}
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
		{"no read beside fio", func(ev *evidence.Evidence) { ev.Cells[heavy2].Sys.Measure.ReadIOs = 0 }, "r_await_unknown", "block 2: r_await is not known in fio=heavy/ctx=4096/conc=8/rep=2 or fio=none"},
		{"no read without fio", func(ev *evidence.Evidence) { ev.Cells[none1].Sys.Measure.ReadIOs = 0 }, "r_await_unknown", "block 1"},
		{"reads that took no time", func(ev *evidence.Evidence) { ev.Cells[none1].Sys.Measure.ReadMS = 0 }, "r_await_unknown", "block 1"},
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
		{"as fast as ever in one block", func(ev *evidence.Evidence) { ev.Cells[heavy2].Sys.Measure.ReadMS = 299 }, "drive_not_degraded",
			"r_await grew only 2.99-fold (need 3.0; least in block 2: r_await 0.374 ms with fio heavy, 0.125 ms with none)"},
		{"the middle does not decide", func(ev *evidence.Evidence) { ev.Cells[moderate1].Sys.Measure.ReadMS = 1 }, "", ""},
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
