package stats

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
)

// CoV returns the coefficient of variation of xs: sample standard deviation (n-1) over the absolute
// mean. Fewer than two values or a mean of 0 is an error.
func CoV(xs []float64) (float64, error) {
	if len(xs) < 2 {
		return 0, fmt.Errorf("coefficient of variation of %d values: %w: two are needed", len(xs), ErrNoData)
	}
	if err := allFinite("coefficient of variation", xs); err != nil {
		return 0, err
	}
	mean, sd := stat.MeanStdDev(xs, nil)
	if mean == 0 {
		return 0, fmt.Errorf("coefficient of variation of values whose mean is 0 is not defined")
	}
	return sd / math.Abs(mean), nil
}

func allFinite(what string, xs []float64) error {
	for i, x := range xs {
		if !finite(x) {
			return fmt.Errorf("%s: value %d is %g; leave out what was not measured", what, i+1, x)
		}
	}
	return nil
}
