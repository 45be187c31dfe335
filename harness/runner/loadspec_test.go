package runner

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
)

// The arrivals of the configuration are those of the load, at the cell's rate.
func TestPacer(t *testing.T) {
	from := 2.0
	for _, c := range []struct {
		sweep config.Sweep
		want  load.Pacer
	}{
		{config.Sweep{Arrivals: "poisson"}, load.Poisson{RPS: 12.5}},
		{config.Sweep{Arrivals: "constant"}, load.Constant{RPS: 12.5}},
		{config.Sweep{Arrivals: "gamma", GapCV: 3}, load.Gamma{RPS: 12.5, CV: 3}},
		{config.Sweep{Arrivals: "ramp", Ramp: &config.Ramp{FromRPS: &from, Over: config.Duration(time.Minute)}},
			load.Ramp{From: 2, To: 12.5, Over: time.Minute}},
	} {
		assert.Equal(t, c.want, pacer(&c.sweep, 12.5), c.sweep.Arrivals)
	}
}

// A hypothesis with bursts plans the same cells as one without: bursts are how a level arrives, and no level.
func TestBurstsAreConfigured(t *testing.T) {
	o := testOptions(t)
	_, even := testPlan(t, small("H0", "rule_ratio", "rule_consecutive", "queue_wait_share", "growth_ratio"), o)
	overlay(t, o, map[string]string{"hypotheses/h0.yaml": "sweep: {arrivals: gamma, gap_cv: 2}\n"})
	e, bursts := testPlan(t, small("H0", "rule_ratio", "rule_consecutive", "queue_wait_share", "growth_ratio"), o)
	assert.Equal(t, load.Gamma{RPS: 4, CV: 2}, pacer(&e.Hypothesis.Sweep, 4))
	assert.Equal(t, even.Cells, bursts.Cells)
	assert.NotEqual(t, even.Digest, bursts.Digest)
}

// What the configuration accepts is what the load accepts; neither package may know the other.
func TestBoundsOfArrivals(t *testing.T) {
	assert.EqualValues(t, load.MaxRPS, config.MaxRPS)
	assert.Equal(t, load.MinCV, config.MinGapCV)
	assert.EqualValues(t, load.MaxCV, config.MaxGapCV)
}
