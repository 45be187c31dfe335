package load

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestZipfWeights(t *testing.T) {
	assert.InDeltaSlice(t, []float64{0.25, 0.25, 0.25, 0.25}, ZipfWeights(4, 0), 1e-12)
	assert.InDeltaSlice(t, []float64{12. / 25, 6. / 25, 4. / 25, 3. / 25}, ZipfWeights(4, 1), 1e-12)
}

// Each user asks in proportion to its weight, and all together as often as without weights.
func TestWeightsShareOutTheRequests(t *testing.T) {
	const users, think = 8, 4.0
	weights := ZipfWeights(users, 1)
	instant := func(w http.ResponseWriter, r *http.Request) { generate(w, r, 1, time.Microsecond, 0) }
	o := drive(t, instant, func(s *Spec) {
		s.Loop = Closed{Users: users, Think: must[Dist](t)(NewUniform(0, 2*think)), Weights: weights}
		s.Output = constant(1)
		s.Duration, s.MaxDuration = 4000*time.Second, 4000*time.Second
	})
	require.NoError(t, o.err)
	asked := [users]float64{}
	for _, r := range o.recs {
		asked[r.User]++
	}
	total := float64(len(o.recs))
	assert.InEpsilon(t, users/think*(*o.sum.MeasureEnd-float64(o.begin.Unix())), total, 0.03)
	for u, w := range weights {
		assert.InEpsilon(t, w, asked[u]/total, 0.08, "user %d", u)
	}
}

// A weighted user thinks the unweighted user's thoughts at another pace, the first one too.
func TestWeightsScaleThinkTimes(t *testing.T) {
	weights := []float64{0.5, 0.25, 0.125, 0.125}
	for _, think := range []Dist{constant(4), exponential(4), uniform{2, 6}, lognormal{4, 1}} {
		plain, weighted := Closed{Users: 4, Think: think}, Closed{Users: 4, Think: think, Weights: weights}
		for u, factor := range []float64{0.5, 1, 2, 2} {
			assert.InEpsilon(t, factor*think.Mean(), weighted.thinkOf(u).Mean(), 1e-12)
			for seed := range uint64(5) {
				assert.InEpsilon(t, factor*plain.thinkOf(u).Draw(generator(seed)), weighted.thinkOf(u).Draw(generator(seed)), 1e-12)
				assert.InEpsilon(t, factor*residual(plain.thinkOf(u), generator(seed)), residual(weighted.thinkOf(u), generator(seed)), 1e-12)
			}
		}
	}
}

func TestWeightsAreChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := nobody().spec(t)
		loop := Closed{Users: 2, Think: constant(1), Weights: []float64{0.7, 0.3}}
		spec.Loop = loop
		require.NoError(t, spec.Check())
		for want, change := range map[string]func(*Closed){
			"1 weights for 2 users":    func(l *Closed) { l.Weights = []float64{1} },
			"weight 0 of user 1":       func(l *Closed) { l.Weights = []float64{1, 0} },
			"sum to 1.2 instead of 1":  func(l *Closed) { l.Weights = []float64{0.7, 0.5} },
			"do nothing to one of 0: ": func(l *Closed) { l.Think = constant(0) },
		} {
			bad := loop
			change(&bad)
			spec.Loop = bad
			require.ErrorContains(t, spec.Check(), want)
		}
	})
}
