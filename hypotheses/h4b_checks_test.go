package hypotheses

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// h4bBase is a recording of H4B in which everything holds but for the trend, for which two blocks of two arms are too few:
// what a fetch takes goes up and down from window to window and is longer beside fio, and TTFT follows it.
func h4bBase(t *testing.T) *recording {
	t.Helper()
	return copyOf(t, h4b, func(r *recording) {
		slowed(1.5, 1.5)(r)
		served(5, 5)(r)
		r.gates("min_samples", 20)
	})
}

// slowed makes TTFT, and with it the fetches, longer beside fio by a factor of the repetition.
func slowed(first, second float64) func(*recording) {
	return func(r *recording) {
		fetchSlowed(first, second)(r)
		evenly(r, pacedBesideFio(first, second))
	}
}

// fetchSlowed makes the fetches alone longer beside fio.
func fetchSlowed(first, second float64) func(*recording) {
	of := pacedBesideFio(first, second)
	return func(r *recording) { tierTwo(r, func(m moment) fetched { return fetched{1e8, of(m)} }) }
}

// pacedBesideFio goes up and down from window to window, and is longer beside fio by a factor of the repetition.
func pacedBesideFio(first, second float64) func(m moment) float64 {
	return func(m moment) float64 {
		v := 200 + 10*pattern(m.window)
		if m.cell.Level("fio") == "heavy" {
			v *= inRep(m.cell, first, second)
		}
		return math.Round(v) // so that sums of it are exact, and equal fetches stay equal
	}
}

// fetching replaces what the fetch of a window takes, ms, and makes TTFT that of the severity.
func fetching(ms func(m moment) float64) func(*recording) {
	return func(r *recording) {
		tierTwo(r, func(m moment) fetched { return fetched{1e8, ms(m)} })
		evenly(r, line(200, 10, severity))
	}
}

// noisyIn is the severity and so much more or less, in the first and in the second repetition.
func noisyIn(first, second float64) func(m moment) float64 {
	return func(m moment) float64 { return severity(m) + inRep(m.cell, first, second)*sign(m.window) }
}

// early is a figure of the first windows, 0 in those after them beside fio.
func early(of func(m moment) float64) func(m moment) float64 {
	return func(m moment) float64 {
		if m.cell.Level("fio") == "heavy" && m.window > 4 {
			return 0
		}
		return of(m)
	}
}

