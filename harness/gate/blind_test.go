package gate_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// What a cell may be measured again for, on both sides of each bound.
func TestBlind(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(c *evidence.Cell)
		want string // gate and code, "" for none
	}{
		{"nothing", func(*evidence.Cell) {}, ""},
		{"a source as often as needed", func(c *evidence.Cell) { c.Info.Coverage.Sources[1].Samples = 1425 }, ""},
		{"a source too rarely", func(c *evidence.Cell) { c.Info.Coverage.Sources[1].Samples = 1424 }, "alignment coverage"},
		{"no slots", func(c *evidence.Cell) {
			c.Info.Coverage.Slots, c.Info.Coverage.Sources = 0, []record.SourceCoverage{{Name: "proc"}}
		}, "alignment coverage"},
		{"the server's page too rarely", func(c *evidence.Cell) {
			c.Info.Coverage.Sources = append(c.Info.Coverage.Sources, record.SourceCoverage{Name: "engine", Samples: 100})
		}, ""},
		{"a source beside the server's page", func(c *evidence.Cell) {
			c.Info.Coverage.Sources[1].Samples = 100
			c.Info.Coverage.Sources = append(c.Info.Coverage.Sources, record.SourceCoverage{Name: "kvbm", Samples: 100})
		}, ""},
		{"a counter set back", func(c *evidence.Cell) { c.Sys.Resets = 1 }, "counters reset"},
		{"a source dead at the start", func(c *evidence.Cell) { c.Sys.AliveAtStart = false }, "counters source_dead"},
		{"a source dead at the end", func(c *evidence.Cell) { c.Sys.AliveAtEnd = false }, "counters source_dead"},
		{"the worker restarted", func(c *evidence.Cell) { c.KV = &evidence.KVCounters{Samples: 5, Resets: true} }, ""},
		{"no page of the KV manager", func(c *evidence.Cell) { c.KV = &evidence.KVCounters{} }, ""},
		{"a client on time", func(c *evidence.Cell) { late(c, 1) }, ""},
		{"a late client", func(c *evidence.Cell) { late(c, 1.001) }, "client send_lag"},
		{"swap", func(c *evidence.Cell) { c.Sys.SwapOn = true }, "environment swap"},
		{"throttled", func(c *evidence.Cell) { c.Sys.Throttle = 1 }, "environment throttled"},
		{"no baseline", func(c *evidence.Cell) { c.Sys.Baseline.NVMeSeconds = 0 }, "environment no_baseline"},
		{"some noise", func(c *evidence.Cell) { c.Sys.Baseline.ReadIOs = 300 }, ""},
		{"others' traffic", func(c *evidence.Cell) { c.Sys.Baseline.ReadIOs = 301 }, "environment foreign_traffic"},
		{"fio there", func(c *evidence.Cell) { besideFio(c, 95) }, ""},
		{"fio gone", func(c *evidence.Cell) { besideFio(c, 94) }, "fio fio_gone"},

		// What is claimed about, or may be the server's doing, is never a reason.
		{"errors", func(c *evidence.Cell) {
			for i := range c.Requests {
				c.Requests[i].RC = record.RCCut
			}
		}, ""},
		{"latency", func(c *evidence.Cell) {
			for i := range c.Requests {
				c.Requests[i].TTFT *= float64(1 + i)
			}
		}, ""},
		{"few samples", func(c *evidence.Cell) { c.Requests = c.Requests[:1] }, ""},
		{"a capped warm-up", func(c *evidence.Cell) { c.Info.Load.WarmupCapped = true }, ""},
		{"another pool", func(c *evidence.Cell) { c.Info.Settings.KVPoolBytes = ptr(1.0) }, ""},
		{"slow clocks", func(c *evidence.Cell) { c.Sys.BusyClockMHz = ptr(1000.0) }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := goodEvidence()
			tc.do(ev.Cells[1])
			again := gate.Again(ev)
			if tc.want == "" {
				assert.Empty(t, again)
				return
			}
			require.Len(t, again, 1)
			assert.Equal(t, tc.want, again[0].Gate+" "+again[0].Code)
			assert.Equal(t, "ctx=1000/conc=4/rep=2", again[0].Cell)
			assert.NotContains(t, again[0].Why, again[0].Cell, "which is said beside it")
		})
	}
}

// late gives four of 110 requests a lag, ms, so that it is their p99.
func late(c *evidence.Cell, ms float64) {
	for i := range 4 {
		c.Requests[i].LagMS = ms
	}
}

// besideFio has fio run for so many of 100 s.
func besideFio(c *evidence.Cell, seconds float64) {
	c.Info.Fio = &record.FioRun{Jobs: []string{"heavy"}}
	c.Sys.Measure.Seconds, c.Sys.Measure.FioSeconds = 100, seconds
}

