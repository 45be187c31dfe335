package hypotheses

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/verdict"
)

// Some policy has to serve fewer of the lookups from tier 2 than FIFO does, by more than the margin, over the
// cells whose prefixes do not fit the host tier.
func TestPoliciesDiffer(t *testing.T) {
	const undecided, contradicted, holds = verdict.Undecided, verdict.Contradicted, verdict.Holds
	two, three := []string{"FIFO", "LFU"}, []string{"FIFO", "LRU", "LFU"}
	for _, tc := range []struct {
		what     string
		policies []string
		less     func(p place) float64 // share of the lookups that a policy spares tier 2, of the 50 % of FIFO
		margin   float64
		want     verdict.State
		says     string
		value    float64
	}{
		{"alike",
			two, func(place) float64 { return 0 }, 0.05, contradicted,
			"share of lookups served by tier 2 at 3 places that overflow, clearest: LFU against FIFO +0.000", 0},
		{"more than the margin",
			two, func(place) float64 { return 0.051 }, 0.05, holds,
			"LFU against FIFO -0.051 [-0.051, -0.051] (95 % interval over 3 blocks, one policy must be below -0.05)", -0.051},
		{"less than the margin", two, func(place) float64 { return 0.049 }, 0.05, contradicted, "", -0.049},
		{"worse by more than the margin", two, func(place) float64 { return -0.051 }, 0.05, contradicted, "LFU against FIFO +0.051", 0.051},
		{"much worse", two, func(place) float64 { return -0.4 }, 0.05, contradicted, "LFU against FIFO +0.400", 0.4},
		{"another margin", two, func(place) float64 { return 0.051 }, 0.06, contradicted, "below -0.06", -0.051},
		{"a smaller margin", two, func(place) float64 { return 0.049 }, 0.04, holds, "below -0.04", -0.049},
		{"beyond the margin, the interval is not",
			two, func(p place) float64 { return 0.08 + scatter3(p, 0.03) }, 0.05, undecided, "LFU against FIFO -0.080", -0.08},
		{"inside the margin, the interval is not",
			two, func(p place) float64 { return 0.02 + scatter3(p, 0.03) }, 0.05, undecided, "LFU against FIFO -0.020", -0.02},
		{"inside, the interval too", two, func(p place) float64 { return 0.02 + scatter3(p, 0.01) }, 0.05, contradicted, "", -0.02},
		{"one of two",
			three, func(p place) float64 { return map[string]float64{"LFU": 0.06}[p.policy] }, 0.05, holds, "LFU against FIFO -0.060", -0.06},
		{"the other of two",
			three, func(p place) float64 { return map[string]float64{"LRU": 0.06}[p.policy] }, 0.05, holds, "LRU against FIFO -0.060", -0.06},
		{"one spares, the other sends more",
			three, func(p place) float64 { return map[string]float64{"LRU": 0.06, "LFU": -0.3}[p.policy] }, 0.05, holds, "LRU against FIFO -0.060", -0.06},
		{"neither of two",
			three, func(p place) float64 {
				return map[string]float64{"LRU": 0.03, "LFU": 0.04}[p.policy] + scatter3(p, 0.001)
			}, 0.05, contradicted, "LFU against FIFO -0.040", -0.04},
		{"one of two is open", three, func(p place) float64 {
			if p.policy == "LFU" {
				return 0.08 + scatter3(p, 0.03)
			}
			return 0
		}, 0.05, undecided, "", -0.08},
		{"one is open, the other beyond", three, func(p place) float64 {
			if p.policy == "LRU" {
				return 0.08 + scatter3(p, 0.03)
			}
			return 0.06
		}, 0.05, holds, "LFU against FIFO -0.060", -0.06},
		{"two comparisons need more",
			two, func(p place) float64 { return 0.08 + scatter3(p, 0.01) }, 0.05, holds, "", -0.08},
		{"than one", three, func(p place) float64 { return 0.08 + scatter3(p, 0.01) }, 0.05, undecided, "", -0.08},
		{"only where everything fits", two, func(p place) float64 {
			if p.gib == 32 || p.gib == 16 && p.ctx == 4096 {
				return 0.4
			}
			return 0
		}, 0.05, contradicted, "at 3 places that overflow", 0},
		{"nothing to compare with",
			two[1:], func(place) float64 { return 0 }, 0.05, undecided, "no cells that overflow the host tier to compare LFU with LRU in", math.NaN()},
		{"a server without FIFO", []string{"LRU", "ARC"},
			func(p place) float64 { return map[string]float64{"ARC": 0.06}[p.policy] }, 0.05, holds, "ARC against LRU -0.060", -0.06},
		{"LRU alone", []string{"LRU"}, func(place) float64 { return 0 }, 0.05, undecided, "no policy to compare with LRU", math.NaN()},
		{"FIFO alone", two[:1], func(place) float64 { return 0 }, 0.05, undecided, "no policy to compare with FIFO", math.NaN()},
	} {
		t.Run(tc.what, func(t *testing.T) {
			t.Parallel()
			ev := tierRun{tc.policies, []int64{8, 16, 32}, func(place) float64 { return 12.5 }, func(p place) float64 {
				if p.policy == "FIFO" {
					return 0.5
				}
				return 0.5 - tc.less(p)
			}}.evidence()
			ev.Exp.Hypothesis.Thresholds["policy_margin"] = tc.margin
			c, _ := policiesDiffer(ev, tierArms(ev))
			assert.Equal(t, tc.want, c.State, c.Detail)
			assert.Contains(t, c.Detail, tc.says)
			assert.NotContains(t, c.Detail, "nil")
			if !math.IsNaN(tc.value) {
				assert.InDelta(t, tc.value, *c.Value, 1e-9)
			}
		})
	}
}

// What the server does not tell is unknown, and not none.
func TestPoliciesThatAreNotTold(t *testing.T) {
	ev := tierRun{[]string{"FIFO", "LFU"}, []int64{8}, func(place) float64 { return 12.5 }, half}.evidence()
	for _, c := range ev.Cells {
		if c.Policy == "LFU" && c.Rep == 2 {
			c.KV.Tier2Hits = nil
		}
	}
	c, _ := policiesDiffer(ev, tierArms(ev))
	assert.Equal(t, verdict.Undecided, c.State)
	assert.Contains(t, c.Detail, "LFU against FIFO: block 2: ")
	assert.Contains(t, c.Detail, "the server tells no hits of tier 2")
}
