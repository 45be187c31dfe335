package verdict_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

const alpha = verdict.Alpha(0.025)

func blocksOf(t *testing.T, scale stats.Scale, values ...float64) stats.Blocks {
	t.Helper()
	b, err := stats.NewBlocks(values, scale)
	require.NoError(t, err)
	return b
}

// A check holds just where its interval clears the threshold, whichever scale it is on.
func TestChecksClearTheirThresholds(t *testing.T) {
	b := blocksOf(t, stats.Log, 1.5, 1.6, 1.7)
	lo, hi := b.Interval(float64(alpha))
	for _, tc := range []struct {
		name string
		got  verdict.Check
		want verdict.State
	}{
		{"above its lower end", alpha.Above(verdict.Check{}, b, lo*0.999), verdict.Holds},
		{"above, not quite", alpha.Above(verdict.Check{}, b, lo*1.001), verdict.Undecided},
		{"above, contradicted", alpha.Above(verdict.Check{}, b, hi*1.001), verdict.Contradicted},
		{"below its upper end", alpha.Below(verdict.Check{}, b, hi*1.001), verdict.Holds},
		{"below, not quite", alpha.Below(verdict.Check{}, b, hi*0.999), verdict.Undecided},
		{"below, contradicted", alpha.Below(verdict.Check{}, b, lo*0.999), verdict.Contradicted},
		{"inside", alpha.Inside(verdict.Check{}, b, lo*0.999, hi*1.001), verdict.Holds},
		{"inside, across the lower bound", alpha.Inside(verdict.Check{}, b, lo*1.001, hi*1.001), verdict.Undecided},
		{"inside, across the upper bound", alpha.Inside(verdict.Check{}, b, lo*0.999, hi*0.999), verdict.Undecided},
		{"beyond the upper bound", alpha.Inside(verdict.Check{}, b, 0.1, lo*0.999), verdict.Contradicted},
		{"beyond the lower bound", alpha.Inside(verdict.Check{}, b, hi*1.001, 100), verdict.Contradicted},
		{"outside, above both", alpha.Outside(verdict.Check{}, b, 0.5, lo*0.999), verdict.Holds},
		{"outside, below both", alpha.Outside(verdict.Check{}, b, hi*1.001, 100), verdict.Holds},
		{"outside, across the upper bound", alpha.Outside(verdict.Check{}, b, 0.5, lo*1.001), verdict.Undecided},
		{"outside, across the lower bound", alpha.Outside(verdict.Check{}, b, hi*0.999, 100), verdict.Undecided},
		{"between the two", alpha.Outside(verdict.Check{}, b, lo*0.999, hi*1.001), verdict.Contradicted},
	} {
		assert.Equal(t, tc.want, tc.got.State, tc.name)
		assert.InDelta(t, lo, *tc.got.Lo, 1e-12)
		assert.InDelta(t, hi, *tc.got.Hi, 1e-12)
		assert.Equal(t, 3, tc.got.Blocks)
		assert.NotEmpty(t, tc.got.Bounds)
	}
	one := alpha.Above(verdict.Check{}, blocksOf(t, stats.Log, 5), 1.2)
	assert.Equal(t, verdict.Undecided, one.State, "one block has no interval")
	assert.Nil(t, one.Lo)
	assert.Nil(t, one.Seen, "and sees nothing")
	assert.Greater(t, *alpha.Above(verdict.Check{}, b, 1.2).Seen, 1.2)
	assert.Less(t, *alpha.Below(verdict.Check{}, b, 1.2).Seen, 1.2)
	assert.Less(t, *alpha.Inside(verdict.Check{}, b, 0.5, 1.9).Seen, 1.9)
	assert.Greater(t, *alpha.Outside(verdict.Check{}, b, 0.5, 1.9).Seen, 1.9)
}

func tested(name string, p, against float64) verdict.Check {
	return verdict.Check{Name: name, Detail: name, P: &p, PAgainst: &against}
}

// All asks every one, and pays for each chance to contradict; Any pays for each chance to hold, and asks every one to
// contradict.
func TestAllAndAny(t *testing.T) {
	good, open, bad := tested("good", 0.001, 0.999), tested("open", 0.3, 0.7), tested("bad", 0.99, 0.01)
	worse := tested("worse", 0.999, 0.001)
	untested := verdict.Open("untested", "no data")
	for _, tc := range []struct {
		name      string
		of        []verdict.Check
		all, some verdict.State
		allAt     string
		anyAt     string
	}{
		{"one", []verdict.Check{good}, verdict.Holds, verdict.Holds, "good", "good"},
		{"good and open", []verdict.Check{good, open}, verdict.Undecided, verdict.Holds, "open", "good"},
		{"open alone", []verdict.Check{open, open}, verdict.Undecided, verdict.Undecided, "open", "open"},
		{"contradicted among two", []verdict.Check{good, bad}, verdict.Contradicted, verdict.Holds, "bad", "good"},
		{"too weak among three", []verdict.Check{good, bad, open}, verdict.Undecided, verdict.Holds, "bad", "good"},
		{"strong among three", []verdict.Check{good, worse, bad}, verdict.Contradicted, verdict.Holds, "worse", "good"},
		{"all contradicted", []verdict.Check{bad, worse}, verdict.Contradicted, verdict.Contradicted, "worse", "bad"},
		{"untested keeps all open", []verdict.Check{good, untested}, verdict.Undecided, verdict.Holds, "untested", "good"},
		{"untested does not save a contradiction", []verdict.Check{worse, untested}, verdict.Contradicted, verdict.Undecided, "worse", "worse"},
		{"nothing", nil, verdict.Undecided, verdict.Undecided, "nothing", "nothing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all, some := alpha.All("n", tc.of, "nothing"), alpha.Any("n", tc.of, "nothing")
			assert.Equal(t, []outcome{tc.all, tc.some}, []outcome{all.State, some.State})
			assert.Equal(t, "n", all.Name)
			assert.Equal(t, detail(tc.allAt), all.Detail)
			assert.Equal(t, detail(tc.anyAt), some.Detail)
		})
	}
}

