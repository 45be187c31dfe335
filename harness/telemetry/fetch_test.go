package telemetry

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// kvbmBounds are KVBM's buckets in seconds.
var kvbmBounds = []float64{0, .0001, .00032, .001, .0032, .01, .032, .1, .32, 1, 3.2, 10, math.Inf(1)}

// observed is the histogram of some observations.
func observed(t testing.TB, values ...float64) histogram {
	t.Helper()
	var h histogram
	for _, le := range kvbmBounds {
		n := 0.0
		for _, v := range values {
			if v <= le {
				n++
			}
		}
		require.NoError(t, h.add("_bucket", fmt.Appendf(nil, `worker_id="0",le="%v"`, le), n))
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	require.NoError(t, h.add("_sum", nil, sum))
	require.NoError(t, h.add("_count", nil, float64(len(values))))
	return h
}

func TestHistogramQuantile(t *testing.T) {
	tests := map[string]struct {
		values []float64
		q      float64
		want   float64
	}{
		"one observation is exact":               {[]float64{0.0734}, 0.99, 0.0734},
		"one observation beyond the last bound":  {[]float64{41.5}, 0.50, 41.5},
		"a lone slow one beside a lone fast one": {[]float64{0.05, 3.5}, 0.95, 3.45 + 0.9*(3.518-3.45)},
		"two in one bucket":                      {[]float64{0.05, 0.07}, 0.50, 0.06},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := observed(t, tt.values...)
			got, ok := h.quantile(tt.q)
			require.True(t, ok)
			assert.InDelta(t, tt.want, got, 1e-12)
		})
	}
}

// With many observations in a bucket the sum says little about each, and the estimate is that of
// Prometheus' histogram_quantile: 100 in (0.1, 0.32], 100 in (0.32, 1].
func TestHistogramQuantileOfMany(t *testing.T) {
	var values []float64
	for range 100 {
		values = append(values, 0.2, 0.6)
	}
	h := observed(t, values...)
	for q, want := range map[float64]float64{0.25: 0.1 + 0.22/2, 0.5: 0.32, 0.95: 0.32 + 0.68*0.9} {
		got, ok := h.quantile(q)
		require.True(t, ok)
		assert.InDelta(t, want, got, 1e-12, "q=%v", q)
	}
}

// The true quantile (the observation of rank ceil(q*n), as histogram_quantile ranks) lies within the
// tightened bounds, so does the estimate, and estimates rise with q.
func TestHistogramQuantileLaws(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	for range 3000 {
		values := make([]float64, 1+r.IntN(12))
		for i := range values {
			values[i] = math.Exp(r.NormFloat64()*2 - 2)
		}
		slices.Sort(values)
		h := observed(t, values...)
		before := 0.0
		for _, q := range []float64{0.50, 0.95, 0.99} {
			got, ok := h.quantile(q)
			require.True(t, ok)
			truth := values[int(math.Ceil(q*float64(len(values))))-1]
			i, _ := slices.BinarySearch(kvbmBounds, truth)
			lo, hi := h.bounds(kvbmBounds[i-1], kvbmBounds[i])
			const eps = 1e-9
			require.LessOrEqual(t, lo, truth+eps, "%v", values)
			require.GreaterOrEqual(t, hi, truth-eps, "%v", values)
			require.GreaterOrEqual(t, got, lo-eps, "%v", values)
			require.LessOrEqual(t, got, hi+eps, "%v", values)
			require.GreaterOrEqual(t, got, before-eps, "%v", values)
			before = got
		}
	}
}

// A page that was written while the server counted can have a sum that no such buckets give.
func TestHistogramQuantileOfInconsistentPage(t *testing.T) {
	h := observed(t, 0.05, 0.2)
	h.sum = 0.001
	got, ok := h.quantile(0.99)
	require.True(t, ok)
	assert.InDelta(t, 0.1+0.22*0.98, got, 1e-12, "the bucket's own bounds hold")

	h = observed(t, 20, 30)
	h.sum = 0.001
	got, ok = h.quantile(0.99)
	require.True(t, ok)
	assert.Equal(t, 10., got, "beyond the last bound only that is known")
}

func TestHistogramWithoutBuckets(t *testing.T) {
	_, ok := (&histogram{seen: true, count: 2, sum: 3}).quantile(0.5)
	assert.False(t, ok)
	empty := observed(t)
	_, ok = empty.quantile(0.5)
	assert.False(t, ok)
}

func TestHistogramMinus(t *testing.T) {
	a, b := observed(t, 0.05, 0.2), observed(t, 0.05, 0.2, 0.5)
	d, err := b.minus(&a)
	require.NoError(t, err)
	got, _ := d.quantile(0.5)
	assert.InDelta(t, 0.5, got, 1e-12)

	_, err = a.minus(&b)
	require.ErrorIs(t, err, ErrReset)

	moved := observed(t, 0.05, 0.3, 0.00005)
	moved.sum += 10
	_, err = moved.minus(&b)
	require.NoError(t, err)
	moved = observed(t, 0.05, 5, 6)
	_, err = moved.minus(&a)
	require.ErrorIs(t, err, ErrReset, "a bucket fell though count and sum rose")

	d, err = b.minus(&histogram{})
	require.NoError(t, err)
	assert.Equal(t, 3., d.count, "before its first observation a labelled family is not on the page")
}

func TestHistogramBucketWithoutBound(t *testing.T) {
	var h histogram
	for _, labels := range []string{"", `worker_id="0"`, `le="x"`, `le="NaN"`} {
		require.ErrorContains(t, h.add("_bucket", []byte(labels), 1), "bucket without a bound")
	}
}
