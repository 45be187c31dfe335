package stats

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// MeanT returns the mean of independent values, such as one of each repetition, with Student's interval
// at the given confidence.
func MeanT(xs []float64, confidence float64) (mean, lo, hi float64, err error) {
	if !(confidence > 0 && confidence < 1) {
		return 0, 0, 0, fmt.Errorf("confidence %g is outside (0, 1)", confidence)
	}
	if len(xs) < 2 {
		return 0, 0, 0, errors.New("an interval of a mean needs two values")
	}
	if err := allFinite("mean", xs); err != nil {
		return 0, 0, 0, err
	}
	mean, sd := stat.MeanStdDev(xs, nil)
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(len(xs) - 1)}.Quantile((1 + confidence) / 2)
	half := t * sd / math.Sqrt(float64(len(xs)))
	return mean, mean - half, mean + half, nil
}
