package stats

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The interval holds the R2 that the data were made with, is narrow for a strong relation, and wide for
// a weak one.
func TestBootstrapR2(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, tc := range []struct{ noise, lo, hi float64 }{{0.1, 0.95, 1}, {2, 0.05, 0.6}} {
		var y, x []float64
		var cluster []string
		for i := range 60 {
			v := r.NormFloat64()
			x, y = append(x, v), append(y, 3+v+tc.noise*r.NormFloat64())
			cluster = append(cluster, fmt.Sprint(i/3))
		}
		lo, hi, err := Bootstrap{Block: 1, Draws: 400, Seed: 1}.R2(y, [][]float64{x}, cluster, 0.95)
		require.NoError(t, err)
		truth := 1 / (1 + tc.noise*tc.noise)
		assert.Less(t, lo, truth)
		assert.Greater(t, hi, truth)
		assert.GreaterOrEqual(t, lo, tc.lo-0.1)
		assert.LessOrEqual(t, hi, tc.hi+0.05)
	}
	_, _, err := Bootstrap{Draws: 10, Seed: 1}.R2([]float64{1, 2, 3, 4}, [][]float64{{1, 1, 1, 1}}, []string{"a", "b", "c", "d"}, 0.95)
	require.Error(t, err, "a constant predictor explains nothing")
	_, _, err = Bootstrap{Draws: 10, Seed: 1}.R2([]float64{1}, nil, nil, 0.95)
	require.Error(t, err)
}
