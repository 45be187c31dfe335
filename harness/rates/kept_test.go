package rates

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// recordedRun is a run of H2A.
var recordedRun = filepath.Join("..", "..", "fixtures", "runs", "h2a")

// keeping is a program of which each run leaves the recorded one.
func keeping(t *testing.T) *played {
	t.Helper()
	p := &played{}
	p.door = func(d *Door) {
		d.Plan = func(r Run) (*config.Experiment, record.Facts, error) {
			exp, err := config.ReadExperiment(recordedRun)
			require.NoError(t, err)
			exp.Hypothesis.Gates.MinSamples = 10
			return exp, record.Facts{}, nil
		}
		d.Execute = func(r Run, results string) (*verdict.Judgement, string) {
			rep, _ := p.execute(r, results)
			return rep, recordedRun
		}
	}
	return p
}

// stating is a hypothesis whose one check is in a state.
func stating(s verdict.State) verdict.Hypothesis {
	h := h2a
	h.Decide = func(*evidence.Evidence) verdict.Conclusion {
		return verdict.Conclusion{Checks: []verdict.Check{{Name: "c", State: s, Detail: "c"}}}
	}
	return h
}

// By other rules a run is judged from what it left, without a run; on another machine it is run.
func TestErrorRatesJudgeAgain(t *testing.T) {
	dir := t.TempDir()
	p := keeping(t)
	count := func(h verdict.Hypothesis, judges, machine string) (outcomes []int) {
		t.Helper()
		p.name, p.machine, p.ran = judges, machine, nil
		rates, _, err := p.count(t, dir).Rates([]verdict.Hypothesis{h}, []uint64{3, 4})
		require.NoError(t, err)
		require.Zero(t, rates.Missing)
		outcomes = []int{0, 0}
		for _, row := range rates.Rates {
			outcomes[0] += row.Supported
			outcomes[1] += row.Refuted
		}
		return outcomes
	}
	assert.Equal(t, []int{2, 2}, count(stating(verdict.Holds), "rules", "machine"), "as the runs came out")
	assert.Len(t, p.ran, 4)
	assert.Equal(t, []int{2, 2}, count(stating(verdict.Contradicted), "rules", "machine"))
	assert.Empty(t, p.ran, "counted before")
	assert.Equal(t, []int{0, 4}, count(stating(verdict.Contradicted), "other rules", "machine"))
	assert.Empty(t, p.ran, "judged again")
	assert.Equal(t, []int{4, 0}, count(stating(verdict.Holds), "still other rules", "machine"))
	assert.Empty(t, p.ran, "judged again")
	assert.Equal(t, []int{2, 2}, count(stating(verdict.Holds), "rules of a program with another machine", "another machine"))
	assert.Len(t, p.ran, 4, "what another machine leaves is not known")
	assert.Equal(t, []int{4, 0}, count(stating(verdict.Holds), "still other rules", "machine"))
	assert.Empty(t, p.ran, "the lines of the first machine stay")
	files, err := filepath.Glob(filepath.Join(dir, "evidence", "H2A.*.json.gz"))
	require.NoError(t, err)
	assert.Len(t, files, 8, "of four runs on two machines")
}

// What was kept and cannot be read is said, with what to do, and the run is made again.
func TestErrorRatesBrokenEvidence(t *testing.T) {
	dir := t.TempDir()
	p := keeping(t)
	count := func() (faults []error) {
		p.ran = nil
		c := p.count(t, dir)
		c.Door.Fail = func(err error) { faults = append(faults, err) }
		rates, _, err := c.Rates([]verdict.Hypothesis{stating(verdict.Holds)}, []uint64{3})
		require.NoError(t, err)
		assert.Zero(t, rates.Missing)
		return faults
	}
	require.Empty(t, count())
	files, err := filepath.Glob(filepath.Join(dir, "evidence", "H2A.default.3.*.json.gz"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.NoError(t, os.WriteFile(files[0], []byte("no evidence"), 0o644))
	p.name = "other rules"
	faults := count()
	require.Len(t, faults, 1)
	require.ErrorContains(t, faults[0], files[0]+": not the reduced evidence of a run: ")
	require.ErrorContains(t, faults[0], "remove it: it is made again by a run")
	assert.Equal(t, []string{"H2A/default/3"}, p.ran)
	p.name = "still other rules"
	assert.Empty(t, count(), "and it is whole again")
}

// With windows permuted, a run of the default world is judged from what it left, once for all its checks; what it left not yet,
// it leaves now. A check that holds all the same has missed its target.
func TestErrorRatesPermuted(t *testing.T) {
	dir := t.TempDir()
	p := keeping(t)
	p.permuted = []string{"c", "d"}
	h := stating(verdict.Holds)
	count := func() report.ErrorRates {
		t.Helper()
		p.ran = nil
		c := p.count(t, dir)
		c.Near = true
		rates, runs, err := c.Rates([]verdict.Hypothesis{h}, []uint64{3, 4})
		require.NoError(t, err)
		require.Equal(t, 4, runs)
		require.Zero(t, rates.Missing)
		require.NoError(t, c.Publish([]verdict.Hypothesis{h}))
		return rates
	}
	for _, ran := range []int{2, 0} {
		rates := count()
		assert.Len(t, p.ran, ran)
		assert.Contains(t, rates.Markdown(), "| permuted |")
		require.Len(t, rates.Rates, 2)
		for i, check := range []string{"c", "d"} {
			row := rates.Rates[i]
			assert.Equal(t, []any{"default.permuted", check, true, 2, 2}, []any{row.World, row.Near.Check, row.Near.Permuted, row.N(), row.Supported})
		}
		assert.Equal(t, []string{"H2A in world default.permuted: c holds in 2 of 2 runs (at most 5 %)"}, rates.Missed())
	}
	lines := linesIn(t, publishedPath(publishedDir(filepath.Join(dir, "repository")), "H2A"))
	assert.Len(t, lines, 2)
	c := p.count(t, dir)
	left, err := os.ReadDir(filepath.Join(c.Dir, "evidence"))
	require.NoError(t, err)
	assert.Len(t, left, 2)
}

// Where a run would need more blocks than it left, it is run; permuted it is judged by the last look that it came to.
func TestJudgeAsFar(t *testing.T) {
	ev, err := evidence.Load(recordedRun, nil)
	require.NoError(t, err)
	exp, err := config.ReadExperiment(recordedRun)
	require.NoError(t, err)
	exp.Hypothesis.Gates.MinSamples = 10
	blocks := exp.Hypothesis.Run.Reps
	exp.Hypothesis.Run.EarlyLooks, exp.Hypothesis.Run.Reps = []int{blocks}, blocks+2
	h := stating(verdict.Undecided)
	rep, err := Judge(h, exp, ev, nil)
	require.NoError(t, err)
	assert.Nil(t, rep)
	rep, err = judge(h, exp, ev, nil, true)
	require.NoError(t, err)
	require.NotNil(t, rep)
	assert.Equal(t, []any{verdict.Inconclusive, blocks}, []any{rep.Verdict.Outcome, rep.Look.Blocks})
}
