package harness

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/experiment"
	"sparkharness/harness/rates"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// stating is a hypothesis whose one check is in a state that the test chooses, by the look at which it is asked.
func stating(state func(evidence.Look) verdict.State) Hypothesis {
	h := smallH2A
	h.Decide = func(ev *evidence.Evidence) verdict.Conclusion {
		return verdict.Conclusion{Checks: []verdict.Check{{Name: "c", State: state(ev.Look()), Detail: "c"}}}
	}
	return h
}

// always states the same at each look.
func always(s verdict.State) Hypothesis {
	return stating(func(evidence.Look) verdict.State { return s })
}

// keptRun runs a hypothesis and reads what is kept of it.
func keptRun(t *testing.T, h Hypothesis, o *Options) (*verdict.Judgement, *evidence.Evidence) {
	t.Helper()
	rep, path := execute(t, h, o)
	require.NotNil(t, rep)
	ev, err := evidence.Load(filepath.Dir(path), nil)
	require.NoError(t, err)
	packed, err := ev.Reduce()
	require.NoError(t, err)
	kept, err := evidence.Expand("kept", packed)
	require.NoError(t, err)
	return rep, kept
}

// Kept evidence is judged at each look, as a run is: rules that decide earlier use less of it, and those that ask for more than
// was measured get no verdict from it.
func TestKeptEvidenceIsJudgedAtEachLook(t *testing.T) {
	o := testOptions(t)
	o.Reps = 4
	o.Config = changed(t, o, "run: {early_looks: [2]}\ngates: {min_samples: 10}")
	p := testPlan(t, smallH2A, o)

	whole, kept := keptRun(t, always(verdict.Undecided), o)
	assert.Equal(t, verdict.Inconclusive, whole.Verdict.Outcome)
	same, err := rates.Judge(always(verdict.Undecided), p.exp, kept, experiment.Extend)
	require.NoError(t, err)
	require.NotNil(t, same)
	assert.Equal(t, whole, same)
	early, err := rates.Judge(always(verdict.Holds), p.exp, kept, experiment.Extend)
	require.NoError(t, err)
	assert.Equal(t, []any{verdict.Supported, 2, 4}, []any{early.Verdict.Outcome, early.Look.Blocks, early.CellsMeasured})

	short, cut := keptRun(t, always(verdict.Holds), o)
	assert.Equal(t, 4, short.CellsMeasured)
	more, err := rates.Judge(always(verdict.Undecided), p.exp, cut, experiment.Extend)
	require.NoError(t, err)
	assert.Nil(t, more, "today's rules would have measured the blocks that are not there")
	again, err := rates.Judge(always(verdict.Contradicted), p.exp, cut, experiment.Extend)
	require.NoError(t, err)
	assert.Equal(t, verdict.Refuted, again.Verdict.Outcome)

	// Thresholds and gates are today's, too.
	strict := *p.exp
	strict.Hypothesis = new(config.Hypothesis)
	*strict.Hypothesis = *p.exp.Hypothesis
	strict.Hypothesis.Gates.MinSamples = 1_000_000
	few, err := rates.Judge(always(verdict.Holds), &strict, kept, experiment.Extend)
	require.NoError(t, err)
	assert.Equal(t, verdict.Inconclusive, few.Verdict.Outcome)
	o.Reps = 6
	longer := testPlan(t, smallH2A, o)
	none, err := rates.Judge(always(verdict.Undecided), longer.exp, kept, experiment.Extend)
	require.NoError(t, err)
	assert.Nil(t, none)
}

// A second stage that today's rules would not have planned was not measured.
func TestKeptEvidenceOfAnotherStage(t *testing.T) {
	o := testOptions(t)
	o.Config = changed(t, o, "run: {screening: true}\ngates: {min_samples: 10}")
	h := always(verdict.Holds)
	at := 512
	h.Refine = func(*evidence.Evidence) []record.Cell { return []record.Cell{record.NewCell("ctx", at, "conc", 4)} }
	h.Foresees = noStage
	p := testPlan(t, h, o)
	rep, kept := keptRun(t, h, o)
	got, err := rates.Judge(h, p.exp, kept, experiment.Extend)
	require.NoError(t, err)
	assert.Equal(t, rep, got)
	at = 256
	got, err = rates.Judge(h, p.exp, kept, experiment.Extend)
	require.NoError(t, err)
	assert.Nil(t, got)
}

// Where a treatment did not reach the server, the first block is all that a run has measured, and enough.
func TestKeptEvidenceOfAnUntreatedRun(t *testing.T) {
	o := testOptions(t)
	o.World = "ignored_tiers"
	p := testPlan(t, smallH6, o)
	rep, kept := keptRun(t, smallH6, o)
	got, err := rates.Judge(smallH6, p.exp, kept, experiment.Extend)
	require.NoError(t, err)
	require.NotNil(t, got)
	assert.Equal(t, rep.Verdict, got.Verdict)
}
