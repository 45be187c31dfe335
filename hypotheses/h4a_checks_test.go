package hypotheses

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// factors multiply the latencies of an arm, in the first and in the second repetition; an arm that is not named
// has 1 and 1.
type factors map[string][2]float64

func (f factors) of(arm string, rep int) float64 {
	if v, ok := f[arm]; ok {
		return v[rep-1]
	}
	return 1
}

// likeButFor are requests that are the same in all arms but for the factors of their latencies.
func likeButFor(ttft, e2e factors) func(cell record.Cell) []answer {
	return func(cell record.Cell) []answer {
		arm, rep, out := cell.Level("fio"), cell.Int("rep"), even(60, 1)
		for i, a := range out {
			out[i].ttft, out[i].e2e = a.ttft*ttft.of(arm, rep), 5*a.ttft*e2e.of(arm, rep)
		}
		return out
	}
}

// threeArms is a run of H4A with a moderate arm, too, and such requests.
func threeArms(t *testing.T, ttft, e2e factors) *recording {
	t.Helper()
	r := recorded(t, h4a)
	for _, rep := range []string{"1", "2"} {
		r.extra("fio=heavy/ctx=1024/conc=8/rep="+rep, "fio=moderate/ctx=1024/conc=8/rep="+rep)
	}
	r.config(func(h object) {
		h["sweep"].(object)["fio"] = []string{"none", "moderate", "heavy"}
		h["gates"].(object)["min_samples"] = 100
	})
	return r.answers(likeButFor(ttft, e2e))
}

// Each latency is judged in every pair of arms, by an interval of the ratio inside 1/(1+margin) and 1+margin, and
// by itself.
func TestArmsEquivalent(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		arms  factors
		want  verdict.State
		value float64 // of the pair that is least alike; 0 for any
	}{
		{"alike", nil, verdict.Holds, 1},
		{"heavy just inside", factors{"heavy": {1.09, 1.09}}, verdict.Holds, 1.09},
		{"heavy just outside", factors{"heavy": {1.11, 1.11}}, verdict.Contradicted, 1.11},
		{"heavy faster, just inside", factors{"heavy": {0.915, 0.915}}, verdict.Holds, 0.915},
		// A tenth less is more than a factor of 1.1.
		{"heavy faster, just outside", factors{"heavy": {0.905, 0.905}}, verdict.Contradicted, 0.905},
		// The interval decides: the estimates of these lie inside and outside. With two repetitions that differ by d on
		// the log scale it reaches 6.4 d to both sides; at 90 % it would be 3.2 d.
		{"inside, repetitions differ", factors{"heavy": {1, 1.03}}, verdict.Undecided, 0},
		{"outside, repetitions differ", factors{"heavy": {1.1, 1.3}}, verdict.Undecided, 0},
		{"inside, faster in one repetition", factors{"heavy": {1, 0.94}}, verdict.Undecided, 0},
		{"repetitions hardly differ", factors{"heavy": {1, 1.01}}, verdict.Holds, 0},
		// What arms have in common is no difference between them.
		{"a slow repetition of all arms", factors{"none": {1, 3}, "moderate": {1, 3}, "heavy": {1, 3}}, verdict.Holds, 1},
		{"the middle arm alone", factors{"moderate": {1.15, 1.15}}, verdict.Contradicted, 0},
		{"the two heaviest arms alone", factors{"moderate": {0.94, 0.94}, "heavy": {1.06, 1.06}}, verdict.Contradicted, 1.06 / 0.94},
		{"the two lightest arms alone", factors{"none": {0.94, 0.94}, "moderate": {1.06, 1.06}}, verdict.Contradicted, 1.06 / 0.94},
		{"the pair least alike has the smallest ratio", factors{"none": {0.98, 0.98}, "heavy": {0.94, 0.94}}, verdict.Holds, 0.94},
		{"an open pair beside one further apart that holds", factors{"moderate": {0.98, 1.04}, "heavy": {1.08, 1.08}}, verdict.Undecided, 0},
	}
	ev := threeArms(t, nil, nil).evidence()
	for i, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			// E2E is another case's: what holds for one latency says nothing of the other.
			other := cases[(i+5)%len(cases)]
			answered(ev, likeButFor(tc.arms, other.arms))
			checks := decidingOf(decideH4A(ev).Checks)
			for name, tc := range map[string]struct {
				want  verdict.State
				value float64
			}{"ttft_p99_equivalent": {tc.want, tc.value}, "e2e_p99_equivalent": {other.want, other.value}} {
				c := checks[name]
				assert.Equal(t, tc.want, c.State, c.Detail)
				if tc.value > 0 {
					assert.InDelta(t, tc.value, *c.Value, 1e-9, c.Detail)
				}
			}
		})
	}
}

