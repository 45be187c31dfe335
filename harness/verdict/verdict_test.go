package verdict_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/gate"
	"sparkharness/harness/verdict"
)

func TestSettle(t *testing.T) {
	holds := verdict.Check{Name: "a", State: verdict.Holds, Detail: "a held"}
	contra := verdict.Check{Name: "b", State: verdict.Contradicted, Detail: "b is not so"}
	open := verdict.Check{Name: "c", State: verdict.Undecided, Detail: "c is open"}
	note := verdict.Check{Name: "d", State: verdict.Noted, Detail: "d"}
	pass := gate.Pass("client", "p99 lag 0.1 ms")
	invalid := gate.Fail("treatment", verdict.Invalid, "treatment", "policy read back as LRU")
	thin := gate.Fail("samples", verdict.Inconclusive, "samples", "n 40 of 299")
	grade := gate.Grade("reproducibility", false, "8 %")

	for _, tc := range []struct {
		name   string
		gates  []gate.Gate
		checks []verdict.Check
		want   verdict.Outcome
		first  string
	}{
		{"all hold", []gate.Gate{pass}, []verdict.Check{holds, note}, verdict.Supported, "a held"},
		{"one contradicted", []gate.Gate{pass}, []verdict.Check{holds, contra}, verdict.Refuted, "contradicted: b is not so"},
		{"one open", nil, []verdict.Check{holds, open}, verdict.Inconclusive, "undecided: c is open"},
		{"contradiction beats open", nil, []verdict.Check{open, contra}, verdict.Refuted, "contradicted: b is not so"},
		{"invalid beats all", []gate.Gate{thin, invalid}, []verdict.Check{contra}, verdict.Invalid, "gate treatment failed: policy read back as LRU"},
		{"thin data beat checks", []gate.Gate{thin, pass}, []verdict.Check{holds}, verdict.Inconclusive, "gate samples failed: n 40 of 299"},
		{"a grade fails nothing", []gate.Gate{grade}, []verdict.Check{holds}, verdict.Supported, "a held"},
		{"nothing checked", []gate.Gate{pass}, nil, verdict.Inconclusive, "no check could be made"},
		{"notes are no support", nil, []verdict.Check{note}, verdict.Inconclusive, "d"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := verdict.Settle(tc.gates, tc.checks, nil)
			assert.Equal(t, tc.want, v.Outcome)
			require.NotEmpty(t, v.Reasons)
			assert.Equal(t, tc.first, v.Reasons[0])
		})
	}
}

func TestAbove(t *testing.T) {
	assert.Equal(t, verdict.Holds, verdict.Above(1.3, 1.6, 1.2))
	assert.Equal(t, verdict.Contradicted, verdict.Above(0.9, 1.1, 1.2))
	assert.Equal(t, verdict.Undecided, verdict.Above(1.1, 1.4, 1.2))
}

func TestEquivalent(t *testing.T) {
	for _, tc := range []struct {
		name   string
		lo, hi float64
		want   verdict.State
	}{
		{"inside", 0.95, 1.05, verdict.Holds},
		{"inside, a point", 1, 1, verdict.Holds},
		{"across the lower bound", 0.85, 0.95, verdict.Undecided},
		{"across the upper bound", 1.05, 1.15, verdict.Undecided},
		{"across both", 0.8, 1.2, verdict.Undecided},
		{"below", 0.7, 0.8, verdict.Contradicted},
		{"above", 1.2, 1.3, verdict.Contradicted},
		{"touches the lower bound from inside", 0.9, 1, verdict.Undecided},
		{"touches the upper bound from inside", 1, 1.1, verdict.Undecided},
		{"touches the lower bound from below", 0.7, 0.9, verdict.Contradicted},
		{"touches the upper bound from above", 1.1, 1.3, verdict.Contradicted},
		{"the bounds themselves", 0.9, 1.1, verdict.Undecided},
		{"open", math.Inf(-1), math.Inf(1), verdict.Undecided},
		{"not a number", math.NaN(), math.NaN(), verdict.Undecided},
	} {
		t.Run(tc.name, func(t *testing.T) {
			assert.Equal(t, tc.want, verdict.Equivalent(tc.lo, tc.hi, 0.9, 1.1))
			// Mirrored at 1 it is the same question.
			assert.Equal(t, tc.want, verdict.Equivalent(-tc.hi, -tc.lo, -1.1, -0.9))
		})
	}
}

// A narrower interval never takes an answer back: what holds or is contradicted for an interval is so for each
// part of it.
func TestEquivalentIsMonotone(t *testing.T) {
	grid := []float64{0.7, 0.85, 0.9, 0.95, 1, 1.05, 1.1, 1.15, 1.3}
	for i := range grid {
		for k := i; k < len(grid); k++ {
			wide := verdict.Equivalent(grid[i], grid[k], 0.9, 1.1)
			if wide == verdict.Undecided {
				continue
			}
			for a := i; a <= k; a++ {
				for b := a; b <= k; b++ {
					assert.Equal(t, wide, verdict.Equivalent(grid[a], grid[b], 0.9, 1.1), "[%v, %v] of [%v, %v]", grid[a], grid[b], grid[i], grid[k])
				}
			}
		}
	}
}

// One contradiction decides a claim about several things, then what is open; what holds and what is only
// noted weigh the same.
func TestWorse(t *testing.T) {
	order := [][]verdict.State{{verdict.Holds, verdict.Noted}, {verdict.Undecided}, {verdict.Contradicted}}
	for i, as := range order {
		for k, bs := range order {
			for _, a := range as {
				for _, b := range bs {
					assert.Equal(t, i > k, verdict.Worse(a, b), "%s worse than %s", a, b)
				}
			}
		}
	}
}

func TestParseOutcome(t *testing.T) {
	o, err := verdict.ParseOutcome("refuted")
	require.NoError(t, err)
	assert.Equal(t, verdict.Refuted, o)
	_, err = verdict.ParseOutcome("maybe")
	require.ErrorContains(t, err, "not one of")
}
