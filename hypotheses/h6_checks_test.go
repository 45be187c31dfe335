package hypotheses

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	hc.Run.Seed, hc.Run.Reps, hc.Run.EarlyLooks = 1, 3, nil
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
	}
	*c.KV.Tier2Hits = w.share(p) * float64(len(c.Requests)*p.ctx/32)
	return c
}

// byCapacity picks a figure for 8, 16 and 32 GiB.
func byCapacity(p place, figures ...float64) float64 {
	return figures[slices.Index([]int64{8, 16, 32}, p.gib)]
}

// scatter3 moves a figure down in the first repetition and up in the third.
func scatter3(p place, by float64) float64 { return by * float64(p.rep-1) }

// apart moves a figure by so much in the repetitions, differently at each capacity.
func apart(p place, by float64) float64 { return by * float64((p.rep+int(p.gib/8))%3-1) }

func half(place) float64 { return 0.5 }

// The knee has to come at a longer context with the largest host tier than with the smallest, and with each than with the one
// before, under every policy that was swept over capacities.
func TestKneeMovesWithTheTier(t *testing.T) {
	const undecided, contradicted, holds = verdict.Undecided, verdict.Contradicted, verdict.Holds
	one, two := []string{"FIFO"}, []string{"FIFO", "LFU"}
	gibs := []int64{8, 16, 32}
	knees := func(figures ...float64) func(p place) float64 {
		return func(p place) float64 { return byCapacity(p, figures...) }
	}
	scattered := func(by float64, figures ...float64) func(p place) float64 {
		return func(p place) float64 { return byCapacity(p, figures...) + apart(p, by) }
	}
	together := func(by float64, figures ...float64) func(p place) float64 {
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
			"from 8GiB to 16GiB of host tier, FIFO, the knee moves from 4871 to 6889 tokens, by 0.50 [0.50, 0.50] doublings of the context (95 % interval over 3 blocks, must be above 0)", 0.5},
		{"a little", one, gibs[:2], knees(12.5, 12.51), holds, holds, "by 0.01", 0.01},
		{"not at all", one, gibs[:2], knees(12.5, 12.5), undecided, undecided, "by 0.00", 0},
		{"back", one, gibs[:2], knees(12.5, 12.49), contradicted, contradicted, "", -0.01},
		{"less than blocks scatter", one, gibs[:2], scattered(0.1, 12.4, 12.65), undecided, undecided, "", 0.25},
		{"back by less than they scatter", one, gibs[:2], scattered(0.1, 12.65, 12.4), undecided, undecided, "", -0.25},
		{"more than they scatter", one, gibs[:2], scattered(0.02, 12.4, 12.65), holds, holds, "(95 % interval", 0.25},
		{"blocks scatter, and their pairs do not", one, gibs[:2], together(0.2, 12.4, 12.65), holds, holds, "by 0.25 [0.25, 0.25]", 0.25},
		{"from the smallest to the largest", one, gibs, knees(12.25, 12.25, 12.75), holds, undecided, "from 8GiB to 32GiB", 0.5},
		{"only in between", one, gibs, knees(12.25, 12.75, 12.25), undecided, contradicted, "from 8GiB to 32GiB", 0},
		{"a step back on the way", one, gibs, knees(12.25, 12.755, 12.75), holds, contradicted, "", 0.5},
		{"a step back at first", one, gibs, knees(12.255, 12.25, 12.75), holds, contradicted, "", 0.495},
		{"a step that they hide", one, gibs, scattered(0.05, 12.2, 12.7, 12.75), holds, undecided, "", 0.55},
		{"every step", one, gibs, knees(12.25, 12.26, 12.75), holds, holds, "", 0.5},
		{"one policy's does not move",
			two, gibs[:2], perPolicy(knees(12.25, 12.75), knees(12.5, 12.5)), undecided, undecided, "LFU, the knee", 0},
		{"the other's does not", two, gibs[:2], perPolicy(knees(12.5, 12.5), knees(12.25, 12.75)), undecided, undecided, "FIFO, the knee", 0},
		{"one policy's goes back", two, gibs[:2], perPolicy(knees(12.25, 12.75), knees(12.5, 12.4)), contradicted, contradicted, "LFU, the knee", -0.1},
		{"one policy's steps back", two, gibs, perPolicy(knees(12.25, 12.5, 12.75), knees(12.25, 12.8, 12.75)), holds, contradicted, "", 0.5},
		{"policies are not compared", two, gibs[:2], perPolicy(knees(12.5, 12.75), knees(12.25, 12.4)), holds, holds, "LFU, the knee", 0.15},
		{"to beyond the sweep", one, gibs[:2], knees(12.5, 20), holds, holds, "from 5793 to more than 8192 tokens", 0.5},
		{"to beyond it in one block", one, gibs[:2], func(p place) float64 {
			if p.gib == 16 && p.rep == 1 {
				return 20
			}
			return byCapacity(p, 12.25, 13)
		}, holds, holds, "from 4871 to 8192 tokens", 0.75},
		{"from below it", one, gibs[:2], knees(9, 12.5), holds, holds, "from at most 4096 to 5793 tokens", 0.5},
		{"back from beyond", one, gibs[:2], knees(20, 12.5), contradicted, contradicted, "from more than 8192 to 5793 tokens", -0.5},
		{"back to below", one, gibs[:2], knees(12.5, 9), contradicted, contradicted, "from 5793 to at most 4096 tokens", -0.5},
		{"beyond the sweep", one, gibs[:2], knees(20, 21), undecided, undecided, "block 1: FIFO, 8GiB and 16GiB: both knees lie beyond the longest context", math.NaN()},
		{"beyond it in one block", one, gibs[:2], func(p place) float64 {
			if p.rep == 2 {
				return 20
			}
			return byCapacity(p, 12.25, 12.75)
		}, undecided, undecided, "block 3: FIFO, 8GiB and 16GiB: both knees lie beyond", math.NaN()},
		{"below it", one, gibs[:2], knees(8, 9), undecided, undecided, "both knees lie below the shortest context", math.NaN()},
		{"the last step beyond it", one, gibs, knees(12.5, 20, 21), holds, undecided, "", 0.5},
		{"one capacity", one, gibs[:1], knees(12.5), undecided, undecided, "no two capacities", math.NaN()},
	} {
		t.Run(tc.what, func(t *testing.T) {
			t.Parallel()
			ev := tierRun{tc.policies, tc.gibs, tc.knee, half}.evidence()
			arms := tierArms(ev)
			c, effect := kneeMoves(ev, arms)
			assert.Equal(t, tc.moves, c.State, c.Detail)
			assert.Contains(t, c.Detail, tc.says)
			steps := monotone(ev, arms)
			assert.Equal(t, tc.steps, steps.State, steps.Detail)
			if math.IsNaN(tc.value) {
				assert.Nil(t, effect)
				return
			}
			assert.InDelta(t, tc.value, *c.Value, 1e-6, c.Detail)
		})
	}
}

