package stats

import (
	"fmt"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

// Fit is a least-squares fit with intercept.
type Fit struct {
	Coef  []float64 // intercept first, then one for each column
	R2    float64   // share of the variance of y explained
	AdjR2 float64   // R2 corrected for the number of columns
	N     int
}

// RankError says that a column adds nothing to the columns before it, so that its coefficient is not
// determined.
type RankError struct {
	Column   int  // index into xs
	Constant bool // the column has one value throughout; otherwise it is a combination of earlier ones
}

func (e *RankError) Error() string {
	if e.Constant {
		return fmt.Sprintf("regression: column %d (from 0) is constant; leave it out", e.Column)
	}
	return fmt.Sprintf("regression: column %d (from 0) is a linear combination of the columns before it; leave it out", e.Column)
}

// rankTolerance is the part of a centred column's length that must remain after the columns before it
// are taken out. Rounding leaves about 1e-15; real telemetry keeps far more than 1e-9.
const rankTolerance = 1e-9

// OLS fits y = b0 + b1*xs[0] + b2*xs[1] + ... by ordinary least squares; xs are columns as long as y.
// Columns are centred and made orthogonal to each other by modified Gram-Schmidt with
// reorthogonalisation (Bjorck 1996, Numerical Methods for Least Squares Problems, section 2.4). A
// column without information of its own is a *RankError; a constant y or no more than len(xs)+1
// observations is an error too.
func OLS(y []float64, xs [][]float64) (Fit, error) {
	n, k := len(y), len(xs)
	if n < k+2 {
		return Fit{}, fmt.Errorf("regression on %d columns with %d observations: %w: %d are needed", k, n, ErrNoData, k+2)
	}
	if err := allFinite("regression: y", y); err != nil {
		return Fit{}, err
	}
	basis := make([][]float64, k) // orthonormal
	upper := make([][]float64, k) // upper[j][i]: part of column j along basis[i], i <= j
	means := make([]float64, k)
	for j, x := range xs {
		if len(x) != n {
			return Fit{}, fmt.Errorf("regression: column %d (from 0) has %d values for %d of y", j, len(x), n)
		}
		if err := allFinite(fmt.Sprintf("regression: column %d (from 0)", j), x); err != nil {
			return Fit{}, err
		}
		var column []float64
		column, means[j] = centred(x)
		length := floats.Norm(column, 2)
		if length <= rankTolerance*floats.Norm(x, 2) {
			return Fit{}, &RankError{Column: j, Constant: true}
		}
		upper[j] = project(column, basis[:j])
		rest := floats.Norm(column, 2)
		if rest <= rankTolerance*length {
			return Fit{}, &RankError{Column: j}
		}
		upper[j] = append(upper[j], rest)
		floats.Scale(1/rest, column)
		basis[j] = column
	}
	residual, meanY := centred(y)
	whole := floats.Dot(residual, residual)
	if floats.Norm(residual, 2) <= rankTolerance*floats.Norm(y, 2) {
		return Fit{}, fmt.Errorf("regression: y is constant, so there is no variance to explain")
	}
	along := project(residual, basis)

	fit := Fit{Coef: make([]float64, k+1), N: n}
	fit.Coef[0] = meanY
	for j := k - 1; j >= 0; j-- {
		b := along[j]
		for later := j + 1; later < k; later++ {
			b -= upper[later][j] * fit.Coef[later+1]
		}
		fit.Coef[j+1] = b / upper[j][j]
		fit.Coef[0] -= fit.Coef[j+1] * means[j]
	}
	unexplained := floats.Dot(residual, residual) / whole
	fit.R2 = 1 - unexplained
	fit.AdjR2 = 1 - unexplained*float64(n-1)/float64(n-k-1)
	return fit, nil
}

// centred returns a copy of xs less its mean, and the mean.
func centred(xs []float64) ([]float64, float64) {
	mean := stat.Mean(xs, nil)
	out := make([]float64, len(xs))
	for i, x := range xs {
		out[i] = x - mean
	}
	return out, mean
}

// project takes from v, in place, its parts along the orthonormal basis, and returns their lengths. The
// second pass removes what rounding left of a nearly dependent v.
func project(v []float64, basis [][]float64) []float64 {
	parts := make([]float64, len(basis))
	for range 2 {
		for i, q := range basis {
			c := floats.Dot(q, v)
			floats.AddScaled(v, -c, q)
			parts[i] += c
		}
	}
	return parts
}
