package verdict

import (
	"cmp"
	"math"
	"slices"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
)

// State is what the data say about one condition of a decision rule.
type State string

// States of a check. Noted is printed and decides nothing.
const (
	Holds        State = "holds"
	Contradicted State = "contradicted"
	Undecided    State = "undecided"
	Noted        State = "noted"
)

// Check is one condition of a hypothesis's decision rule.
type Check struct {
	Name   string `json:"name"` // short key, such as storage_knee
	State  State  `json:"state"`
	Detail string `json:"detail"` // one sentence with the measured values and the threshold
	stats.Estimate
	Unit string `json:"unit"`
	N    int    `json:"n"`
	Of   string `json:"n_of"` // what N counts, such as requests
	// Blocks are how many values, one a block, the interval and the p-values come from; 0 where no interval decides.
	Blocks int `json:"blocks"`
	// P is the one-sided p-value of the condition's converse, PAgainst that of the condition: the smaller, the less likely
	// are such data if it did not hold, or if it did. Null where no test decides.
	P        *float64 `json:"p"`
	PAgainst *float64 `json:"p_against"`
	// Bounds are the thresholds that the interval has to clear; empty where no interval decides.
	Bounds []float64 `json:"bounds"`
	// Seen is the smallest effect beyond the threshold that these blocks would have shown in four of five runs; null where
	// no interval decides.
	Seen *float64 `json:"smallest_seen"`
}

// Sentence is the check as a reason.
func (c Check) Sentence() string {
	switch c.State {
	case Holds, Noted:
		return c.Detail
	case Contradicted:
		return "contradicted: " + c.Detail
	}
	return "undecided: " + c.Detail
}

// decides says that a verdict depends on the check.
func (c Check) decides() bool { return c.State != Noted }

// against is the p-value by which the condition is contradicted. What is contradicted without a test, because it is not
// there at all, is contradicted for certain.
func (c Check) against() float64 {
	switch {
	case c.PAgainst != nil:
		return *c.PAgainst
	case c.State == Contradicted:
		return 0
	}
	return 1
}

// p is the p-value by which the condition holds; of what was not tested it is 1.
func (c Check) p() float64 {
	if c.P == nil {
		return 1
	}
	return *c.P
}

// certain is from which p-value downwards checks count as equals: what is left between them is rounding.
const certain = 1e-9

func rank(p float64) float64 {
	if p < certain {
		return 0
	}
	return p
}

// clearance is how far the value is from the nearest bound.
func (c Check) clearance() float64 {
	least := math.Inf(1)
	for _, b := range c.Bounds {
		if c.Value != nil {
			least = min(least, math.Abs(*c.Value-b))
		}
	}
	return least
}

// Decide is Holds if ok, else Contradicted.
func Decide(ok bool) State {
	if ok {
		return Holds
	}
	return Contradicted
}

// Open is a check that the data cannot decide, and why.
func Open(name, detail string) Check { return Check{Name: name, State: Undecided, Detail: detail} }

// AlphaOf is the level of the look at which a run stands.
func AlphaOf(ev *evidence.Evidence) Alpha { return Alpha(ev.Look().Level) }

// Alpha is the one-sided level at which a look decides. Its methods fill a check's state, estimate, interval, p-values and
// bounds from one value a block: the interval leaves out Alpha on each side, so that it clears a threshold just where the
// check holds.
type Alpha float64

// power is the chance of being seen of the smallest effect that is called seen.
const power = 0.8

// Above is the check that the mean over blocks lies above a threshold.
func (a Alpha) Above(c Check, b stats.Blocks, threshold float64) Check {
	return a.fill(c, b, b.PAbove(threshold), b.PBelow(threshold), b.Detectable(threshold, 1, float64(a), power), threshold)
}

// Below is the check that it lies below one.
func (a Alpha) Below(c Check, b stats.Blocks, threshold float64) Check {
	return a.fill(c, b, b.PBelow(threshold), b.PAbove(threshold), b.Detectable(threshold, -1, float64(a), power), threshold)
}

