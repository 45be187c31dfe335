package stats

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"
)

// The first bound of three equal looks at a one-sided 0.025 is z 3.7103 by the O'Brien-Fleming-like function
// and 2.2794 by the Pocock-like one (gsDesign's sfLDOF and sfLDPocock; Jennison & Turnbull 2000, Group
// Sequential Methods, section 7.2): the level spent by then is its tail. By two thirds 0.00605 is spent.
func TestSpendingOfPublishedBounds(t *testing.T) {
	const alpha = 0.025
	assert.InDelta(t, distuv.UnitNormal.Survival(3.7103), OBrienFleming.Spent(1.0/3, alpha), 1e-7)
	assert.InDelta(t, 0.00605, OBrienFleming.Spent(2.0/3, alpha), 5e-6)
	assert.InDelta(t, distuv.UnitNormal.Survival(2.2794), Pocock.Spent(1.0/3, alpha), 1e-5)
	for _, s := range []Spending{OBrienFleming, Pocock} {
		assert.InDelta(t, alpha, s.Spent(1, alpha), 1e-15)
	}
}

func TestSpendingIncrements(t *testing.T) {
	for _, s := range []Spending{OBrienFleming, Pocock} {
		for _, looks := range [][]int{{3}, {3, 6}, {3, 6, 9}, {2, 3, 10}, {1, 2, 3, 4, 5, 6, 7}} {
			for _, alpha := range []float64{0.025, 0.05, 0.01} {
				increments, err := s.Increments(looks, alpha)
				require.NoError(t, err)
				require.Len(t, increments, len(looks))
				sum, upTo := 0.0, 0.0
				for k, a := range increments {
					assert.Positive(t, a)
					sum += a
					upTo = s.Spent(float64(looks[k])/float64(looks[len(looks)-1]), alpha)
					assert.InDelta(t, upTo, sum, 1e-15)
				}
				assert.Equal(t, alpha, sum, "%v", looks)
			}
		}
	}
	late, err := OBrienFleming.Increments([]int{3, 6, 9}, 0.025)
	require.NoError(t, err)
	early, err := Pocock.Increments([]int{3, 6, 9}, 0.025)
	require.NoError(t, err)
	assert.Less(t, late[0], early[0])
	assert.Greater(t, late[2], early[2])
}

func TestSpendingRefuses(t *testing.T) {
	for name, looks := range map[string][]int{"none": nil, "zero": {0, 3}, "again": {3, 3}, "descending": {6, 3}} {
		_, err := OBrienFleming.Increments(looks, 0.025)
		assert.Error(t, err, name)
	}
	assert.Panics(t, func() { OBrienFleming.Spent(0, 0.025) })
	assert.Panics(t, func() { _, _ = Pocock.Increments([]int{1}, 0.6) })
}

// Whoever looks three times at growing data rejects what is true with at most the whole level; who tests each
// look at that level does so twice as often.
func TestSpendingHoldsTheLevelOverLooks(t *testing.T) {
	const runs, alpha = 20000, 0.025
	looks := []int{3, 6, 9}
	for _, s := range []Spending{OBrienFleming, Pocock} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			increments, err := s.Increments(looks, alpha)
			require.NoError(t, err)
			rng := rand.New(rand.NewPCG(3, 1))
			spent, naive := 0, 0
			for range runs {
				values := make([]float64, looks[len(looks)-1])
				for i := range values {
					values[i] = rng.NormFloat64()
				}
				bySpending, byEach := false, false
				for k, n := range looks {
					p := blocksOf(t, Linear, values[:n]...).PAbove(0)
					bySpending = bySpending || p <= increments[k]
					byEach = byEach || p <= alpha
				}
				if bySpending {
					spent++
				}
				if byEach {
					naive++
				}
			}
			t.Logf("%.4f, each look at the whole level %.4f", float64(spent)/runs, float64(naive)/runs)
			assert.LessOrEqual(t, float64(spent)/runs, alpha+0.0025)
			assert.Greater(t, float64(naive)/runs, 1.5*alpha)
		})
	}
}
