package record

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBucketsTileTheDurations(t *testing.T) {
	next := uint64(0)
	for i := 0; i <= bucket(math.MaxInt64); i++ {
		lo, width := bounds(i)
		require.Equal(t, next, lo, "bucket %d starts where the one below ends", i)
		require.Equal(t, i, bucket(lo))
		require.Equal(t, i, bucket(lo+width-1))
		if lo > 0 {
			require.LessOrEqual(t, float64(width-1)/2, float64(lo)/100, "middle of bucket %d is within 1 %%", i)
		}
		next = lo + width
	}
	assert.Equal(t, uint64(math.MaxInt64)+1, next)
}

// type7 is the exact quantile of sorted gaps (Hyndman & Fan 1996).
func type7(sorted []time.Duration, q float64) float64 {
	pos := q * float64(len(sorted)-1)
	i := int(pos)
	lo, hi := float64(sorted[i]), float64(sorted[min(i+1, len(sorted)-1)])
	return lo + (pos-float64(i))*(hi-lo)
}

func TestGapHistQuantilesAreWithinOnePercent(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 10, 1000, 50_000} {
		var gaps []time.Duration
		var h GapHist
		for range n {
			gap := time.Duration(math.Exp(rng.Float64()*25) * 40) // 40 ns to 48 min
			gaps = append(gaps, gap)
			h.Add(gap)
		}
		slices.Sort(gaps)
		for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
			got, ok := h.Quantile(q)
			require.True(t, ok)
			assert.InEpsilon(t, type7(gaps, q), float64(got), 0.01, "n %d, q %v", n, q)
		}
		assert.Equal(t, gaps[n-1], h.Max())
		top, _ := h.Quantile(1)
		assert.Equal(t, h.Max(), top, "the largest gap is exact")
		assert.Equal(t, uint64(n), h.Count())
	}
}

func TestGapHistSmallValuesAreExact(t *testing.T) {
	var h GapHist
	for _, gap := range []time.Duration{-5, 0, 0, 10, 20} {
		h.Add(gap)
	}
	for q, want := range map[float64]time.Duration{0: 0, 0.5: 0, 0.75: 10, 0.875: 15, 1: 20} {
		got, ok := h.Quantile(q)
		require.True(t, ok)
		assert.Equal(t, want, got, "q %v", q)
	}
	assert.Equal(t, uint64(3), h.Zero())
}

func TestGapHistWithoutAnAnswer(t *testing.T) {
	var h GapHist
	assert.Zero(t, h.Zero())
	_, ok := h.Quantile(0.5)
	assert.False(t, ok, "no gaps")
	h.Add(1)
	for _, q := range []float64{-0.1, 1.1, math.NaN()} {
		_, ok = h.Quantile(q)
		assert.False(t, ok, "q %v", q)
	}
}

func TestGapHistMergeCommutesAndRoundTrips(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var all, a, b GapHist
	for i := range 10_000 {
		gap := time.Duration(rng.ExpFloat64() * float64(100*time.Millisecond))
		all.Add(gap)
		if i%3 == 0 {
			a.Add(gap)
		} else {
			b.Add(gap)
		}
	}
	var ab, ba GapHist
	ab.Merge(&a)
	ab.Merge(&b)
	ba.Merge(&b)
	ba.Merge(&a)
	want, err := json.Marshal(all)
	require.NoError(t, err)
	for _, h := range []GapHist{ab, ba} {
		got, err := json.Marshal(h)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got))
	}
	var back GapHist
	require.NoError(t, json.Unmarshal(want, &back))
	assert.Equal(t, all, back)

	text, err := json.Marshal(GapHist{})
	require.NoError(t, err)
	assert.Equal(t, `{"count":0,"max_ns":0,"buckets":[]}`, string(text))
}

func TestGapHistRefusesForeignFiles(t *testing.T) {
	for name, text := range map[string]string{
		"not a bucket":       `{"count":1,"max_ns":129,"buckets":[[129,1]]}`,
		"beyond int64":       `{"count":1,"max_ns":1,"buckets":[[9223372036854775808,1]]}`,
		"count too high":     `{"count":3,"max_ns":10,"buckets":[[10,2]]}`,
		"max in no bucket":   `{"count":2,"max_ns":11,"buckets":[[10,2]]}`,
		"max below 0":        `{"count":0,"max_ns":-1,"buckets":[]}`,
		"not an object":      `[]`,
		"negative gap count": `{"count":1,"max_ns":10,"buckets":[[10,-1]]}`,
	} {
		var h GapHist
		assert.Error(t, json.Unmarshal([]byte(text), &h), name)
	}
}

func BenchmarkGapHistAdd(b *testing.B) {
	var h GapHist
	gap := time.Duration(0)
	for b.Loop() {
		h.Add(gap)
		gap = (gap + 1_234_567) % time.Second
	}
}
