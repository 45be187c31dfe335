package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"gonum.org/v1/gonum/stat"
)

// The variance added is that of the repetitions' mean less what the blocks explain already.
func TestWidenAddsWhatBlocksDoNotExplain(t *testing.T) {
	each := func() draws {
		return draws{each: []estimate{{9, 9, 9}, {10, 10, 10}, {11, 11, math.Inf(1)}}} // variance 1
	}
	ones := []float64{1, 1, 1}
	reps := []float64{7, 10, 16} // variance 21, of the mean of three 7
	d := each()
	d.widen(reps, ones, false)
	by := math.Sqrt(7 - 1)
	assert.InDelta(t, 9+by, d.each[0].at, 1e-12)
	assert.InDelta(t, 9+by, d.each[0].hi, 1e-12)
	assert.InDelta(t, 11+by, d.each[2].lo, 1e-12)
	assert.Equal(t, math.Inf(1), d.each[2].hi)

	agreeing := each()
	agreeing.widen([]float64{9, 10, 11}, ones, false) // variance of the mean 1/3, less than 1
	assert.Equal(t, each(), agreeing)

	d = each()
	d.widen(reps, ones, true)
	logs := func(xs ...float64) float64 {
		for i := range xs {
			xs[i] = math.Log(xs[i])
		}
		return stat.Variance(xs, nil)
	}
	by = math.Sqrt(logs(7, 10, 16)/3 - logs(9, 10, 11))
	assert.InDelta(t, 9*math.Exp(by), d.each[0].at, 1e-12)
}