func TestChecksOfH4B(t *testing.T) {
	t.Parallel()
	rises, ratio, tail, fetches := "p99_rises", "p99_ratio", "p99_tracks_fetch", "in_proportion"
	base := h4bBase(t)
	t.Run("states", func(t *testing.T) {
		cases := []edited{
			{"half as long again", nil, nil, "is 1.50 [1.50, 1.50] times that with fio none (95 % interval over 2 blocks, need above 1.20)"},

			{"just longer enough", slowed(1.21, 1.21), nil, "is 1.21 [1.21, 1.21]"},
			{"not longer enough", slowed(1.19, 1.19), states{ratio: verdict.Contradicted}, "is 1.19 [1.19, 1.19]"},
			{"longer enough, the interval is not", slowed(1.1, 1.6), states{ratio: verdict.Undecided, fetches: verdict.Undecided}, ""},
			{"longer enough, the interval hardly", slowed(1.29, 1.33), states{ratio: verdict.Undecided}, "is 1.31"},
			{"not longer enough, the interval is", slowed(1.05, 1.18), states{ratio: verdict.Undecided, fetches: verdict.Undecided}, "is 1.11"},
			{"more asked for", allOf(slowed(1.21, 1.21), given("p99_ratio", 1.3)), states{ratio: verdict.Contradicted}, "need above 1.30"},

			{"requests follow closely", fetching(line(200, 10, noisy(3))), nil, "correlation 0."},
			{"more closely asked for",
				allOf(fetching(line(200, 10, noisy(3))), given("spearman_min", 0.95)), states{tail: verdict.Contradicted}, "need above 0.95"},
			{"closely in one block", fetching(line(200, 10, noisyIn(3, 6))), states{tail: verdict.Undecided}, ""},
			{"requests follow roughly", fetching(line(200, 10, noisy(6))), states{tail: verdict.Contradicted}, "correlation 0."},
			{"requests do not follow", fetching(unrelated), states{tail: verdict.Contradicted, fetches: verdict.Contradicted}, ""},
			{"requests go against", fetching(line(500, -10, severity)), states{tail: verdict.Contradicted, fetches: verdict.Contradicted}, "correlation -1.00"},
			{"only the arm's label is left", fetching(labelled), states{tail: verdict.Contradicted}, "correlation -0."},
			{"most windows of an arm lack a fetch",
				fetching(early(line(200, 10, severity))), states{tail: verdict.Undecided}, "0.98 [0.98, 0.98]"},
			{"what is left goes against",
				fetching(early(line(500, -10, severity))), states{tail: verdict.Contradicted, fetches: verdict.Contradicted}, "most windows are missing of fio=heavy"},
			{"an arm does not vary", fetching(flatBesideFio), states{tail: verdict.Undecided}, "nothing that varies, in " +
				"1/fio=heavy/ctx=4096/conc=16, 2/fio=heavy"},
			{"no fetch", fetching(func(moment) float64 { return 0 }), states{tail: verdict.Undecided, fetches: verdict.Undecided}, "no fetch from tier 2 is known"},

			{"fetches take longer enough", fetchSlowed(1.16, 1.16), nil, "grows 1.16-fold and p99 TTFT 1.50-fold: over p99's to the power of 0.33 it is 1.01"},
			{"fetches take longer, for that p99 not enough", fetchSlowed(1.13, 1.13), states{fetches: verdict.Contradicted}, "it is 0.98"},
			{"less asked for", allOf(fetchSlowed(1.13, 1.13), given("fetch_share", 0.25)), nil, "to the power of 0.25 it is 1.02"},
			{"fetches take as long, whatever p99 does", fetchSlowed(1, 1), states{fetches: verdict.Contradicted}, "grows 1.00-fold"},
			{"fetches and p99 are shorter", slowed(0.8, 0.8), states{ratio: verdict.Contradicted, fetches: verdict.Contradicted}, "it is 0.800 [0.800, 0.800]"},
			{"fetches are longer in one block", fetchSlowed(1.5, 1.1), states{fetches: verdict.Undecided}, ""},
		}
		for i := range cases {
			if cases[i].want == nil {
				cases[i].want = states{}
			}
			cases[i].want[rises] = verdict.Undecided
		}
		judge(t, base, cases)
	})
	t.Run("without data", func(t *testing.T) { h4bWithoutData(t, base) })
	t.Run("tier 2 engaged", func(t *testing.T) { h4bTier2Engaged(t, base) })
}

// labelled is a fetch that differs between arms and inside them has nothing to do with the severity.
func labelled(m moment) float64 { return 200 + 100*math.Floor(severity(m)/20) + sign(m.window) }

// flatBesideFio is a fetch that follows without fio and takes the same all the time beside it.
func flatBesideFio(m moment) float64 {
	if m.cell.Level("fio") == "heavy" {
		return 700
	}
	return 200 + 10*severity(m)
}

