package stats

import (
	"fmt"
	"math"
	"slices"
)

// ThroughLine returns the slope of the least-squares line of y on x, with intercept, and the share of y's variance that it
// explains, of one block by itself. A y that does not vary has the slope 0 and an R2 of 0; an x that does not vary is an
// error, and so are unequal lengths and values that are not finite.
func ThroughLine(x, y []float64) (slope, r2 float64, err error) {
	const what = "line"
	if len(x) != len(y) || len(x) < 3 {
		return 0, 0, fmt.Errorf("%s through %d and %d values: %w: three pairs are needed", what, len(x), len(y), ErrNoData)
	}
	for _, v := range [][]float64{x, y} {
		if err := allFinite(what, v); err != nil {
			return 0, 0, err
		}
	}
	if slices.Min(x) == slices.Max(x) {
		return 0, 0, fmt.Errorf("%s: x is %g throughout: what does not vary explains nothing", what, x[0])
	}
	var m moments
	mx, my := x[0], y[0] // about a value of their own, so that levels cost no digits
	for i := range x {
		u, v := x[i]-mx, y[i]-my
		m = m.plus(moments{n: 1, x: u, y: v, xx: u * u, xy: u * v, yy: v * v})
	}
	return m.slope(), math.Pow(m.correlation(), 2), nil
}
