package hypotheses

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// h8aBase is a recording of H8A in which everything holds: 2 % iowait before the load and beside it, and TTFT three
// times as long with 16 users as with 4, for as long as requests are queued.
func h8aBase(t *testing.T) *recording {
	t.Helper()
	return copyOf(t, h8a, func(r *recording) {
		ioWait(2, func(record.Cell) float64 { return 2 })(r)
		firstTokens(func(cell record.Cell) float64 { return 300 * many(cell) })(r)
		queueing(func(record.Cell) float64 { return 1 })(r)
		r.gates("min_samples", 15)
	})
}

// ioWait replaces iowait, percent of all CPU time: before the load, and from then on in a cell.
func ioWait(idle float64, loaded func(cell record.Cell) float64) func(*recording) {
	return func(r *recording) {
		r.samples(func(cell record.Cell, s object) {
			v := loaded(cell)
			if s["phase"] == record.PhaseBaseline {
				v = idle
			}
			s["cpu"].(object)["iowait"] = v
		})
	}
}

// queueing makes the queue with the most users so deep that requests are in it for a share of the 0.6 s by which their TTFT grows;
// with the fewest users it is empty.
func queueing(share func(cell record.Cell) float64) func(*recording) {
	return func(r *recording) {
		of, answered := spans(r), map[string]float64{}
		r.requests(func(cell record.Cell, q object) {
			if p := of[cell.String()]; q["rc"] == record.RCOK && q["intended_ts"].(float64) < p.start+p.seconds {
				answered[cell.String()]++
			}
		})
		r.samples(func(cell record.Cell, s object) {
			depth := 0.0
			if many(cell) > 1 {
				depth = 0.6 * share(cell) * answered[cell.String()] / of[cell.String()].seconds
			}
			s["engine"] = object{"running": 1, "waiting": depth / 2, "context": depth / 2, "kv_used_blocks": 1, "kv_max_blocks": 1638, "iter_ms": 1}
		})
	}
}

// queuedShare is the same share in all cells.
func queuedShare(v float64) func(*recording) {
	return queueing(func(record.Cell) float64 { return v })
}

// firstTokens replaces the TTFT of all requests of a cell, ms.
func firstTokens(of func(cell record.Cell) float64) func(*recording) {
	return func(r *recording) {
		r.requests(func(cell record.Cell, q object) { q["lat_ttft_ms"] = of(cell) })
	}
}

// many is 3 for the cells with the most users, 1 for those with the fewest.
func many(cell record.Cell) float64 {
	if cell.Level("conc") == "16" {
		return 3
	}
	return 1
}

// busy is iowait in the cells with the most users, and what is idle in the others.
func busy(v, idle float64) func(record.Cell) float64 {
	return func(cell record.Cell) float64 {
		if many(cell) > 1 {
			return v
		}
		return idle
	}
}

// inRep picks by repetition.
func inRep(cell record.Cell, first, second float64) float64 {
	if cell.Level("rep") == "1" {
		return first
	}
	return second
}

// growing makes TTFT grow by a factor of the repetition.
func growing(first, second float64) func(*recording) {
	return firstTokens(func(cell record.Cell) float64 {
		if many(cell) > 1 {
			return 300 * inRep(cell, first, second)
		}
		return 300
	})
}