// planned are the cells of a sweep of so many arms, loads and repetitions, none measured.
func planned(arms, loads, reps int) *evidence.Evidence {
	ev := goodEvidence()
	ev.Cells, ev.Plan.Cells = nil, nil
	for rep := 1; rep <= reps; rep++ {
		for a := range arms {
			for l := range loads {
				cell := record.NewCell("fio", fmt.Sprint("f", a), "ctx", l+1, "rep", rep)
				ev.Plan.Cells = append(ev.Plan.Cells, record.PlannedCell{Key: cell.String(), Cell: cell, Rep: rep})
			}
		}
	}
	return ev
}

// measureCells measures the planned cells, some of which lose their counters.
func measureCells(ev *evidence.Evidence, lost func(key string, tries int) bool) {
	ev.Cells = nil
	tries := map[string]int{}
	for _, q := range ev.Quarantined {
		tries[q.Cell]++
	}
	for _, pc := range ev.Plan.Cells {
		c := &evidence.Cell{PlannedCell: pc, Sys: evidence.Machine{AliveAtStart: true, AliveAtEnd: true, Samples: 1, ThrottleTold: 1, SwapTold: 1}}
		c.Info.Coverage = record.Coverage{Slots: 1, Sources: []record.SourceCoverage{{Name: "block", Samples: 1}}}
		c.Sys.Baseline.NVMeSeconds = 1
		c.Sys.AliveAtEnd = !lost(pc.Key, tries[pc.Key])
		ev.Cells = append(ev.Cells, c)
	}
}

// settled measures again until no cell is to be, and says how many cells were measured again and whether the run is valid.
func settled(ev *evidence.Evidence, lost func(key string, tries int) bool) (again int, valid bool) {
	for {
		measureCells(ev, lost)
		faults := gate.Again(ev)
		if len(faults) == 0 {
			return len(ev.Quarantined), gate.Counters(ev, gate.Claim{}).Passed
		}
		for _, f := range faults {
			ev.Quarantined = append(ev.Quarantined, record.Quarantined{Cell: f.Cell})
		}
	}
}

// A cell is measured twice again at most, in each arm a fifth of the cells at most, rounded up, and none where all are faulty.
func TestAgainHasACap(t *testing.T) {
	first := func(n int) map[string]bool {
		out := map[string]bool{}
		for _, pc := range planned(2, 2, 3).Plan.Cells {
			if pc.Cell.Level("fio") == "f1" && len(out) < n {
				out[pc.Key] = true
			}
		}
		return out
	}
	for _, tc := range []struct {
		name        string
		cells, for_ int // cells of one arm of six that are faulty, and in how many measurements
		again       int
		valid       bool
	}{
		{"none", 0, 9, 0, true},
		{"once", 1, 1, 1, true},
		{"twice", 1, 2, 2, true},
		{"three times", 1, 3, 2, false},
		{"two cells", 2, 1, 2, true},
		{"three cells", 3, 1, 2, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			faulty := first(tc.cells)
			again, valid := settled(planned(2, 2, 3), func(key string, tries int) bool { return faulty[key] && tries < tc.for_ })
			assert.Equal(t, []any{tc.again, tc.valid}, []any{again, valid})
		})
	}
	again, valid := settled(planned(2, 2, 3), func(string, int) bool { return true })
	assert.Equal(t, []any{0, false}, []any{again, valid}, "the machine's fault is no cell's")
	ev := planned(2, 2, 3)
	ev.Exp.Hypothesis.Gates.MaxAgain, ev.Exp.Hypothesis.Gates.MaxAgainShare = 0, 0
	faulty := first(1)
	again, valid = settled(ev, func(key string, _ int) bool { return faulty[key] })
	assert.Equal(t, []any{0, false}, []any{again, valid}, "a configuration of before")
}

// With faults in one cell of a hundred, a sweep of 180 cells was invalid five times in six; it hardly is any more. With
// faults in one of five, each arm has more than its share of them, and the run is invalid still.
func TestFaultsOfSingleCellsRarelyEndARun(t *testing.T) {
	const runs = 400
	rng := rand.New(rand.NewPCG(1, 2))
	invalid := func(share float64, change func(*evidence.Evidence)) float64 {
		n := 0
		for range runs {
			ev := planned(12, 5, 3) // H6: tiers x policies, prompt lengths, repetitions
			change(ev)
			drawn := map[string]bool{}
			_, valid := settled(ev, func(key string, tries int) bool {
				at := fmt.Sprint(key, tries)
				if _, known := drawn[at]; !known {
					drawn[at] = rng.Float64() < share
				}
				return drawn[at]
			})
			if !valid {
				n++
			}
		}
		return float64(n) / runs
	}
	before := func(ev *evidence.Evidence) { ev.Exp.Hypothesis.Gates.MaxAgain = 0 }
	now := func(*evidence.Evidence) {}
	// 1 - 0.99^180 = 0.836; P(Binomial(15, 0.01) > 3) is 1.2e-5 in each of 12 arms.
	assert.InDelta(t, 0.836, invalid(0.01, before), 0.04)
	assert.LessOrEqual(t, invalid(0.01, now), 0.005)
	assert.LessOrEqual(t, invalid(0.03, now), 0.05)
	assert.GreaterOrEqual(t, invalid(0.2, now), 0.95)
}
