package hypotheses

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// tail is what a cell of H5 shows: p95 and p99 of TTFT, ms, and NVMe reads/s.
type tail struct{ p95, p99, reads float64 }

// held is what the cells show whose host tier holds all.
var held = tail{50, 80, 2}

// h5Evidence are two strata, of 4 and 8 turns, with so many levels of live sessions and repetitions. of tells what is
// seen in a stratum, level and repetition, all counted from 0, with the host tier in question; with the other, all stay. A cell
// without p99 is not there.
func h5Evidence(levels, reps int, of func(stratum, level, rep int) tail) *evidence.Evidence {
	ev := configured(h5)
	hc := ev.Exp.Hypothesis
	hc.Thresholds = map[string]float64{"p99_ratio": 1.2, "reads_margin_rps": 5, "rate_tolerance": 0.1}
	hc.Sweep.Tier1 = append(hc.Sweep.Tier1[:0], 24<<30, 52<<30)
	hc.Run.Seed, hc.Run.Reps, hc.Run.EarlyLooks = 1, reps, nil
	hc.Run.Duration = 60e9
	for rep := range reps {
		for stratum := range 2 {
			for level := range levels {
				for _, gib := range []int64{24, 52} {
					t := held
					if gib == 24 {
						t = of(stratum, level, rep)
					}
					if t.p99 == 0 {
						continue
					}
					users := 16 << level
					cell := record.NewCell("tier1", fmt.Sprintf("%dGiB", gib), "turns", 4<<stratum, "reuse", 0.6, "ctx", 2048, "sessions", users, "rep", rep+1)
					c := answering(cell, rep+1, t.p95)
					c.Users, c.Tier1Bytes, c.Carried = users, gib<<30, map[int]int{}
					// Of sixty requests the slowest two decide p99, and p95 is that of the others.
					for i := range c.Requests {
						c.Requests[i].Nominal = 2048
						if i%30 == 7 {
							c.Requests[i].TTFT = t.p99
						}
					}
					c.Sys.Measure.ReadIOs, c.Sys.Measure.NVMeSeconds = 60*t.reads, 60
					ev.Cells = append(ev.Cells, c)
				}
			}
		}
	}
	return ev
}

// rising is a tail that grows by half from level to level.
func rising(_, level, rep int) tail {
	f := []float64{1, 1.5, 2.25}[level] * (1 + 0.01*float64(rep))
	return tail{100 * f, 200 * f, 20 * f}
}

// Each of p95, p99 and reads has to rise from each level to the next, in every stratum.
func TestRisesInEveryStratum(t *testing.T) {
	contradicted, undecided := verdict.Contradicted, verdict.Undecided
	// flat goes up and down by an amount of the repetition.
	flat := func(level, rep int, v float64) float64 {
		return v * (1 + []float64{0, 0.01, -0.01}[level]*float64(rep-1))
	}
	falling := func(level int, v float64) float64 { return v / float64(1+level) }
	with := func(change func(at, level, rep int, out *tail)) func(stratum, level, rep int) tail {
		return func(stratum, level, rep int) tail {
			out := rising(stratum, level, rep)
			change(stratum, level, rep, &out)
			return out
		}
	}
	for _, tc := range []struct {
		what         string
		levels, reps int
		of           func(stratum, level, rep int) tail
		want         states // of what does not hold
		says         string
	}{
		{"all rise", 3, 3, rising, nil, "p99 TTFT at each step of live sessions; least clear is turns=4/reuse=0.6 from 16 to 32: it rises 1.5 [1.5, 1.5] times"},
		{"p95 is flat in the second stratum", 3, 3, with(func(at, level, rep int, out *tail) {
			if at == 1 {
				out.p95 = flat(level, rep, 100)
			}
		}), states{"p95_rises": undecided}, "p95 TTFT at each step of live sessions; least clear is turns=8/reuse=0.6"},
		{"p99 is flat in the first", 3, 3, with(func(at, level, rep int, out *tail) {
			if at == 0 {
				out.p99 = flat(level, rep, 300)
			}
		}), states{"p99_rises": undecided}, "p99 TTFT at each step of live sessions; least clear is turns=4/reuse=0.6"},
		{"p95 falls in one",
			3, 3, with(func(at, level, _ int, out *tail) {
				if at == 1 {
					out.p95 = falling(level, 100)
				}
			}), states{"p95_rises": contradicted}, "turns=8/reuse=0.6 from 16 to 32: it rises 0.5"},
		{"reads are flat in one", 3, 3, with(func(at, level, rep int, out *tail) {
			if at == 1 {
				out.reads = flat(level, rep, 10)
			}
		}), states{"reads_rise": contradicted}, "NVMe reads/s at each step of live sessions; least clear is turns=8/reuse=0.6"},
		{"a level between falls",
			3, 3, func(stratum, level, rep int) tail { return rising(stratum, []int{1, 0, 2}[level], rep) },
			states{"p95_rises": contradicted, "p99_rises": contradicted, "reads_rise": contradicted}, "from 16 to 32: it rises 0.667"},
		{"the last level falls",
			3, 3, func(stratum, level, rep int) tail { return rising(stratum, []int{0, 2, 1}[level], rep) },
			states{"p95_rises": contradicted, "p99_rises": contradicted, "reads_rise": contradicted}, "from 32 to 64: it rises 0.667"},
		{"two levels in two repetitions", 2, 2, rising, nil, "(95 % interval over 2 blocks, need above 1)"},
		{"a level that was not measured in a block", 3, 3, func(stratum, level, rep int) tail {
			if stratum == 1 && level == 1 && rep == 2 {
				return tail{}
			}
			return rising(stratum, level, rep)
		}, states{"p95_rises": undecided, "p99_rises": undecided, "reads_rise": undecided}, "turns=8/reuse=0.6: no rise of p95 TTFT can be tested: block 3:"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			ev := h5Evidence(tc.levels, tc.reps, tc.of)
			strata := strataOf(ev)
			require.Len(t, strata, 2)
			details := ""
			for _, r := range readings {
				c := risesInAll(ev, strata, r)
				want, differs := tc.want[c.Name]
				if !differs {
					want = verdict.Holds
				}
				assert.Equal(t, want, c.State, "%s: %s", c.Name, c.Detail)
				details += c.Detail + "\n"
			}
			assert.Contains(t, details, tc.says)
		})
	}
}

