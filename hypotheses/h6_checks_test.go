package hypotheses

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// place is a cell of H6.
type place struct {
	policy string
	gib    int64 // host tier
	ctx    int
	rep    int // from 0
}

// tierRun are host tierRun whose storage knee and hits of tier 2 are known.
type tierRun struct {
	policies []string
	gibs     []int64
	// knee is where the tier-2 fetch p95 is half of TTFT p95, as the log2 of the context: from above 12 to 13 it is
	// inside the sweep.
	knee func(p place) float64
	// share is what tier 2 serves of the lookups.
	share func(p place) float64
}

// contexts of the sweep. Of the private prefixes of eight users those from 4096 on overflow 8 GiB, those of 8192 overflow
// 16 GiB, and none overflows 32 GiB.
var contexts = []int{4096, 8192}

// evidence are three repetitions of a minute with a request and a fetch every second.
func (w tierRun) evidence() *evidence.Evidence {
	ev := configured(h6)
	hc := ev.Exp.Hypothesis
	hc.Thresholds = map[string]float64{"fetch_share": 0.5, "tier2_hit_share": 0.2, "policy_margin": 0.05}
	hc.Sweep.Policy = w.policies
	hc.Run.Seed = 1
	hc.Run.Duration = 150e9 // blocks of 15 s, so that there are four
	stack := ev.Exp.Stacks["B"]
	stack.Runtime.TokensPerBlock = 32
	for rep := range 3 {
		for _, gib := range w.gibs {
			for _, policy := range w.policies {
				for _, ctx := range contexts {
					ev.Cells = append(ev.Cells, w.cell(place{policy, gib, ctx, rep}))
				}
			}
		}
	}
	return ev
}

func (w tierRun) cell(p place) *evidence.Cell {
	cell := record.NewCell("tier1", fmt.Sprintf("%dGiB", p.gib), "policy", p.policy, "ctx", p.ctx, "conc", 8, "rep", p.rep+1)
	c := answering(cell, p.rep+1, 1000)
	c.Stack, c.Policy, c.Tier1Bytes, c.ContextTokens, c.Users = "B", p.policy, p.gib<<30, p.ctx, 8
	c.Info.Settings.KVBlockBytes, c.Info.Settings.WantBlockTokens = 10<<20, 32
	c.KV = &evidence.KVCounters{HasFetch: true, Tier2Hits: new(0.0)}
	score := max(0, 1+math.Log2(float64(p.ctx))-w.knee(p))
	for i := range c.Requests {
		c.Requests[i].Nominal = p.ctx
		at := float64(i)
		c.KV.Fetches = append(c.KV.Fetches, stats.Point{T: at, V: 500 * score})
		c.KV.Tier2Found = append(c.KV.Tier2Found, stats.Point{T: at, V: w.share(p) * float64(p.ctx/32)})
	}
	return c
}

// byCapacity picks a figure for 8, 16 and 32 GiB.
func byCapacity(p place, figures ...float64) float64 {
	return figures[slices.Index([]int64{8, 16, 32}, p.gib)]
}

// scatter3 moves a figure down in the first repetition and up in the third.
func scatter3(p place, by float64) float64 { return by * float64(p.rep-1) }

func half(place) float64 { return 0.5 }