// What was not measured leaves a check undecided.
func h4bWithoutData(t *testing.T, base *recording) {
	t.Helper()
	for _, tc := range []struct {
		what  string
		edit  func(r *recording)
		check string
		says  string
	}{
		{"an arm is missing", without("fio=heavy*"), "p99_rises", "an arm or a repetition was not measured"},
		{"a repetition is missing", without("fio=none*rep=2"), "p99_rises", "an arm or a repetition was not measured"},
		{"a cell has no p99", waits(func(m moment) float64 {
			if m.rep == 2 && m.cell.Level("fio") == "none" {
				return 0
			}
			return 200
		}), "p99_rises", "block 2 has no p99 of each arm: fio=none/ctx=4096/conc=16"},
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

// Page's trend over three arms at the level of the look, and the order of their means.
func TestP99RisesStates(t *testing.T) {
	const undecided, contradicted, holds = verdict.Undecided, verdict.Contradicted, verdict.Holds
	for _, tc := range []struct {
		what   string
		blocks [][]float64 // p99 with none, moderate and heavy
		looks  []int       // before the last
		want   verdict.State
		says   string
	}{
		{"three blocks in order", [][]float64{{1, 2, 3}, {10, 20, 30}, {3, 4, 5}}, nil, holds, "p 0.0046 (need 0.025)"},
		{"two blocks in order", [][]float64{{1, 2, 3}, {10, 20, 30}}, nil, undecided, "p 0.028 (need 0.025)"},
		{"not significant at an early look's level", [][]float64{{1, 2, 3}, {10, 20, 30}, {3, 5, 5}}, []int{2}, undecided, "(need 0.00592)"},
		{"significant at the whole level", [][]float64{{1, 2, 3}, {10, 20, 30}, {3, 5, 5}}, nil, holds, "(need 0.025)"},
		{"means in order, blocks are not", [][]float64{{1, 2, 3}, {2, 3, 1.9}, {2, 1.9, 2.1}}, nil, undecided, ""},
		{"blocks in order, means are not",
			[][]float64{{1, 0.5, 3}, {1, 1.1, 3}, {1, 1.1, 3}, {1, 1.1, 3}}, nil, undecided, "the means are not in that order"},
		{"three blocks falling", [][]float64{{3, 2, 1}, {30, 20, 10}, {5, 4, 3}}, nil, contradicted, "and falls with p 0.0046"},
		{"two blocks falling", [][]float64{{3, 2, 1}, {30, 20, 10}}, nil, undecided, "and falls with p 0.028"},
		{"alike", [][]float64{{2, 2, 2}, {2, 2, 2}, {2, 2, 2}}, nil, undecided, "p 1 (need"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			ev := configured(h4b)
			ev.Exp.Hypothesis.Run.Reps, ev.Exp.Hypothesis.Run.EarlyLooks = len(tc.blocks), tc.looks
			arms := make([]*evidence.Group, 3)
			for i, level := range []string{"none", "moderate", "heavy"} {
				arms[i] = &evidence.Group{Cell: record.NewCell("fio", level)}
				for rep, block := range tc.blocks {
					c := answering(record.NewCell("fio", level, "rep", rep+1), rep+1, block[i])
					c.Fio = level
					arms[i].Cells = append(arms[i].Cells, c)
					ev.Cells = append(ev.Cells, c)
				}
			}
			c := p99Rises(ev, arms)
			assert.Equal(t, tc.want, c.State, c.Detail)
			assert.Contains(t, c.Detail, tc.says)
			assert.Equal(t, len(tc.blocks), c.Blocks)
		})
	}
}

// Tier 2 has to serve a fifth of the lookups in every arm.
func h4bTier2Engaged(t *testing.T, base *recording) {
	t.Helper()
	judgeGate(t, base, "tier_2_engaged", []gated{
		{"just enough in one arm", served(1, 0.3), "", "least: fio=heavy/ctx=4096/conc=16"},
		{"not enough in one arm", allOf(slowed(1, 1), served(1, 0.28)), "not_engaged", "need 20 %; least: fio=heavy/ctx=4096/conc=16"},
		{"less asked for", allOf(served(1, 0.28), given("tier2_hit_share", 0.18)), "", "need 18 %"},
		{"no hits told", func(r *recording) {
			r.lines("dynkv.jsonl", func(_ record.Cell, line object) bool { delete(line["tier2"].(object), "hits"); return true })
		}, "not_reported", "the server tells no hits of tier 2"},
	})
}
