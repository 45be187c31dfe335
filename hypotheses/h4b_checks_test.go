package hypotheses

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// h4bBase is a recording of H4B in which everything holds: what a fetch takes goes up and down from window to window
// and is longer beside fio, and TTFT follows it. Two blocks of two arms can reach a p of 1/4, so that is enough.
func h4bBase(t *testing.T) *recording {
	t.Helper()
	return copyOf(t, h4b, func(r *recording) {
		slowed(1.5, 1.5)(r)
		served(5, 5)(r)
		r.threshold("trend_alpha", 0.26)
		r.gates("min_samples", 20)
	})
}

// slowed makes TTFT, and with it the fetches, longer beside fio by a factor of the repetition.
func slowed(first, second float64) func(*recording) {
	ttft := func(m moment) float64 {
		v := 200 + 10*pattern(m.window)
		if m.cell.Level("fio") == "heavy" {
			v *= inRep(m.cell, first, second)
		}
		return math.Round(v) // so that sums of it are exact, and equal fetches stay equal
	}
	return func(r *recording) {
		tierTwo(r, func(m moment) fetched { return fetched{1e8, ttft(m)} })
		evenly(r, ttft)
	}
}

// fetching replaces what the fetch of a window takes, ms, and makes TTFT that of the severity.
func fetching(ms func(m moment) float64) func(*recording) {
	return func(r *recording) {
		tierTwo(r, func(m moment) fetched { return fetched{1e8, ms(m)} })
		evenly(r, line(200, 10, severity))
	}
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
	rises, ratio, tail := "p99_rises", "p99_ratio", "p99_tracks_fetch"
	base := h4bBase(t)
	t.Run("states", func(t *testing.T) {
		judge(t, base, []edited{
			{"half as long again", nil, nil, "is 1.50 [1.50, 1.50] times that with fio none (need above 1.20)"},

			{"just longer enough", slowed(1.21, 1.21), nil, "is 1.21 [1.21, 1.21]"},
			{"not longer enough", slowed(1.19, 1.19), states{ratio: verdict.Contradicted}, "is 1.19 [1.19, 1.19]"},
			{"longer enough, the interval is not", slowed(1.1, 1.6), states{ratio: verdict.Undecided}, ""},
			{"longer enough, the interval hardly", slowed(1.29, 1.33), states{ratio: verdict.Undecided}, "is 1.33 [1.1"},
			{"not longer enough, the interval is", slowed(1.05, 1.18), states{ratio: verdict.Undecided}, "is 1.18"},
			{"more asked for", allOf(slowed(1.21, 1.21), given("p99_ratio", 1.3)), states{ratio: verdict.Contradicted}, "need above 1.30"},

			{"no significant trend", given("trend_alpha", 0.24), states{rises: verdict.Undecided}, "Page's L 10, p 0.25 (need below 0.24)"},
			{"shorter", slowed(0.8, 0.8), states{rises: verdict.Contradicted, ratio: verdict.Contradicted}, "p 1 (need below 0.26)"},
			{"longer in one block", slowed(1.6, 0.9), states{rises: verdict.Undecided, ratio: verdict.Undecided}, "p 0.75"},

			{"requests follow closely", fetching(line(200, 10, noisy(8))), nil, "correlation 0.78 [0.64, 0.86]"},
			{"more closely asked for",
				allOf(fetching(line(200, 10, noisy(8))), given("spearman_min", 0.7)), states{tail: verdict.Undecided}, "need above 0.70"},
			{"much more closely asked for",
				allOf(fetching(line(200, 10, noisy(8))), given("spearman_min", 0.88)), states{tail: verdict.Contradicted}, "need above 0.88"},
			{"requests follow roughly", fetching(line(200, 10, noisy(16))), states{tail: verdict.Undecided}, "correlation 0.35 [0.09"},
			{"requests do not follow", fetching(unrelated), states{tail: verdict.Contradicted}, ""},
			{"requests go against", fetching(line(500, -10, severity)), states{tail: verdict.Contradicted}, "correlation -1.00"},
			{"most windows of an arm lack a fetch",
				fetching(early(line(200, 10, severity))), states{tail: verdict.Undecided}, "1.00 [1.00, 1.00]"},
			{"what is left goes against",
				fetching(early(line(500, -10, severity))), states{tail: verdict.Contradicted}, "most windows are missing of fio=heavy"},
			{"no fetch", fetching(func(moment) float64 { return 0 }), states{tail: verdict.Undecided}, "has no interval"},
		})
	})
	t.Run("without data", func(t *testing.T) { h4bWithoutData(t, base) })
	t.Run("tier 2 engaged", func(t *testing.T) { h4bTier2Engaged(t, base) })
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
		}), "p99_rises", "fio=none/ctx=4096/conc=16/rep=2 has no p99"},
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

