package verdict_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/report"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

func ptr(v float64) *float64 { return &v }

// leftOut is the finding that names what a report could not hold.
func leftOut(t *testing.T, r *verdict.Judgement) string {
	t.Helper()
	for _, f := range r.Findings {
		if f.Name == "numbers left out" {
			return f.Detail
		}
	}
	return ""
}

// Points of a figure that are not finite go with their bounds, and the report says so.
func TestPointsThatAreNotFiniteAreLeftOut(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	h := verdict.Hypothesis{ID: "HX", Decide: func(*evidence.Evidence) verdict.Conclusion {
		return verdict.Conclusion{Figures: []verdict.Figure{{Name: "f", Panels: []verdict.Panel{
			{Series: []verdict.Series{
				{Name: "whole", X: []float64{1, 2}, Y: []float64{3, 4}},
				{Name: "some", X: []float64{1, nan, 3, 4}, Y: []float64{10, 20, -inf, 40}, Lo: []*float64{ptr(1), ptr(2), ptr(3), ptr(4)},
					Hi: []*float64{nil, ptr(2), ptr(3), ptr(inf)}},
				{Name: "none", X: []float64{inf, nan}, Y: []float64{1, 2}}},
				Marks: []verdict.Mark{{X: nan, Label: "gone"}, {X: 5, Label: "there"}}, Levels: []verdict.Level{{Y: 6, Label: "there"}, {Y: -inf, Label: "gone"}}},
		}}}}
	}}
	r, _ := verdict.Judge(h, recorded(t))
	require.NoError(t, report.Write(t.TempDir(), r))
	require.NoError(t, report.WriteFigures(t.TempDir(), r))
	p := r.Figures[0].Panels[0]
	assert.Equal(t, verdict.Series{Name: "whole", X: []float64{1, 2}, Y: []float64{3, 4}}, p.Series[0])
	assert.Equal(t, verdict.Series{Name: "some", X: []float64{1, 4}, Y: []float64{10, 40}, Lo: []*float64{ptr(1), ptr(4)}, Hi: []*float64{nil, nil}}, p.Series[1])
	assert.Empty(t, p.Series[2].X)
	assert.Empty(t, p.Series[2].Y)
	assert.Equal(t, []verdict.Mark{{X: 5, Label: "there"}}, p.Marks)
	assert.Equal(t, []verdict.Level{{Y: 6, Label: "there"}}, p.Levels)
	assert.Equal(t, "figures[0].panels[0].series[1], figures[0].panels[0].series[1].hi[1], figures[0].panels[0].series[2], "+
		"figures[0].panels[0].marks[0], figures[0].panels[0].levels[1] would not be finite: look in the lines of the cells for values that cannot be",
		leftOut(t, r))
}

// A number that may be absent is null then; a row or an account without the number that it is about is left out.
func TestNumbersThatAreNotFiniteAreLeftOut(t *testing.T) {
	h := verdict.Hypothesis{ID: "HX", Decide: func(*evidence.Evidence) verdict.Conclusion {
		return verdict.Conclusion{
			Effect:   &verdict.Effect{Name: "e", Estimate: stats.Estimate{Value: ptr(math.NaN()), Lo: ptr(1), Hi: ptr(math.Inf(1))}, Confidence: 0.95},
			Checks:   []verdict.Check{{Name: "c", State: verdict.Holds, Estimate: stats.Alone(math.Inf(1))}},
			Findings: []verdict.Finding{{Name: "f", Estimate: stats.Alone(math.NaN())}},
			Sizing:   &verdict.Sizing{Question: "q", Rows: []verdict.SizingRow{{CapacityBytes: math.Inf(1)}, {CapacityBytes: 1, Lo: ptr(math.NaN())}}},
		}
	}}
	ev := recorded(t)
	whole, _ := verdict.Judge(verdict.Hypothesis{ID: "HX", Decide: func(*evidence.Evidence) verdict.Conclusion { return verdict.Conclusion{} }}, ev)
	assert.Empty(t, leftOut(t, whole), "nothing, where all is finite")

	r, _ := verdict.Judge(h, ev)
	require.NoError(t, report.Write(t.TempDir(), r))
	assert.Equal(t, &verdict.Effect{Name: "e", Estimate: stats.Estimate{Lo: ptr(1)}, Confidence: 0.95}, r.Verdict.Effect)
	require.Len(t, r.Verdict.Checks, 1, "a check stays, whatever its number")
	assert.Nil(t, r.Verdict.Checks[0].Value)
	assert.Equal(t, []verdict.SizingRow{{CapacityBytes: 1}}, r.Sizing.Rows)
	assert.Contains(t, leftOut(t, r), "verdict.effect.value, verdict.effect.hi, verdict.checks[0].value, ")
	assert.Contains(t, leftOut(t, r), " more would not be finite")
	assert.Len(t, r.Rows, len(whole.Rows))

	// A cell whose clock cannot be.
	ev.Cells[0].Info.Load.MeasureStart, ev.Cells[0].Info.Load.MeasureEnd = ptr(-math.MaxFloat64), ptr(math.MaxFloat64)
	r, _ = verdict.Judge(h, ev)
	require.NoError(t, report.Write(t.TempDir(), r))
	assert.Contains(t, leftOut(t, r), "cell_seconds, ")
}

// Sentences call an end at infinity open, as tables do.
func TestSentencesSayOpen(t *testing.T) {
	h := verdict.Hypothesis{ID: "HX", Decide: func(ev *evidence.Evidence) verdict.Conclusion {
		one, err := stats.NewBlocks([]float64{1.2}, stats.Linear)
		require.NoError(t, err)
		lo, hi := one.Interval(0.025)
		c := verdict.AlphaOf(ev).Above(verdict.Check{Name: "c", N: 1, Of: "requests"}, one, 1)
		c.Detail = fmt.Sprintf("it is 1.2 [%.2f, %+.3g]", lo, hi)
		return verdict.Conclusion{Checks: []verdict.Check{c}}
	}}
	r, _ := verdict.Judge(h, recorded(t))
	assert.Equal(t, "it is 1.2 [open, open]", r.Verdict.Checks[0].Detail)
	assert.Contains(t, r.Verdict.Reasons, "undecided: it is 1.2 [open, open]")
}