func TestChecksOfH8A(t *testing.T) {
	t.Parallel()
	flat, grows, queued := "iowait_flat", "p99_grows", "growth_is_queued"
	base := h8aBase(t)
	t.Run("states", func(t *testing.T) {
		judge(t, base, []edited{
			{"flat", nil, nil, "+0.0000 [+0.0000, +0.0000] of one of 20 CPUs (95 % interval over 2 blocks, margin 0.05)"},
			{"a little more beside the most users", ioWait(2, busy(2.249, 2)), nil, "furthest from idle is ctx=512/conc=16: +0.0498"},
			{"a task blocked for a twentieth of the time", ioWait(2, busy(2.251, 2)), states{flat: verdict.Contradicted}, "conc=16: +0.0502 [+0.0502, +0.0502]"},
			{"the same beside the fewest users", ioWait(2, busy(2, 2.251)), states{flat: verdict.Contradicted}, "conc=4: +0.0502"},
			{"as much less", ioWait(2, busy(1.749, 2)), states{flat: verdict.Contradicted}, "conc=16: -0.0502"},
			{"a little less", ioWait(2, busy(1.751, 2)), nil, "conc=16: -0.0498"},
			{"the furthest of two", ioWait(2, busy(2.1, 2.2)), nil, "furthest from idle is ctx=512/conc=4: +0.0400"},
			{"the mean inside, blocks apart",
				ioWait(2, func(cell record.Cell) float64 { return inRep(cell, 2, 2.3) }), states{flat: verdict.Undecided}, "+0.0300"},
			{"the mean outside, blocks apart",
				ioWait(2, func(cell record.Cell) float64 { return inRep(cell, 2.2, 2.4) }), states{flat: verdict.Undecided}, "+0.0600"},
			{"blocks a little apart", ioWait(2, func(cell record.Cell) float64 { return inRep(cell, 2.1, 2.11) }), nil, "+0.0210"},
			{"a smaller margin",
				allOf(ioWait(2, busy(2.1, 2)), given("iowait_margin_cpus", 0.01)), states{flat: verdict.Contradicted}, "margin 0.01"},

			{"p99 more than doubles", growing(2.01, 2.01), nil, "grows 2.01-fold [2.01, 2.01] (95 % interval over 2 blocks, need above 2)"},
			{"p99 does not double", growing(1.99, 1.99), states{grows: verdict.Contradicted}, "1.99-fold"},
			{"it doubles, its interval does not", growing(2.1, 3.1), states{grows: verdict.Undecided, queued: verdict.Undecided}, ""},
			{"it doubles, its interval hardly", growing(2.2, 2.28), states{grows: verdict.Undecided}, "2.24-fold [1.7"},
			{"it does not double, its interval does", growing(1.2, 1.9), states{grows: verdict.Undecided, queued: verdict.Undecided}, ""},
			{"more growth", allOf(growing(2.01, 2.01), given("p99_growth", 2.5)), states{grows: verdict.Contradicted}, "need above 2.5"},

			{"more than half of the growth is queueing", queuedShare(0.51), nil, "makes 0.51 [0.51, 0.51] of the growth of the mean TTFT"},
			{"less than half is", queuedShare(0.49), states{queued: verdict.Contradicted}, "0.49 [0.49, 0.49]"},
			{"nothing is: they wait elsewhere", queuedShare(0), states{queued: verdict.Contradicted}, "0.00 [0.00, 0.00]"},
			{"half is, on average", queueing(func(cell record.Cell) float64 { return inRep(cell, 0.4, 0.8) }), states{queued: verdict.Undecided}, "0.60 ["},
			{"more asked for", allOf(queuedShare(0.51), given("queued_share", 0.6)), states{queued: verdict.Contradicted}, "need above 0.6"},

			{"both", allOf(ioWait(2, busy(2.3, 2)), growing(2.1, 3.1)), states{flat: verdict.Contradicted, grows: verdict.Undecided, queued: verdict.Undecided}, ""},
		})
	})
	t.Run("without data", func(t *testing.T) { h8aWithoutData(t, base) })
}