// The knee has to come at a longer context with the largest host tier than with the smallest, for every policy, and
// no step between may bring it back.
func TestKneeMovesWithTheTier(t *testing.T) {
	const undecided, contradicted, holds = verdict.Undecided, verdict.Contradicted, verdict.Holds
	one, two := []string{"FIFO"}, []string{"FIFO", "LFU"}
	gibs := []int64{8, 16, 32}
	knees := func(figures ...float64) func(p place) float64 {
		return func(p place) float64 { return byCapacity(p, figures...) }
	}
	scattered := func(by float64, figures ...float64) func(p place) float64 {
		return func(p place) float64 { return byCapacity(p, figures...) + scatter3(p, by) }
	}
	perPolicy := func(fifo, lfu func(p place) float64) func(p place) float64 {
		return func(p place) float64 {
			if p.policy == "LFU" {
				return lfu(p)
			}
			return fifo(p)
		}
	}
	for _, tc := range []struct {
		what         string
		policies     []string
		gibs         []int64
		knee         func(p place) float64
		moves, steps verdict.State // of knee_moves and monotone
		says         string        // of knee_moves
		value        float64
	}{
		{"half an octave",
			two, gibs[:2], knees(12.25, 12.75), holds, holds,
			"smallest for FIFO: from 8GiB to 16GiB of host tier the knee moves from 4871 to 6889 tokens, by 0.50 doublings", 0.5},
		{"a little", one, gibs[:2], knees(12.5, 12.51), holds, holds, "interval from 0.01 (95.00 %, must be above 0)", 0.01},
		{"not at all", one, gibs[:2], knees(12.5, 12.5), contradicted, holds, "interval from 0.00", 0},
		{"back", one, gibs[:2], knees(12.5, 12.49), contradicted, contradicted, "", -0.01},
		{"less than repetitions scatter", one, gibs[:2], scattered(0.1, 12.4, 12.65), undecided, holds, "", 0.25},
		{"back by less than they scatter", one, gibs[:2], scattered(0.1, 12.65, 12.4), undecided, holds, "", -0.25},
		{"more than they scatter", one, gibs[:2], scattered(0.06, 12.4, 12.65), holds, holds, "(95.00 %, must be above 0)", 0.25},
		{"not so for two policies", two, gibs[:2], scattered(0.06, 12.4, 12.65), undecided, holds, "(97.50 %, must be above 0)", 0.25},
		{"from the smallest to the largest", one, gibs, knees(12.25, 12.25, 12.75), holds, holds, "from 8GiB to 32GiB", 0.5},
		{"only in between", one, gibs, knees(12.25, 12.75, 12.25), contradicted, contradicted, "from 8GiB to 32GiB", 0},
		{"a step back on the way", one, gibs, knees(12.25, 12.755, 12.75), holds, contradicted, "", 0.5},
		{"a step back at first", one, gibs, knees(12.255, 12.25, 12.75), holds, contradicted, "", 0.495},
		{"a step back by less than they scatter", one, gibs, scattered(0.05, 12.25, 12.8, 12.7), holds, holds, "", 0.45},
		{"one policy's does not move",
			two, gibs[:2], perPolicy(knees(12.25, 12.75), knees(12.5, 12.5)), contradicted, holds, "smallest for LFU", 0},
		{"the other's does not", two, gibs[:2], perPolicy(knees(12.5, 12.5), knees(12.25, 12.75)), contradicted, holds, "smallest for FIFO", 0},
		{"one policy's steps back", two, gibs, perPolicy(knees(12.25, 12.5, 12.75), knees(12.25, 12.8, 12.75)), holds, contradicted, "", 0.5},
		{"one policy's is open",
			two, gibs[:2], perPolicy(scattered(0.1, 12.4, 12.65), knees(12.25, 12.75)), undecided, holds, "smallest for FIFO", 0.25},
		{"one is open, the other does not move",
			two, gibs[:2], perPolicy(knees(12.5, 12.5), scattered(0.1, 12.4, 12.65)), contradicted, holds, "smallest for FIFO", 0},
		{"policies are not compared", two, gibs[:2], perPolicy(knees(12.5, 12.75), knees(12.25, 12.4)), holds, holds, "smallest for LFU", 0.15},
		{"to beyond the sweep", one, gibs[:2], knees(12.5, 20), holds, holds, "from 5793 to more than 8192 tokens", 0.5},
		{"back from beyond", one, gibs[:2], knees(20, 12.5), contradicted, contradicted, "from more than 8192 to 5793 tokens", -0.5},
		{"beyond the sweep", one, gibs[:2], knees(20, 21), undecided, holds, "from more than 8192 to more than 8192 tokens", 0},
		{"one capacity", one, gibs[:1], knees(12.5), undecided, undecided, "cannot be had from 1 capacities", math.NaN()},
	} {
		t.Run(tc.what, func(t *testing.T) {
			t.Parallel()
			ev := tierRun{tc.policies, tc.gibs, tc.knee, half}.evidence()
			arms := tierArms(ev)
			c, effect := kneeMoves(ev, arms)
			assert.Equal(t, tc.moves, c.State, c.Detail)
			assert.Contains(t, c.Detail, tc.says)
			steps := monotone(arms)
			assert.Equal(t, tc.steps, steps.State, steps.Detail)
			if math.IsNaN(tc.value) {
				assert.Nil(t, effect)
				return
			}
			assert.InDelta(t, tc.value, *c.Value, 1e-6, c.Detail)
		})
	}
}

