package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// openLoop is the hypothesis with an open loop: line 13 has the rates, 14 and 15 what is given.
func openLoop(t *testing.T, rates, arrivals, needs string) string {
	t.Helper()
	return edit(t, hypothesis, "  conc: [1, 4]\n", fmt.Sprintf("  rate_rps: [%s]\n  arrivals: %s\n  %s\n", rates, arrivals, needs))
}

func TestArrivals(t *testing.T) {
	none, most := 0.0, float64(MaxRPS)
	for _, c := range []struct {
		arrivals, needs string
		want            Sweep
	}{
		{"poisson", "", Sweep{}},
		{"constant", "", Sweep{}},
		{"gamma", "gap_cv: 2.5", Sweep{GapCV: 2.5}},
		{"gamma", "gap_cv: 0.001", Sweep{GapCV: MinGapCV}},
		{"gamma", "gap_cv: 20", Sweep{GapCV: MaxGapCV}},
		{"ramp", "ramp: {from_rps: 0, over: 60s}", Sweep{Ramp: &Ramp{FromRPS: &none, Over: Duration(time.Minute)}}},
		{"ramp", "ramp: {from_rps: 100000, over: 1us}", Sweep{Ramp: &Ramp{FromRPS: &most, Over: Duration(time.Microsecond)}}},
	} {
		h, err := parseHypothesis("h.yaml", []byte(openLoop(t, "0.5, 100000", c.arrivals, c.needs)))
		require.NoError(t, err, c)
		c.want.Ctx, c.want.RateRPS, c.want.Arrivals = h.Sweep.Ctx, []float64{0.5, MaxRPS}, c.arrivals
		assert.Equal(t, c.want, h.Sweep)
		roundTrip(t, "h.yaml", h, parseHypothesis)
	}
}

