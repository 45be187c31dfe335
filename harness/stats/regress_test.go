package stats

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// longley is the NIST StRD data set of that name: y, then x1 to x6. Its columns are nearly dependent.
var longley = [][7]float64{
	{60323, 83.0, 234289, 2356, 1590, 107608, 1947},
	{61122, 88.5, 259426, 2325, 1456, 108632, 1948},
	{60171, 88.2, 258054, 3682, 1616, 109773, 1949},
	{61187, 89.5, 284599, 3351, 1650, 110929, 1950},
	{63221, 96.2, 328975, 2099, 3099, 112075, 1951},
	{63639, 98.1, 346999, 1932, 3594, 113270, 1952},
	{64989, 99.0, 365385, 1870, 3547, 115094, 1953},
	{63761, 100.0, 363112, 3578, 3350, 116219, 1954},
	{66019, 101.2, 397469, 2904, 3048, 117388, 1955},
	{67857, 104.6, 419180, 2822, 2857, 118734, 1956},
	{68169, 108.4, 442769, 2936, 2798, 120445, 1957},
	{66513, 110.8, 444546, 4681, 2637, 121950, 1958},
	{68655, 112.6, 482704, 3813, 2552, 123366, 1959},
	{69564, 114.2, 502601, 3931, 2514, 125368, 1960},
	{69331, 115.7, 518173, 4806, 2572, 127852, 1961},
	{70551, 116.9, 554894, 4007, 2827, 130081, 1962},
}

func column(i int) []float64 {
	out := make([]float64, len(longley))
	for r, row := range longley {
		out[r] = row[i]
	}
	return out
}

// Certified values of NIST StRD Longley.
func TestOLSAgreesWithNISTLongley(t *testing.T) {
	fit, err := OLS(column(0), [][]float64{column(1), column(2), column(3), column(4), column(5), column(6)})
	require.NoError(t, err)
	certified := []float64{
		-3482258.63459582, 15.0618722713733, -0.358191792925910e-1, -2.02022980381683,
		-1.03322686717359, -0.511041056535807e-1, 1829.15146461355,
	}
	for i, want := range certified {
		assert.InEpsilon(t, want, fit.Coef[i], 1e-9, "B%d", i)
	}
	assert.InDelta(t, 0.995479004577296, fit.R2, 1e-12)
	assert.InDelta(t, 1-(1-0.995479004577296)*15/9, fit.AdjR2, 1e-12)
	assert.Equal(t, 16, fit.N)
}

func TestOLSWithoutColumnsIsTheMean(t *testing.T) {
	fit, err := OLS([]float64{1, 2, 6}, nil)
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float64{3}, fit.Coef, 1e-12)
	assert.InDelta(t, 0, fit.R2, 1e-12)
}

// The residual is orthogonal to each column, the definition of least squares; scaling or shifting a
// column leaves R2.
func TestOLSIsLeastSquares(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		n, k := 12+rng.IntN(20), 1+rng.IntN(4)
		y, xs, moved := make([]float64, n), make([][]float64, k), make([][]float64, k)
		for j := range xs {
			xs[j], moved[j] = make([]float64, n), make([]float64, n)
			for i := range n {
				xs[j][i] = rng.NormFloat64()
				moved[j][i] = 1e9 + 1e3*xs[j][i] // a byte counter
				y[i] += float64(j+1) * xs[j][i]
			}
		}
		for i := range y {
			y[i] += rng.NormFloat64()
		}
		fit, err := OLS(y, xs)
		require.NoError(t, err)
		residual := make([]float64, n)
		for i := range y {
			residual[i] = y[i] - fit.Coef[0]
			for j := range xs {
				residual[i] -= fit.Coef[j+1] * xs[j][i]
			}
		}
		for j := range xs {
			dot := 0.0
			for i := range residual {
				dot += residual[i] * xs[j][i]
			}
			require.InDelta(t, 0, dot, 1e-10)
		}
		again, err := OLS(y, moved)
		require.NoError(t, err)
		require.InDelta(t, fit.R2, again.R2, 1e-7)
	}
}

func TestOLSNamesTheColumnThatAddsNothing(t *testing.T) {
	x := column(1)
	sum, flat, y := make([]float64, len(x)), make([]float64, len(x)), column(0)
	for i := range x {
		flat[i] = 1.28e11 // MemAvailable that never moved
		sum[i] = 3*x[i] - 2*column(2)[i] + 7
	}
	for name, c := range map[string]struct {
		xs       [][]float64
		column   int
		constant bool
	}{
		"constant":            {[][]float64{x, flat}, 1, true},
		"zero":                {[][]float64{make([]float64, len(x)), x}, 0, true},
		"the same twice":      {[][]float64{x, column(2), x}, 2, false},
		"sum of two and more": {[][]float64{x, column(2), sum}, 2, false},
	} {
		_, err := OLS(y, c.xs)
		var rank *RankError
		require.True(t, errors.As(err, &rank), "%s: %v", name, err)
		assert.Equal(t, c.column, rank.Column, name)
		assert.Equal(t, c.constant, rank.Constant, name)
		assert.Contains(t, err.Error(), "leave it out")
	}
}

func TestOLSRefuses(t *testing.T) {
	line := []float64{1, 2, 3, 4}
	for name, c := range map[string]struct {
		y  []float64
		xs [][]float64
	}{
		"too few":        {[]float64{1, 2}, [][]float64{{1, 2}}},
		"unequal length": {line, [][]float64{{1, 2, 3}}},
		"constant y":     {[]float64{0.1, 0.1, 0.1, 0.1}, [][]float64{line}},
		"NaN in y":       {[]float64{1, 2, 3, math.NaN()}, [][]float64{line}},
		"NaN in x":       {line, [][]float64{{1, 2, 3, math.Inf(1)}}},
	} {
		_, err := OLS(c.y, c.xs)
		assert.Error(t, err, name)
	}
}
