package verdict

import "sparkharness/harness/stats"

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
	// Bounds are the thresholds that the interval has to clear, for telling how much more data would do it;
	// empty where no interval decides.
	Bounds []float64 `json:"bounds"`
	// Scale is that on which the interval is about symmetric.
	Scale Scale `json:"-"`
}

// Scale of an interval.
type Scale int

// Scales: of amounts, of ratios (logarithms) and of correlations (Fisher's atanh).
const (
	Linear Scale = iota
	Ratio
	Correlation
)

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

// Decide is Holds if ok, else Contradicted.
func Decide(ok bool) State {
	if ok {
		return Holds
	}
	return Contradicted
}

// Above says whether an interval lies above a threshold, below it, or across it.
func Above(lo, hi, threshold float64) State {
	switch {
	case lo > threshold:
		return Holds
	case hi <= threshold:
		return Contradicted
	}
	return Undecided
}

// Equivalent says whether an interval lies inside two bounds, outside of them, or across one.
func Equivalent(lo, hi, least, most float64) State {
	switch {
	case lo > least && hi < most:
		return Holds
	case lo >= most || hi <= least:
		return Contradicted
	}
	return Undecided
}

// Worse says whether a state weighs more than another in a claim about several things at once: one that is
// contradicted decides, then one that is undecided.
func Worse(a, b State) bool { return weight(a) > weight(b) }

func weight(s State) int {
	switch s {
	case Contradicted:
		return 2
	case Undecided:
		return 1
	}
	return 0
}

// Furthest builds the check of a claim about several things at once: its state is the worst of theirs, and its
// figures are those of the thing in that state which is furthest apart.
type Furthest struct {
	Check
	apart float64
	seen  bool
}

// Take takes the next thing: its state, how far apart it is, and what fills the check's figures and detail.
func (f *Furthest) Take(state State, apart float64, fill func(*Check)) {
	if f.seen && !Worse(state, f.State) && (state != f.State || apart <= f.apart) {
		return
	}
	f.State, f.apart, f.seen = state, apart, true
	fill(&f.Check)
}

// Result is the check, or without anything taken an undecided one that says why.
func (f *Furthest) Result(nothing string) Check {
	if !f.seen {
		f.State, f.Detail = Undecided, nothing
	}
	return f.Check
}