func TestArrivalsFaults(t *testing.T) {
	for name, c := range map[string]struct {
		rates, arrivals, needs string
		want                   string
	}{
		"rate too high":        {"1, 100001", "poisson", "", "13: sweep.rate_rps[1]: is at most 100000, not 100001: gaps would be shorter than the load's grid of a microsecond"},
		"no such arrivals":     {"1", "weibull", "gap_cv: 2", `14: sweep.arrivals: must be poisson, constant, gamma or ramp, not "weibull"`},
		"gamma without cv":     {"1", "gamma", "", "11: sweep.gap_cv: required field of gamma is missing: the coefficient of variation of the gaps, such as 2"},
		"cv of zero":           {"1", "gamma", "gap_cv: 0", "15: sweep.gap_cv: required field of gamma is missing: the coefficient of variation of the gaps, such as 2"},
		"cv too small":         {"1", "gamma", "gap_cv: 0.0009", "15: sweep.gap_cv: must be from 0.001 to 20, not 0.0009; 1 is poisson"},
		"cv too large":         {"1", "gamma", "gap_cv: 20.5", "15: sweep.gap_cv: must be from 0.001 to 20, not 20.5; 1 is poisson"},
		"cv negative":          {"1", "gamma", "gap_cv: -1", "15: sweep.gap_cv: -1 is negative"},
		"cv not finite":        {"1", "gamma", "gap_cv: .inf", "15: sweep.gap_cv: must be a number, not .inf"},
		"cv not a number":      {"1", "gamma", "gap_cv: .nan", "15: sweep.gap_cv: must be a number, not .nan"},
		"cv of poisson":        {"1", "poisson", "gap_cv: 1", "15: sweep.gap_cv: belongs to arrivals: gamma"},
		"ramp without a field": {"1", "ramp", "", "11: sweep.ramp: required field of arrivals: ramp is missing, such as {from_rps: 0, over: 60s}"},
		"ramp of constant":     {"1", "constant", "ramp: {from_rps: 0, over: 60s}", "15: sweep.ramp: belongs to arrivals: ramp"},
		"ramp from nowhere":    {"1", "ramp", "ramp: {over: 60s}", "15: sweep.ramp.from_rps: required field is missing"},
		"ramp from below zero": {"1", "ramp", "ramp: {from_rps: -1, over: 60s}", "15: sweep.ramp.from_rps: -1 is negative"},
		"ramp from too high":   {"1", "ramp", "ramp: {from_rps: 100001, over: 60s}", "15: sweep.ramp.from_rps: is at most 100000, not 100001: gaps would be shorter than the load's grid of a microsecond"},
		"ramp in no time":      {"1", "ramp", "ramp: {from_rps: 0, over: 0s}", "15: sweep.ramp.over: is zero, which would mean that it is not set"},
		"ramp without unit":    {"1", "ramp", "ramp: {from_rps: 0, over: 60}", "15: sweep.ramp.over: 60 needs a unit, such as 300s or 200ms"},
		"ramp off the grid":    {"1", "ramp", "ramp: {from_rps: 0, over: 1500ns}", "15: sweep.ramp.over: must be whole microseconds, not 1.5µs"},
		"ramp into measure":    {"1", "ramp", "ramp: {from_rps: 0, over: 61s}", "15: sweep.ramp.over: must be at most run.warmup.min (1m0s), not 1m1s: what is measured is the rate of sweep.rate_rps"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseHypothesis("h.yaml", []byte(openLoop(t, c.rates, c.arrivals, c.needs)))
			require.EqualError(t, err, "h.yaml:"+c.want)
		})
	}
	text := openLoop(t, "200000", "ramp", "gap_cv: 2\n  ramp: {from_rps: 200000, over: 61s}")
	_, err := parseHypothesis("h.yaml", []byte(text))
	require.EqualError(t, err, strings.Join([]string{
		"h.yaml:13: sweep.rate_rps[0]: is at most 100000, not 200000: gaps would be shorter than the load's grid of a microsecond",
		"h.yaml:15: sweep.gap_cv: belongs to arrivals: gamma",
		"h.yaml:16: sweep.ramp.from_rps: is at most 100000, not 200000: gaps would be shorter than the load's grid of a microsecond",
		"h.yaml:16: sweep.ramp.over: must be at most run.warmup.min (1m0s), not 1m1s: what is measured is the rate of sweep.rate_rps",
	}, "\n"))

	// A closed loop has no gaps to shape.
	_, err = parseHypothesis("h.yaml", []byte(edit(t, hypothesis, "conc: [1, 4]", "conc: [1, 4]\n  gap_cv: 2\n  ramp: {from_rps: 0, over: 60s}")))
	require.EqualError(t, err, "h.yaml:14: sweep.gap_cv: belongs to arrivals: gamma\nh.yaml:15: sweep.ramp: belongs to arrivals: ramp")
}

// A configuration without the fields of gamma and ramp has the digest that it had before there were such fields:
// they are not in it.
func TestArrivalsInDigest(t *testing.T) {
	digest := func(needs ...string) string {
		h, err := parseHypothesis("h.yaml", []byte(openLoop(t, "1", needs[0], needs[1])))
		require.NoError(t, err)
		d, err := Digest(h)
		require.NoError(t, err)
		return d
	}
	seen := map[string]bool{}
	for _, needs := range [][]string{
		{"poisson", ""}, {"gamma", "gap_cv: 2"}, {"gamma", "gap_cv: 3"},
		{"ramp", "ramp: {from_rps: 0, over: 60s}"}, {"ramp", "ramp: {from_rps: 1, over: 60s}"}, {"ramp", "ramp: {from_rps: 0, over: 59s}"},
	} {
		seen[digest(needs...)] = true
	}
	assert.Len(t, seen, 6)
	text, err := json.Marshal(Sweep{Arrivals: ArrivalsPoisson})
	require.NoError(t, err)
	assert.NotRegexp(t, "GapCV|Ramp", string(text))
}