// What cannot be compared leaves a check undecided.
func h8aWithoutData(t *testing.T, base *recording) {
	t.Helper()
	for _, tc := range []struct {
		what  string
		edit  func(r *recording)
		check string
		says  string
	}{
		{"no CPU times", func(r *recording) {
			r.samples(func(cell record.Cell, s object) {
				if many(cell) > 1 && s["phase"] == record.PhaseBaseline {
					s["cpu"] = nil
				}
			})
		}, "iowait_flat", "ctx=512/conc=16: iowait cannot be compared with idle"},
		{"no first token in a repetition", func(r *recording) {
			r.requests(func(cell record.Cell, q object) {
				if inRep(cell, 0, 1) > 0 {
					q["lat_ttft_ms"] = nil
				}
			})
		}, "p99_grows", "has no interval"},
		{"one number of users", without("*conc=16*"), "p99_grows", "one number of users at each prompt length"},
		{"one number of users has no queue that grows", without("*conc=16*"), "growth_is_queued", "one number of users at each prompt length"},
		{"no queue", func(r *recording) {
			r.samples(func(cell record.Cell, s object) {
				if many(cell) > 1 {
					s["engine"] = nil
				}
			})
		}, "growth_is_queued", "block 1: ctx=512/conc=16: its queue is not known"},
		{"nothing answered", func(r *recording) {
			r.requests(func(cell record.Cell, q object) {
				if many(cell) > 1 {
					q["rc"] = record.RCRejected
				}
			})
		}, "growth_is_queued", "ctx=512/conc=16: nothing was answered"},
		{"the mean does not grow", growing(0.9, 0.9), "growth_is_queued", "the mean TTFT does not grow"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			r := base.again(t)
			tc.edit(r)
			v := r.replay().Verdict
			c := checkOf(t, v, tc.check)
			assert.Equal(t, verdict.Undecided, c.State, c.Detail)
			assert.Contains(t, c.Detail, tc.says)
			assert.NotEqual(t, verdict.Supported, v.Outcome)
		})
	}
}

// p99 has to double from the fewest to the most users at every prompt length.
func TestP99GrowsAtEveryPromptLength(t *testing.T) {
	const undecided, contradicted, holds = verdict.Undecided, verdict.Contradicted, verdict.Holds
	for _, tc := range []struct {
		what  string
		ttft  map[int][]float64 // by prompt tokens, s with 4, 8 and 32 users, in as many repetitions as there are triples
		want  verdict.State
		says  string
		value float64
	}{
		{"at both", map[int][]float64{512: {1, 2, 3}, 2048: {4, 5, 12}}, holds, "least from ctx=512/conc=4 to ctx=512/conc=32", 3},
		{"figures of the smaller growth",
			map[int][]float64{512: {1, 2, 3}, 2048: {4, 5, 9}}, holds, "least from ctx=2048/conc=4 to ctx=2048/conc=32", 2.25},
		{"not at the longer",
			map[int][]float64{512: {1, 2, 3}, 2048: {4, 5, 7}}, contradicted, "ctx=2048/conc=4 to ctx=2048/conc=32", 1.75},
		{"not at the shorter",
			map[int][]float64{512: {1, 2, 1.5}, 2048: {4, 5, 12}}, contradicted, "ctx=512/conc=4 to ctx=512/conc=32", 1.5},
		{"at neither", map[int][]float64{512: {1, 2, 1.5}, 2048: {4, 5, 5}}, contradicted, "least from ctx=2048", 1.25},
		{"between prompt lengths only", map[int][]float64{512: {1, 1, 1}, 2048: {4, 4, 4}}, contradicted, "", 1},
		{"in between only", map[int][]float64{512: {1, 4, 1}, 2048: {4, 5, 12}}, contradicted, "ctx=512/conc=4 to ctx=512/conc=32", 1},
		{"open at one", map[int][]float64{512: {1, 2, 9}, 2048: {4, 5, 9, 4, 5, 12}}, undecided, "ctx=2048", math.Sqrt(2.25 * 3)},
		{"open at one, not at the other", map[int][]float64{512: {1, 2, 1.5}, 2048: {4, 5, 9, 4, 5, 12}}, contradicted, "ctx=512", 1.5},
		{"a prompt length with one number of users shows nothing", map[int][]float64{512: {1, 2, 3}, 2048: {4}}, holds, "ctx=512", 3},
	} {
		t.Run(tc.what, func(t *testing.T) {
			ev := configured(h8a)
			hc := ev.Exp.Hypothesis
			hc.Thresholds = map[string]float64{"p99_growth": 2}
			hc.Run.Seed = 1
			hc.Run.Duration = 60e9
			for _, ctx := range []int{512, 2048} {
				seconds := tc.ttft[ctx]
				if len(seconds) <= 3 { // two blocks that are alike
					seconds = append(append(slices.Clone(seconds), make([]float64, 3-len(seconds))...), seconds...)
				}
				for i, s := range seconds {
					if s == 0 {
						continue
					}
					c := answering(record.NewCell("ctx", ctx, "conc", []int{4, 8, 32}[i%3], "rep", 1+i/3), 1+i/3, s*1e3)
					c.ContextTokens, c.Users = ctx, []int{4, 8, 32}[i%3]
					ev.Cells = append(ev.Cells, c)
				}
			}
			c, effect := p99Grows(ev, ev.Groups())
			assert.Equal(t, "p99_grows", c.Name)
			assert.Equal(t, tc.want, c.State, c.Detail)
			assert.Contains(t, c.Detail, tc.says)
			assert.InDelta(t, tc.value, *c.Value, 1e-9)
			assert.InDelta(t, tc.value, *effect.Value, 1e-9, "the effect is that of the check")
		})
	}
}

