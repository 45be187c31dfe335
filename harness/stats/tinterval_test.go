package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.5.2, data set ZARR13: n 195, mean
// 9.261460, standard deviation 0.022789, 95 % interval 9.258242 to 9.264679.
func TestMeanT(t *testing.T) {
	const n, mean, sd = 195, 9.261460, 0.022789
	// Values with exactly that mean and standard deviation: one at the mean, half of the rest on each side.
	xs := []float64{mean}
	for range (n - 1) / 2 {
		xs = append(xs, mean-sd, mean+sd)
	}
	m, lo, hi, err := MeanT(xs, 0.95)
	require.NoError(t, err)
	assert.InDelta(t, mean, m, 1e-9)
	assert.InDelta(t, 9.258242, lo, 1e-6)
	assert.InDelta(t, 9.264679, hi, 1e-6)
}

func TestMeanTRefuses(t *testing.T) {
	_, _, _, err := MeanT([]float64{1}, 0.95)
	require.ErrorContains(t, err, "two values")
	_, _, _, err = MeanT([]float64{1, math.NaN()}, 0.95)
	require.Error(t, err)
	_, _, _, err = MeanT([]float64{1, 2}, 1)
	require.ErrorContains(t, err, "confidence")
}
