package runner

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
)

// The cost of a plan that nobody could measure is told soon, and is as much for a cell as in a short one.
func TestLongPlansArePricedSoon(t *testing.T) {
	e, err := experiment.Load(experiment.Demand{ID: "H0", Config: "h0.yaml", Requires: []string{"rule_ratio", "rule_consecutive", "queue_wait_share", "growth_ratio"}},
		experiment.Choices{Root: "../..", Configs: "../../fixtures/configs", Rig: "sim", World: "default", Reps: 2})
	require.NoError(t, err)
	mean := func(reps int) float64 {
		e.Hypothesis.Run.Reps = reps
		p, err := experiment.New(e, record.Facts{}, "run", "digest")
		require.NoError(t, err)
		require.NoError(t, Price(e, p, e.Twin))
		sum := 0.0
		for _, pc := range p.Cells {
			require.NotNil(t, pc.Price)
			sum += pc.Price.Seconds
		}
		different := map[float64]bool{}
		for _, pc := range p.Cells {
			different[pc.Price.Seconds] = true
		}
		assert.LessOrEqual(t, len(different), mostPriced+10, "so many are gone through, and means")
		return sum / float64(len(p.Cells))
	}
	short := mean(20)
	assert.InEpsilon(t, short, mean(5000), 0.05)
	e.Hypothesis.Sweep.Ctx = make([]config.Tokens, 500)
	for i := range e.Hypothesis.Sweep.Ctx {
		e.Hypothesis.Sweep.Ctx[i] = config.Tokens(200 + i)
	}
	assert.InEpsilon(t, short, mean(1), 0.3, "and of many combinations")
}
