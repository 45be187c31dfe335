package hypotheses

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/verdict"
)

// decidingOf are those of some checks that decide, by name.
func decidingOf(checks []verdict.Check) map[string]verdict.Check {
	out := map[string]verdict.Check{}
	for _, c := range checks {
		if c.State != verdict.Noted {
			out[c.Name] = c
		}
	}
	return out
}

// deciding are the checks of the replay that decide, by name.
func (r *recording) deciding() map[string]verdict.Check {
	r.t.Helper()
	return decidingOf(r.replay().Verdict.Checks)
}

// assertOutcome asserts the outcome of a replay and returns the checks that decide. Unless it is to be Invalid, all
// gates have to pass, so that it is the checks that decided.
func assertOutcome(t *testing.T, want verdict.Outcome, r *recording) map[string]verdict.Check {
	t.Helper()
	v := r.replay().Verdict
	assert.Equal(t, want, v.Outcome, strings.Join(v.Reasons, "; "))
	for _, g := range v.Gates {
		assert.True(t, g.Passed || g.OnFailure == "" || want == verdict.Invalid, "gate %s: %s", g.Name, g.Detail)
	}
	return decidingOf(v.Checks)
}

// evidence is what the decision rule of a replay is given, so that a test may ask a part of the rule alone.
func (r *recording) evidence() *evidence.Evidence {
	r.t.Helper()
	var out *evidence.Evidence
	h := r.h
	h.Decide = func(ev *evidence.Evidence) verdict.Conclusion {
		out = ev
		return verdict.Conclusion{}
	}
	r.seal()
	_, err := harness.Replay(h, r.dir)
	require.NoError(r.t, err)
	return out
}

// assertAbove asserts that a check holds for a threshold below the interval that it shows, is contradicted for one
// above, and open for one inside, on both sides of the estimate.
func assertAbove(t *testing.T, ev *evidence.Evidence, threshold string, check func(*evidence.Evidence) verdict.Check) {
	t.Helper()
	c := check(ev)
	require.NotNil(t, c.Lo, c.Detail)
	value, lo, hi := *c.Value, *c.Lo, *c.Hi
	require.True(t, lo+0.02 < value && value < hi-0.02, "an interval that tells: %s", c.Detail)
	for _, tc := range []struct {
		need float64
		want verdict.State
	}{
		{lo - 0.005, verdict.Holds}, {lo + 0.005, verdict.Undecided}, {value - 0.005, verdict.Undecided},
		{value + 0.005, verdict.Undecided}, {hi - 0.005, verdict.Undecided}, {hi + 0.005, verdict.Contradicted},
	} {
		ev.Exp.Hypothesis.Thresholds[threshold] = tc.need
		c := check(ev)
		assert.Equal(t, tc.want, c.State, "need %.3f: %s", tc.need, c.Detail)
	}
}