// Page's trend over three arms, and the order of their means.
func TestP99RisesStates(t *testing.T) {
	const undecided, contradicted, holds = verdict.Undecided, verdict.Contradicted, verdict.Holds
	for _, tc := range []struct {
		what   string
		blocks [][]float64 // p99 with none, moderate and heavy
		alpha  float64
		want   verdict.State
		says   string
	}{
		{"two blocks in order", [][]float64{{1, 2, 3}, {10, 20, 30}}, 0.05, holds, "p 0.028 (need below 0.05)"},
		{"not significant at less", [][]float64{{1, 2, 3}, {10, 20, 30}}, 0.02, undecided, "p 0.028 (need below 0.02)"},
		{"one block in order", [][]float64{{1, 2, 3}}, 0.05, undecided, "p 0.17"},
		{"means in order, blocks are not", [][]float64{{1, 2, 3}, {2, 3, 1.9}, {2, 1.9, 2.1}}, 0.05, undecided, ""},
		{"blocks in order, means are not",
			[][]float64{{1, 0.5, 3}, {1, 1.1, 3}, {1, 1.1, 3}, {1, 1.1, 3}}, 0.05, undecided, "none 0.001 s, moderate 0.0009"},
		{"two blocks falling", [][]float64{{3, 2, 1}, {30, 20, 10}}, 0.05, contradicted, "p 1 (need below 0.05)"},
		{"falling, not significant at less", [][]float64{{3, 2, 1}, {30, 20, 10}}, 0.02, undecided, ""},
		{"falling in one block", [][]float64{{3, 2, 1}, {1, 2, 3}}, 0.05, undecided, ""},
		{"alike", [][]float64{{2, 2, 2}, {2, 2, 2}, {2, 2, 2}}, 0.05, undecided, "p 1"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			ev := configured(h4b)
			ev.Exp.Hypothesis.Thresholds["trend_alpha"] = tc.alpha
			arms := make([]*evidence.Group, 3)
			for i, level := range []string{"none", "moderate", "heavy"} {
				arms[i] = &evidence.Group{}
				for rep, block := range tc.blocks {
					c := answering(record.NewCell("fio", level, "rep", rep+1), rep+1, block[i])
					c.Fio = level
					arms[i].Cells = append(arms[i].Cells, c)
				}
			}
			c := p99Rises(ev, arms)
			assert.Equal(t, tc.want, c.State, c.Detail)
			assert.Contains(t, c.Detail, tc.says)
		})
	}
}

// Tier 2 has to serve a fifth of the lookups in every arm.
func h4bTier2Engaged(t *testing.T, base *recording) {
	t.Helper()
	judgeGate(t, base, "tier_2_engaged", []gated{
		{"just enough in one arm", served(1, 0.3), "", "least: fio=heavy/ctx=4096/conc=16"},
		{"not enough in one arm", allOf(slowed(1, 1), served(1, 0.28)), "not_engaged", "need 20 %; least: fio=heavy/ctx=4096/conc=16"},
		{"less asked for", allOf(served(1, 0.28), given("tier2_hit_share", 0.19)), "", "need 19 %"},
		{"no hits told", func(r *recording) {
			r.lines("dynkv.jsonl", func(_ record.Cell, line object) bool { delete(line["tier2"].(object), "hits"); return true })
		}, "not_reported", "the server tells no hits of tier 2"},
	})
}