// The size of the effect is the mean over strata on a log scale, from the smallest to the largest level.
func TestRatioOverStrata(t *testing.T) {
	grows := func(factors ...float64) func(stratum, level, rep int) tail {
		return func(stratum, level, rep int) tail {
			f := 1.0
			switch level {
			case 1:
				f = 7 // between the levels that are compared
			case 2:
				f = factors[stratum]
			}
			return tail{50, 100 * f, 10}
		}
	}
	for _, tc := range []struct {
		what  string
		of    func(stratum, level, rep int) tail
		want  verdict.State
		value float64
		says  string
	}{
		{"in both", grows(1.3, 1.3), verdict.Holds, 1.3, "from 16 to 64 live sessions"},
		{"much in one, little in the other", grows(1.6, 1), verdict.Holds, 1.2649110640673518, "strata: 2 (95 % interval over 3 blocks"},
		{"not enough in all", grows(1.4, 1), verdict.Contradicted, 1.1832159566199232, ""},
		{"down in one", grows(2, 0.5), verdict.Contradicted, 1, ""},
		{"a repetition that one stratum lacks", func(stratum, level, rep int) tail {
			out := grows(1.3, 1.3)(stratum, level, rep)
			if rep == 2 && stratum == 1 {
				out.p99 = 0
			}
			return out
		}, verdict.Undecided, 0, "the ratio has no interval: block 3"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			ev := h5Evidence(3, 3, tc.of)
			c, effect := largestRatio(ev, strataOf(ev))
			assert.Equal(t, tc.want, c.State, c.Detail)
			assert.Contains(t, c.Detail, tc.says)
			if tc.value == 0 {
				assert.Nil(t, effect)
				return
			}
			assert.InDelta(t, tc.value, *c.Value, 1e-9)
			assert.InDelta(t, tc.value, *effect.Value, 1e-9, "the effect is that of the check")
		})
	}
}

// The sweep has the host tier in question and one that holds all.
func TestTwoTiersForH5(t *testing.T) {
	ev := h5Evidence(2, 2, rising)
	s := &ev.Exp.Hypothesis.Sweep
	s.Sessions = []int{16, 32}
	require.NoError(t, validH5(ev))
	three := append(slices.Clone(s.Tier1), 60<<30)
	for _, n := range []int{0, 1, 3} {
		s.Tier1 = three[:n]
		require.ErrorContains(t, validH5(ev), "sweep.tier1: must be two capacities")
	}
	s.Tier1, s.Sessions = three[:2], []int{16}
	require.ErrorContains(t, validH5(ev), "sweep.sessions: must be at least two")
}

// Load may differ between strata, and not inside one.
func TestSameLoadInEveryStratum(t *testing.T) {
	for _, tc := range []struct {
		what   string
		tokens func(stratum, level int) int
		code   string
		says   string
	}{
		{"strata of different prompts", func(stratum, _ int) int { return 1000 << stratum }, "", "within 0.0 %"},
		{"a level of the first",
			func(stratum, level int) int { return 1000 + 111*(1-stratum)*level }, "load_differs",
			"furthest turns=4/reuse=0.6: 1000 to 1111 prompt tokens"},
		{"a level of the second",
			func(stratum, level int) int { return 1000 + 111*stratum*level }, "load_differs",
			"furthest turns=8/reuse=0.6: 1000 to 1111 prompt tokens"},
		{"the furthest of two",
			func(stratum, level int) int { return 1000 + (90-20*stratum)*level }, "", "furthest turns=4/reuse=0.6: 1000 to 1090 prompt tokens"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			ev := h5Evidence(2, 2, rising)
			for _, c := range ev.Cells {
				stratum, level := 0, 0
				if c.Cell.Level("turns") == "8" {
					stratum = 1
				}
				if c.Users == 32 {
					level = 1
				}
				for i := range c.Requests {
					c.Requests[i].Nominal = tc.tokens(stratum, level)
				}
			}
			g := sameRate(ev, strataOf(ev))
			assert.Equal(t, tc.code, g.Code, g.Detail)
			assert.Contains(t, g.Detail, tc.says)
		})
	}
}
