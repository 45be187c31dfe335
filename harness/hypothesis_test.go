package harness

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// A time-out beyond a percentile leaves an interval open. The run has a report all the same.
func TestOpenIntervalsAreReported(t *testing.T) {
	open := math.Inf(1)
	h := Hypothesis{ID: "HX", Decide: func(*Evidence) Conclusion {
		return Conclusion{
			Checks:   []verdict.Check{{Name: "c", State: verdict.Undecided, Value: ptr(2.0), Lo: ptr(1.0), Hi: &open, Bounds: []float64{1.5}}},
			Effect:   &verdict.Effect{Name: "e", Value: 2, Lo: ptr(1.0), Hi: &open, Confidence: 0.95},
			Findings: []report.Finding{{Name: "f", Value: ptr(2.0), Lo: ptr(math.Inf(-1)), Hi: ptr(3.0)}},
		}
	}}
	ev := goodEvidence()
	ev.Plan.RunID = "hx"
	r, _, err := ev.report(h)
	require.NoError(t, err)
	require.NoError(t, report.Write(t.TempDir(), r))
	assert.Equal(t, verdict.Inconclusive, r.Verdict.Outcome)
	assert.Nil(t, r.Verdict.Checks[0].Hi)
	assert.Nil(t, r.Verdict.Effect.Hi)
	assert.Equal(t, 1.0, *r.Verdict.Effect.Lo)
	assert.Nil(t, r.Findings[0].Lo)
}