type outcome = interface{}

func detail(name string) string {
	if name == "untested" {
		return "no data"
	}
	return name
}

// Of things that all hold, or all do not, for certain, the figures are those closest to the bound.
func TestEqualsAreToldByTheirClearance(t *testing.T) {
	at := func(v float64) verdict.Check {
		b := blocksOf(t, stats.Linear, v, v)
		return alpha.Above(verdict.Check{}, b, 1)
	}
	assert.InDelta(t, 1.1, *alpha.All("n", []verdict.Check{at(3), at(1.1), at(2)}, "").Value, 1e-12)
	assert.InDelta(t, 0.2, *alpha.All("n", []verdict.Check{at(0.9), at(0.2), at(2)}, "").Value, 1e-12, "contradicted most")
	assert.InDelta(t, 3, *alpha.Any("n", []verdict.Check{at(1.1), at(3), at(2)}, "").Value, 1e-12)
	assert.InDelta(t, 0.9, *alpha.Any("n", []verdict.Check{at(0.2), at(0.9), at(0.5)}, "").Value, 1e-12, "closest to holding")
}

// Of many conditions one is contradicted by chance more often: Refuted stands after Holm's correction only.
func TestRefutedIsCorrectedForTheChecks(t *testing.T) {
	contra := func(name string, against float64) verdict.Check {
		c := tested(name, 1-against, against)
		c.State = verdict.Contradicted
		return c
	}
	holds := tested("holds", 0.001, 0.999)
	holds.State = verdict.Holds
	noted := verdict.Check{Name: "noted", State: verdict.Noted}

	v := verdict.Settle(nil, []verdict.Check{contra("a", 0.02), holds, noted}, nil, alpha)
	assert.Equal(t, verdict.Inconclusive, v.Outcome, "0.02 of two")
	assert.Equal(t, verdict.Undecided, v.Checks[0].State)
	assert.Contains(t, v.Checks[0].Detail, "against it p 0.02, which is not enough among 2 checks (Holm)")
	v = verdict.Settle(nil, []verdict.Check{contra("a", 0.02), contra("b", 0.01)}, nil, alpha)
	assert.Equal(t, verdict.Refuted, v.Outcome, "0.01 of two, and then 0.02 of the one that is left")
	assert.Equal(t, []verdict.State{verdict.Contradicted, verdict.Contradicted}, []verdict.State{v.Checks[0].State, v.Checks[1].State})
	v = verdict.Settle(nil, []verdict.Check{contra("a", 0.02), noted}, nil, alpha)
	assert.Equal(t, verdict.Refuted, v.Outcome, "a note is no check")
	v = verdict.Settle(nil, []verdict.Check{{Name: "none", State: verdict.Contradicted}, holds}, nil, alpha)
	assert.Equal(t, verdict.Refuted, v.Outcome, "what is not there needs no test")
}

// At the threshold itself a verdict comes out Supported as rarely as its level says, and Refuted too, over many runs.
func TestVerdictsKeepTheirLevel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 7))
	const runs = 2000
	supported, refuted := 0, 0
	for range runs {
		draw := func(at float64) stats.Blocks {
			values := make([]float64, 5)
			for i := range values {
				values[i] = at * math.Exp(0.2*r.NormFloat64())
			}
			return blocksOf(t, stats.Log, values...)
		}
		v := verdict.Settle(nil, []verdict.Check{alpha.Above(verdict.Check{}, draw(1.2), 1.2), alpha.Above(verdict.Check{}, draw(3), 1.2)}, nil, alpha)
		switch v.Outcome {
		case verdict.Supported:
			supported++
		case verdict.Refuted:
			refuted++
		}
	}
	assert.InDelta(t, 0.025, float64(supported)/runs, 0.01)
	assert.LessOrEqual(t, float64(refuted)/runs, 0.025)
	assert.Positive(t, refuted)
}

// A test with p-values of its own decides at the level, on either side.
func TestTested(t *testing.T) {
	for _, tc := range []struct {
		p, against float64
		want       verdict.State
	}{{0.025, 1, verdict.Holds}, {0.026, 1, verdict.Undecided}, {1, 0.025, verdict.Contradicted}, {1, 0.026, verdict.Undecided}} {
		c := verdict.Alpha(0.025).Tested(verdict.Check{Name: "trend"}, tc.p, tc.against)
		assert.Equal(t, tc.want, c.State, tc)
		assert.Equal(t, []float64{tc.p, tc.against}, []float64{*c.P, *c.PAgainst})
	}
}
