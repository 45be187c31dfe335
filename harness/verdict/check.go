package verdict

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
	Name   string   `json:"name"` // short key, such as storage_knee
	State  State    `json:"state"`
	Detail string   `json:"detail"` // one sentence with the measured values and the threshold
	Value  *float64 `json:"value"`
	Lo     *float64 `json:"lo"`
	Hi     *float64 `json:"hi"`
	Unit   string   `json:"unit"`
	N      int      `json:"n"`
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