// answering is a cell of a minute with a request every second that has its first token after so many ms.
func answering(cell record.Cell, rep int, ms float64) *evidence.Cell {
	c := &evidence.Cell{}
	c.Cell, c.Key, c.Rep = cell, cell.String(), rep
	c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd = new(0.0), new(60.0)
	for at := range 60 {
		c.Requests = append(c.Requests, evidence.Request{At: float64(at), TTFT: ms, HasTTFT: true, RC: record.RCOK})
	}
	return c
}

// The GPU has to compute at one clock with the fewest and with the most users of each block.
func TestClocksOverSweep(t *testing.T) {
	t.Parallel()
	ev := h8aBase(t).evidence()
	for _, tc := range []struct {
		what string
		mhz  func(c *evidence.Cell) float64 // 0: not known
		want gate.Gate
		says string
	}{
		{"one clock", func(*evidence.Cell) float64 { return 2400 }, gate.Gate{Passed: true}, "differ by at most 0.0 % (allowed 3 %"},
		{"slower with many users", inBlock(2, 2400, 2320), gate.Gate{OnFailure: gate.Inconclusive, Code: "clocks_differ"}, "by at most 3.4 %"},
		{"hardly slower", inBlock(2, 2400, 2340), gate.Gate{Passed: true}, "by at most 2.6 %"},
		{"faster with many users", inBlock(2, 2320, 2400), gate.Gate{OnFailure: gate.Inconclusive, Code: "clocks_differ"}, "by at most 3.4 %"},
		{"not known in a block", inBlock(2, 0, 2400), gate.Gate{Grade: true}, "by at most 0.0 % (allowed 3 %; 2400 MHz in"},
		{"not known at all", func(*evidence.Cell) float64 { return 0 }, gate.Gate{Grade: true}, "unknown in all cells"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			for _, c := range ev.Cells {
				c.Sys.BusyClockMHz = nil
				if v := tc.mhz(c); v > 0 {
					c.Sys.BusyClockMHz = &v
				}
			}
			g := clocksOverSweep(ev, ev.Groups())
			assert.Contains(t, g.Detail, tc.says)
			g.Name, g.Detail = "", ""
			assert.Equal(t, tc.want, g)
		})
	}
}

// inBlock has 2400 MHz everywhere but in a block, where it is one clock with few users and another with many.
func inBlock(rep int, few, most float64) func(c *evidence.Cell) float64 {
	return func(c *evidence.Cell) float64 {
		switch {
		case c.Rep != rep:
			return 2400
		case many(c.Cell) > 1:
			return most
		}
		return few
	}
}
