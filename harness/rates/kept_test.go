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