// A policy that was measured at one context alone has no knee, and is no row of a sizing table.
func TestPoliciesAtOnePlaceHaveNoKnee(t *testing.T) {
	w := tierRun{[]string{"LRU", "FIFO", "LFU"}, []int64{8, 16, 32}, func(p place) float64 { return byCapacity(p, 12.2, 12.5, 12.8) },
		func(p place) float64 {
			if p.policy == "LFU" {
				return 0.4
			}
			return 0.5
		}}
	ev := w.evidence()
	ev.Cells = slices.DeleteFunc(ev.Cells, func(c *evidence.Cell) bool {
		return c.Policy != "LRU" && (c.Tier1Bytes != 8<<30 || c.ContextTokens != 8192)
	})
	out := decideH6(ev)
	for _, c := range out.Checks {
		assert.Equal(t, verdict.Holds, c.State, "%s: %s", c.Name, c.Detail)
		assert.NotContains(t, c.Detail, "nil")
	}
	assert.Contains(t, out.Checks[2].Detail, "at 1 places that overflow, clearest: LFU against FIFO -0.100")
	require.Len(t, out.Sizing.Rows, 3)
	for i, row := range out.Sizing.Rows {
		assert.Equal(t, "LRU", row.Policy)
		assert.InDelta(t, math.Exp2([]float64{12.2, 12.5, 12.8}[i]), *row.KneeTokens, 1e-6)
	}
	require.Len(t, out.Findings, 3)
	assert.Equal(t, "lookups that LRU sends to NVMe", out.Findings[0].Name)
	assert.InDelta(t, 0, *out.Findings[0].Value, 1e-9)
	assert.Equal(t, "lookups that LFU sends to NVMe", out.Findings[1].Name)
	assert.InDelta(t, -0.1, *out.Findings[1].Value, 1e-9)
}

// The knee of several blocks is open where some of them have it outside the sweep.
func TestKneeOfBlocks(t *testing.T) {
	in := func(at float64) blockKnee { return blockKnee{at: at} }
	low, high := blockKnee{at: 10, side: -1}, blockKnee{at: 13, side: 1}
	for _, tc := range []struct {
		knees        []blockKnee
		known        bool
		openL, openR bool
	}{
		{[]blockKnee{in(11), in(11.2), in(11.1)}, true, false, false},
		{[]blockKnee{in(11), low, in(11.1)}, true, true, false},
		{[]blockKnee{in(11), high, in(11.1)}, true, false, true},
		{[]blockKnee{low, in(11), high}, true, true, true},
		{[]blockKnee{high, high}, false, true, true},
		{[]blockKnee{low, low}, false, true, true},
		{nil, false, true, true},
	} {
		v, lo, hi := kneeOf(tc.knees)
		assert.Equal(t, tc.known, v != nil, "%v", tc.knees)
		assert.Equal(t, tc.openL, lo == nil, "%v", tc.knees)
		assert.Equal(t, tc.openR, hi == nil, "%v", tc.knees)
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
		knees := tierArms(ev)[0].knees
		require.Len(t, knees, 3)
		if tc.knee == 0 {
			assert.Equal(t, 1, knees[0].side, "%+v", tc)
			continue
		}
		assert.Zero(t, knees[0].side, "%+v", tc)
		assert.InDelta(t, tc.knee, knees[0].at, 1e-9, "%+v", tc)
	}
}
