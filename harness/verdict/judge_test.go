package verdict_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/report"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// recorded is the recorded run of H2A, with no more requests asked for than it has: every common gate passes.
func recorded(t *testing.T) *evidence.Evidence {
	t.Helper()
	ev, err := evidence.Load("../../fixtures/runs/h2a", nil)
	require.NoError(t, err)
	ev.Exp.Hypothesis.Gates.MinSamples = 1
	return ev
}

// A time-out beyond a percentile leaves an interval open. The run has a report all the same.
func TestOpenIntervalsAreReported(t *testing.T) {
	h := verdict.Hypothesis{ID: "HX", Decide: func(*evidence.Evidence) verdict.Conclusion {
		return verdict.Conclusion{
			Checks:   []verdict.Check{{Name: "c", State: verdict.Undecided, Estimate: stats.Between(2, 1, math.Inf(1)), Bounds: []float64{1.5}}},
			Effect:   &verdict.Effect{Name: "e", Estimate: stats.Between(2, 1, math.Inf(1)), Confidence: 0.95},
			Findings: []verdict.Finding{{Name: "f", Estimate: stats.Between(2, math.Inf(-1), 3)}, {Name: "g", Estimate: stats.Between(0, math.NaN(), math.NaN())}},
		}
	}}
	r, _ := verdict.Judge(h, recorded(t))
	dir := t.TempDir()
	require.NoError(t, report.Write(dir, r))
	written, err := os.ReadFile(filepath.Join(dir, report.FileName))
	require.NoError(t, err)
	assert.Contains(t, string(written), `"hi": null`)
	for _, g := range r.Verdict.Gates {
		assert.True(t, g.Passed, "%s: %s", g.Name, g.Detail)
	}
	assert.Equal(t, verdict.Inconclusive, r.Verdict.Outcome)
	assert.Nil(t, r.Verdict.Checks[0].Hi)
	assert.Equal(t, 1.0, *r.Verdict.Checks[0].Lo)
	assert.Nil(t, r.Verdict.Effect.Hi)
	assert.Equal(t, 1.0, *r.Verdict.Effect.Lo)
	assert.Nil(t, r.Findings[0].Lo)
	assert.Equal(t, 3.0, *r.Findings[0].Hi)
	assert.Nil(t, r.Findings[1].Lo)
	assert.Nil(t, r.Findings[1].Hi)
}

// Of no cells that decide no gate says that all is well.
func TestScreeningAloneDecidesNothing(t *testing.T) {
	ev := recorded(t)
	ev.Exp.Hypothesis.Run.Screening = true
	for _, c := range ev.Cells {
		c.Rep = 0
	}
	h := verdict.Hypothesis{ID: "HX", Decide: func(*evidence.Evidence) verdict.Conclusion {
		assert.Fail(t, "there is nothing to decide by")
		return verdict.Conclusion{}
	}}
	for ended, says := range map[string]string{
		"":                               ", which decides nothing: continue with -resume",
		"after the first stage: no wait": ", which decides nothing: it ended after the first stage: no wait",
	} {
		ev.Plan.Ended = ended
		r, _ := verdict.Judge(h, ev)
		assert.Equal(t, verdict.Inconclusive, r.Verdict.Outcome)
		require.Len(t, r.Verdict.Gates, 1)
		assert.False(t, r.Verdict.Gates[0].Passed)
		assert.Contains(t, r.Verdict.Gates[0].Detail, " planned cells were measured, all of them of the block that finds where to look"+says)
		assert.NotEmpty(t, r.Rows, "what was measured is shown")
	}
}
