package hypotheses

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// unmeasured is evidence of the same cells once each, with nothing measured in them.
func unmeasured(ev *evidence.Evidence) *evidence.Evidence {
	out := &evidence.Evidence{Exp: ev.Exp, Plan: ev.Plan}
	for _, c := range ev.Cells {
		if c.Rep == 1 {
			out.Cells = append(out.Cells, &evidence.Cell{PlannedCell: c.PlannedCell})
		}
	}
	return out
}

// keysOf are the cells' keys.
func keysOf(cells []record.Cell) (out []string) {
	for _, c := range cells {
		out = append(out, c.String())
	}
	return out
}

// What is foreseen is what a first stage with a knee at the last step but one comes to; another stack's knee elsewhere changes
// that stack alone.
func TestForeseenAroundTheKnee(t *testing.T) {
	at := func(levels ...int) []step {
		steps := coarse()
		for _, i := range levels {
			steps[i].ratio, steps[i].waits = both(3), both(0.1)
		}
		return steps
	}
	open := func(ev *evidence.Evidence) *evidence.Evidence {
		rate := 4.0
		for rep := 1; rep <= 2; rep++ {
			c := step{0, both(1.5), both(0), 200}.cell(rep)
			c.Stack, c.RateRPS = "B", &rate
			c.Cell = record.NewCell("stack", "B", "ctx", 256, "rate", 4, "rep", rep)
			c.Key = c.Cell.String()
			ev.Cells = append(ev.Cells, c)
		}
		return ev
	}
	ev := open(sweepOf(map[string][]step{"A": at(2, 3), "B": at(2)}))
	refined := keysOf(refineH0(ev))
	require.Len(t, refined, 2*10+1, "with what the open loop offers")
	assert.Equal(t, refined, keysOf(foreseenH0(unmeasured(ev))))

	ev = open(sweepOf(map[string][]step{"A": at(2, 3), "B": at(1)}))
	onA := func(keys []string) []string { return keys[:10] }
	assert.Equal(t, onA(keysOf(refineH0(ev))), onA(keysOf(foreseenH0(unmeasured(ev)))))
	assert.NotEqual(t, keysOf(refineH0(ev)), keysOf(foreseenH0(unmeasured(ev))))

	// A sweep of one step has none but it.
	one := sweepOfA(coarse()[0])
	assert.Equal(t, []string{"stack=A/ctx=256/conc=8"}, keysOf(foreseenH0(unmeasured(one))))
	assert.Equal(t, keysOf(refineH0(one)), keysOf(foreseenH0(unmeasured(one))))
	assert.Empty(t, foreseenH0(&evidence.Evidence{Exp: one.Exp}))
}

// What is foreseen is what a first stage comes to that has its knee at the last level, or none.
func TestForeseenAroundTheStorageKnee(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		levels []tier2
		same   bool
	}{
		"at the last":   {[]tier2{underKnee, underKnee, atKnee}, true},
		"nowhere":       {[]tier2{underKnee, underKnee, underKnee}, true},
		"in the middle": {[]tier2{underKnee, atKnee, atKnee}, false},
	} {
		t.Run(name, func(t *testing.T) {
			ev := tiers(t, underKnee, underKnee, atKnee).evidence()
			onto(ev, tc.levels...)
			ev.Cells = slices.DeleteFunc(ev.Cells, func(c *evidence.Cell) bool { return c.Rep != 1 })
			refined, foreseen := keysOf(refineH2B(ev)), keysOf(foreseenH2B(unmeasured(ev)))
			require.Len(t, refined, 4)
			assert.Equal(t, tc.same, slices.Equal(refined, foreseen), "%v, foreseen %v", refined, foreseen)
		})
	}
	assert.Empty(t, foreseenH2B(&evidence.Evidence{}))
}

// Every hypothesis that plans a second stage says which one it expects, and no other does.
func TestSecondStagesAreForeseen(t *testing.T) {
	staged := 0
	for _, h := range all {
		assert.Equal(t, h.Refine != nil, h.Foresees != nil, h.ID)
		if h.Refine != nil {
			staged++
		}
	}
	assert.Equal(t, 2, staged)
}