// The knee is where the lesser of the two scores reaches 1: that of fetches goes from 1/2 at 4096 to 3/2 at 8192 tokens for a
// share of one half, that of hits is 0.5 over their share.
func TestKneeFollowsTheRule(t *testing.T) {
	for _, tc := range []struct {
		fetchShare, hitShare, knee float64 // the knee as its log2, 0 for none in the sweep
	}{{0.5, 0.2, 12.5}, {0.4, 0.2, 12.3}, {0.6, 0.2, 12.7}, {0.8, 0.2, 0}, {0.5, 0.49, 12 + 0.5/(0.5/0.49-0.5)}, {0.5, 0.51, 0}} {
		ev := tierRun{[]string{"FIFO"}, []int64{8}, func(place) float64 { return 12.5 }, half}.evidence()
		ev.Exp.Hypothesis.Thresholds["fetch_share"], ev.Exp.Hypothesis.Thresholds["tier2_hit_share"] = tc.fetchShare, tc.hitShare
		knee := tierArms(ev)[0].knee
		if tc.knee == 0 {
			assert.Nil(t, knee.Value, "%+v", tc)
			continue
		}
		if assert.NotNil(t, knee.Value, "%+v", tc) {
			assert.InDelta(t, tc.knee, math.Log2(*knee.Value), 1e-9, "%+v", tc)
		}
	}
}

// A policy has to serve another share of the lookups from tier 2 than FIFO does, by more than the margin, over the
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
			"share of lookups served by tier 2 in the 3 cells that overflow: LFU against FIFO +0.000", 0},
		{"more than the margin",
			two, func(place) float64 { return 0.051 }, 0.05, holds,
			"LFU against FIFO -0.051 [-0.051, -0.051]; one must be beyond 0.05 (95.0 % intervals)", -0.051},
		{"less than the margin", two, func(place) float64 { return 0.049 }, 0.05, contradicted, "", -0.049},
		{"worse by more than the margin", two, func(place) float64 { return -0.051 }, 0.05, holds, "LFU against FIFO +0.051", 0.051},
		{"worse by less", two, func(place) float64 { return -0.049 }, 0.05, contradicted, "", 0.049},
		{"another margin", two, func(place) float64 { return 0.051 }, 0.06, contradicted, "beyond 0.06", -0.051},
		{"a smaller margin", two, func(place) float64 { return 0.049 }, 0.04, holds, "beyond 0.04", -0.049},
		{"beyond the margin, the interval is not",
			two, func(p place) float64 { return 0.08 + scatter3(p, 0.03) }, 0.05, undecided, "LFU against FIFO -0.080", -0.08},
		{"inside the margin, the interval is not",
			two, func(p place) float64 { return 0.02 + scatter3(p, 0.03) }, 0.05, undecided, "LFU against FIFO -0.020", -0.02},
		{"inside, the interval too", two, func(p place) float64 { return 0.02 + scatter3(p, 0.01) }, 0.05, contradicted, "", -0.02},
		{"one of two",
			three, func(p place) float64 { return map[string]float64{"LFU": 0.06}[p.policy] }, 0.05, holds, "LRU against FIFO +0.000", -0.06},
		{"the other of two",
			three, func(p place) float64 { return map[string]float64{"LRU": 0.06}[p.policy] }, 0.05, holds, "LRU against FIFO -0.060", -0.06},
		{"neither of two",
			three, func(p place) float64 { return map[string]float64{"LRU": 0.03, "LFU": 0.04}[p.policy] }, 0.05, contradicted, "", -0.04},
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
		}, 0.05, holds, "97.5 % intervals", -0.08},
		{"two comparisons need more",
			two, func(p place) float64 { return 0.08 + scatter3(p, 0.01) }, 0.05, holds, "(95.0 % intervals)", -0.08},
		{"than one", three, func(p place) float64 { return 0.08 + scatter3(p, 0.01) }, 0.05, undecided, "(97.5 % intervals)", -0.08},
		{"only where everything fits", two, func(p place) float64 {
			if p.gib == 32 || p.gib == 16 && p.ctx == 4096 {
				return 0.4
			}
			return 0
		}, 0.05, contradicted, "in the 3 cells that overflow", 0},
		{"nothing to compare with",
			two[1:], func(place) float64 { return 0 }, 0.05, undecided, "no cells of FIFO to compare with", math.NaN()},
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
			c := policiesDiffer(ev, unsized(ev))
			assert.Equal(t, tc.want, c.State, c.Detail)
			assert.Contains(t, c.Detail, tc.says)
			if !math.IsNaN(tc.value) {
				assert.InDelta(t, tc.value, *c.Value, 1e-9)
			}
		})
	}
}

// unsized are the arms of a sweep without their knees.
func unsized(ev *evidence.Evidence) []*tierArm {
	var out []*tierArm
	for _, g := range ev.Groups() {
		out = append(out, &tierArm{policy: g.Cells[0].Policy, capacity: g.Cells[0].Tier1Bytes, groups: []*evidence.Group{g}})
	}
	return out
}