// The margin is the configuration's.
func TestArmsEquivalentWithinTheMargin(t *testing.T) {
	t.Parallel()
	ev := threeArms(t, nil, nil).evidence()
	for _, tc := range []struct {
		factor, margin float64
		want           verdict.State
	}{
		{1.11, 0.12, verdict.Holds}, {1.09, 0.08, verdict.Contradicted},
		{0.905, 0.12, verdict.Holds}, {0.93, 0.07, verdict.Contradicted},
	} {
		heavy := factors{"heavy": {tc.factor, tc.factor}}
		answered(ev, likeButFor(heavy, heavy))
		ev.Exp.Hypothesis.Thresholds["equivalence_margin"] = tc.margin
		checks := decidingOf(decideH4A(ev).Checks)
		assert.Len(t, checks, 2)
		for name, c := range checks {
			assert.Equal(t, tc.want, c.State, "%s: %s", name, c.Detail)
		}
	}
}

// It is the slowest hundredth that is judged, and a request that timed out has taken longer than anyone knows.
func TestArmsEquivalentInTheTail(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		edit func(answers []answer)
		want verdict.State
	}{
		{"all but the tail is slower", func(answers []answer) {
			for i := range answers {
				answers[i].ttft = max(answers[i].ttft, 1800)
			}
		}, verdict.Holds},
		{"the tail alone is slower", func(answers []answer) {
			for i := range answers {
				if answers[i].ttft > 1950 {
					answers[i].ttft *= 1.2
				}
			}
		}, verdict.Contradicted},
		{"a time-out", func(answers []answer) {
			for i := range answers {
				if answers[i].ttft > 1950 {
					answers[i].timeout = true
				}
			}
		}, verdict.Undecided},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := recorded(t, h4a).answers(func(cell record.Cell) []answer {
				out := even(200, 1)
				if cell.Level("fio") == "heavy" {
					tc.edit(out)
				}
				return out
			})
			checks := r.deciding()
			assert.Len(t, checks, 2)
			for name, c := range checks {
				assert.Equal(t, tc.want, c.State, "%s: %s", name, c.Detail)
			}
		})
	}
}

// Arms are compared where all of them were measured, in the same repetitions.
func TestArmsEquivalentNeedsThemAll(t *testing.T) {
	t.Parallel()
	for _, cells := range [][]string{
		{"fio=heavy/ctx=1024/conc=8/rep=2"},
		{"fio=none/ctx=1024/conc=8/rep=1"},
		{"fio=moderate/ctx=1024/conc=8/rep=1", "fio=moderate/ctx=1024/conc=8/rep=2"},
		{"fio=none/ctx=1024/conc=8/rep=1", "fio=moderate/ctx=1024/conc=8/rep=2", "fio=heavy/ctx=1024/conc=8/rep=1"},
	} {
		r := threeArms(t, nil, nil)
		for _, cell := range cells {
			r.lose(cell)
		}
		checks := r.deciding()
		assert.Equal(t, verdict.Undecided, checks["ttft_p99_equivalent"].State, "%s is missing", cells)
		assert.Len(t, checks, 2)
	}
}

// The gates of the edited run pass, so that the checks decide: one that is contradicted refutes, whatever the
// other says.
func TestOutcomeOfFioArms(t *testing.T) {
	t.Parallel()
	slow, open := factors{"heavy": {1.2, 1.2}}, factors{"heavy": {1, 1.06}}
	for _, tc := range []struct {
		name      string
		ttft, e2e factors
		want      verdict.Outcome
	}{
		{"as claimed", nil, nil, verdict.Supported},
		{"E2E is slower", nil, slow, verdict.Refuted},
		{"TTFT is open", open, nil, verdict.Inconclusive},
		{"TTFT is open, E2E is slower", open, slow, verdict.Refuted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			assertOutcome(t, tc.want, threeArms(t, tc.ttft, tc.e2e))
		})
	}
}

// Arms that are alike because the drive was hardly disturbed show nothing. Every block counts by itself, and the
// threshold is the configuration's.
func TestDriveHasToBeDegraded(t *testing.T) {
	t.Parallel()
	degraded := func(first, second float64) *recording {
		r := threeArms(t, nil, nil)
		for _, cell := range planned(r) {
			factor := first
			if strings.HasSuffix(cell, "rep=2") {
				factor = second
			}
			probe(100, 100*factor)(r, cell)
		}
		return r
	}
	assertOutcome(t, verdict.Supported, degraded(2.01, 2.01))
	assertOutcome(t, verdict.Invalid, degraded(2.01, 1.99))
	assertOutcome(t, verdict.Invalid, degraded(1.99, 3))
	assertOutcome(t, verdict.Supported, degraded(1.99, 3).threshold("r_await_ratio", 1.9))
}
