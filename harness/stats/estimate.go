package stats

// Estimate is a number with its interval: of a check, an effect, a finding or a percentile. A nil value is not
// known; a nil bound is open: the data give none.
type Estimate struct {
	Value *float64 `json:"value"`
	Lo    *float64 `json:"lo"`
	Hi    *float64 `json:"hi"`
}

// Between is a value with its interval; bounds that the data leave infinite, as a time-out beyond a percentile does,
// or undefined, as the shift between two open knees, are open.
func Between(value, lo, hi float64) Estimate {
	return Estimate{Value: &value, Lo: bounded(lo), Hi: bounded(hi)}
}

// Alone is a value without an interval.
func Alone(value float64) Estimate { return Estimate{Value: &value} }

// Estimate is the distribution's value with its two-sided interval.
func (d Dist) Estimate(confidence float64) Estimate {
	lo, hi := d.Interval(confidence)
	return Between(d.Value, lo, hi)
}

func bounded(v float64) *float64 {
	if !finite(v) {
		return nil
	}
	return &v
}