// Inside is the check that it lies between two: equivalence, by two one-sided tests. It is contradicted where it lies beyond
// either; it cannot lie beyond both, so no correction is due.
func (a Alpha) Inside(c Check, b stats.Blocks, least, most float64) Check {
	return a.fill(c, b, b.PInside(least, most), min(b.PBelow(least), b.PAbove(most)),
		b.Detectable(most, -1, float64(a), power), least, most)
}

// Outside is the check that it lies beyond either of two: a difference that matters, in whichever direction. It cannot lie beyond
// both, so no correction is due. It is contradicted where it lies between them, by two one-sided tests.
func (a Alpha) Outside(c Check, b stats.Blocks, least, most float64) Check {
	return a.fill(c, b, min(b.PBelow(least), b.PAbove(most)), b.PInside(least, most),
		b.Detectable(most, 1, float64(a), power), least, most)
}

func (a Alpha) fill(c Check, b stats.Blocks, p, against, seen float64, bounds ...float64) Check {
	lo, hi := b.Interval(float64(a))
	c.Estimate, c.Blocks, c.Bounds = stats.Between(b.Mean(), lo, hi), b.N(), bounds
	c.P, c.PAgainst, c.Seen = &p, &against, stats.Between(seen, 0, seen).Hi
	c.State = a.state(p, against)
	return c
}

// Tested is a check by a test that has p-values of its own, one-sided: of the condition's converse, and of the condition.
func (a Alpha) Tested(c Check, p, against float64) Check {
	c.P, c.PAgainst, c.State = &p, &against, a.state(p, against)
	return c
}

func (a Alpha) state(p, against float64) State {
	switch {
	case p <= float64(a):
		return Holds
	case against <= float64(a):
		return Contradicted
	}
	return Undecided
}

// All is the check of a claim about several things at once: each has to hold, so their largest p-value decides and needs no
// correction; that one of them is contradicted has as many chances as there are, so the smallest p-value is multiplied by
// their number (Bonferroni). Its figures are those of the one that is furthest from holding, or, contradicted, of the one that
// contradicts most; of equals the one closer to a bound, or further beyond it. Things that could not be tested leave it
// undecided, unless another is contradicted.
func (a Alpha) All(name string, cs []Check, nothing string) Check {
	if len(cs) == 0 {
		return Open(name, nothing)
	}
	open := slices.MaxFunc(cs, func(x, y Check) int {
		return cmp.Or(cmp.Compare(rank(x.p()), rank(y.p())), cmp.Compare(y.clearance(), x.clearance()))
	})
	contra := slices.MinFunc(cs, func(x, y Check) int {
		return cmp.Or(cmp.Compare(rank(x.against()), rank(y.against())), cmp.Compare(y.clearance(), x.clearance()))
	})
	p, against := open.p(), min(1, contra.against()*float64(len(cs)))
	if a.state(p, against) == Contradicted {
		return a.combined(name, contra, p, against)
	}
	return a.combined(name, open, p, against)
}

// Any is the check of a claim that one of several things is so: the smallest p-value decides, multiplied by their number
// (Bonferroni), and it is contradicted where all of them are. Its figures are those of the one that is closest to holding.
func (a Alpha) Any(name string, cs []Check, nothing string) Check {
	if len(cs) == 0 {
		return Open(name, nothing)
	}
	best := slices.MinFunc(cs, func(x, y Check) int {
		byClearance := cmp.Compare(y.clearance(), x.clearance())
		if x.p() > 0.5 {
			byClearance = -byClearance // none holds: the one that is the least away from it
		}
		return cmp.Or(cmp.Compare(rank(x.p()), rank(y.p())), byClearance)
	})
	against := 0.0
	for _, c := range cs {
		against = max(against, c.against())
	}
	return a.combined(name, best, min(1, best.p()*float64(len(cs))), against)
}

func (a Alpha) combined(name string, c Check, p, against float64) Check {
	c.Name = name
	return a.Tested(c, p, against)
}
