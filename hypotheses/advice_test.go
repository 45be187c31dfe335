package hypotheses

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// advised are the checks that a report says how to settle.
func advised(rep *verdict.Judgement) []string {
	out := []string{}
	for _, f := range rep.Findings {
		if name, ok := strings.CutPrefix(f.Name, "to settle "); ok {
			out = append(out, name)
		}
	}
	return out
}

// stateOf is the state of a check of a report.
func stateOf(t *testing.T, rep *verdict.Judgement, name string) verdict.State {
	t.Helper()
	for _, c := range rep.Verdict.Checks {
		if c.Name == name {
			return c.State
		}
	}
	require.Fail(t, "no check "+name)
	return ""
}

// How much more data would settle a check is said of checks that are open, as a reason too.
func TestAdviceIsForOpenChecks(t *testing.T) {
	t.Parallel()
	given := 0
	for _, h := range all {
		rep := recorded(t, h).replay()
		for _, name := range advised(rep) {
			given++
			assert.Equal(t, verdict.Undecided, stateOf(t, rep, name), "%s %s", h.ID, name)
			assert.Contains(t, strings.Join(rep.Verdict.Reasons, "\n"), "to settle "+name+": ", h.ID)
		}
		if rep.Verdict.Outcome != verdict.Inconclusive {
			assert.Empty(t, advised(rep), h.ID)
		}
	}
	assert.Greater(t, given, 5)
}

// deciding is H2A's recording with a rule that finds given checks; its few samples leave the verdict Inconclusive.
func deciding(t *testing.T, checks ...verdict.Check) *recording {
	h := h2a
	h.Decide = func(*evidence.Evidence) verdict.Conclusion { return verdict.Conclusion{Checks: checks} }
	return recorded(t, h)
}

// crossing is a check whose interval lies across its bound: (0.50 / 0.19)^2 times as much data would make it clear it.
func crossing(name string, state verdict.State) verdict.Check {
	value, lo, hi := 1.5, 1.0, 2.0
	return verdict.Check{Name: name, State: state, Detail: name, Estimate: stats.Between(value, lo, hi), Bounds: []float64{1.31}}
}

// The state of a check decides whether it is advised about, not its interval.
func TestAdviceFollowsTheState(t *testing.T) {
	held, against, noted := crossing("held", verdict.Holds), crossing("against", verdict.Contradicted), crossing("noted", verdict.Noted)
	open := crossing("open", verdict.Undecided)
	rep := deciding(t, held, against, open, noted).replay()
	require.Equal(t, verdict.Inconclusive, rep.Verdict.Outcome)
	assert.Equal(t, []string{"open"}, advised(rep))
	for _, f := range rep.Findings {
		if f.Name == "to settle open" {
			assert.InDelta(t, 14, *f.Value, 0, "2 repetitions times 6.93")
			assert.Contains(t, f.Detail, "-reps 14 instead of 2")
			assert.Contains(t, f.Detail, "-duration 416s instead of 60 s")
		}
	}

	rep = deciding(t, against, open).gates("min_samples", 10).replay()
	require.Equal(t, verdict.Refuted, rep.Verdict.Outcome)
	assert.Empty(t, advised(rep), "a verdict that is settled needs no more data")
}

// Where no amount of data is known to help, none is named.
func TestAdviceNeedsAnInterval(t *testing.T) {
	clear, without, unbounded, endless, hopeless := crossing("clear", verdict.Undecided), crossing("without", verdict.Undecided),
		crossing("unbounded", verdict.Undecided), crossing("endless", verdict.Undecided), crossing("hopeless", verdict.Undecided)
	clear.Bounds = []float64{0.5}
	without.Value, without.Lo, without.Hi = nil, nil, nil
	unbounded.Bounds = nil
	endless.Hi = nil
	hopeless.Bounds = []float64{*hopeless.Value}
	rep := deciding(t, clear, without, unbounded, endless, hopeless).replay()
	assert.Equal(t, []string{"hopeless"}, advised(rep))
	assert.Contains(t, rep.Findings[0].Detail, "no practical amount of data")
	assert.Nil(t, rep.Findings[0].Value)
}
