package experiment_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/experiment"
	"sparkharness/harness/fio"
)

func TestExperimentRoundTrip(t *testing.T) {
	e, _ := testPlan(t, smallH2B, choices())
	dir := t.TempDir()
	require.NoError(t, e.Save(dir))
	back, err := config.ReadExperiment(dir)
	require.NoError(t, err)
	d1, err := experiment.Digest(e, root, facts)
	require.NoError(t, err)
	d2, err := experiment.Digest(back, root, facts)
	require.NoError(t, err)
	assert.Equal(t, d1, d2)
}

// Another machine is another run: what was measured on one is not continued on the other.
func TestMachineIsPartOfTheDigest(t *testing.T) {
	e, p := testPlan(t, smallH2B, choices())
	other := facts
	other.Machine = "another machine"
	digest, err := experiment.Digest(e, root, other)
	require.NoError(t, err)
	assert.NotEqual(t, p.Digest, digest)
	assert.NotEqual(t, p.RunID, experiment.RunID(e, digest))
	assert.Equal(t, facts, p.Facts, "the plan says on which machine it is measured")
}

// withFio are the options of a configuration that sweeps fio, with the job files as they are given.
func withFio(t *testing.T, jobs map[string]string) *experiment.Choices {
	t.Helper()
	o := choices()
	files := map[string]string{"hypotheses/h2a.yaml": "sweep: {fio: [none, heavy]}\n"}
	for name, text := range jobs {
		files["fio/"+name+".fio"] = text
	}
	overlay(t, o, files)
	return o
}

// What fio does to the drive is part of the configuration: another job file is another run, under another
// name; a job file that no level names is not.
func TestFioIsPartOfTheDigest(t *testing.T) {
	const heavy = "[global]\ndirect=1\nioengine=libaio\nthread\ntime_based\nruntime=4h\nfilename=f.dat\nsize=8g\n[heavy]\nrw=randread\nbs=16k\niodepth=32\nnumjobs=4\n"
	jobs := func(change func(map[string]string)) map[string]string {
		out := map[string]string{"none": "; no job\n", "heavy": heavy, "moderate": strings.Replace(heavy, "[heavy]", "[moderate]", 1)}
		if change != nil {
			change(out)
		}
		return out
	}
	e, base := testPlan(t, smallH2A, withFio(t, jobs(nil)))
	assert.Equal(t, map[string]string{"none": "; no job\n", "heavy": heavy}, e.Fio, "the levels' files, and no others")
	for _, tc := range []struct {
		name   string
		change func(map[string]string)
		same   bool
	}{
		{"the same again", nil, true},
		{"a file that no level names", func(m map[string]string) { m["moderate"] += "; more\n" }, true},
		{"a job more in flight", func(m map[string]string) { m["heavy"] = strings.Replace(heavy, "numjobs=4", "numjobs=5", 1) }, false},
		{"a comment", func(m map[string]string) { m["heavy"] += "; a word\n" }, false},
		{"the profile without load", func(m map[string]string) { m["none"] += "; a word\n" }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, p := testPlan(t, smallH2A, withFio(t, jobs(tc.change)))
			assert.Equal(t, tc.same, p.Digest == base.Digest)
			assert.Equal(t, tc.same, p.RunID == base.RunID)
			assert.Equal(t, base.Cells, p.Cells, "the load's and the machine's randomness stay")
		})
	}

	// It is saved with the run.
	dir := t.TempDir()
	require.NoError(t, e.Save(dir))
	back, err := config.ReadExperiment(dir)
	require.NoError(t, err)
	digest, err := experiment.Digest(back, root, facts)
	require.NoError(t, err)
	assert.Equal(t, base.Digest, digest)
	inFlight := 0
	for _, pc := range base.Cells {
		list, err := fio.Parse(pc.Fio, []byte(back.Fio[pc.Fio]))
		require.NoError(t, err)
		assert.Equal(t, pc.Fio == "heavy", len(list) > 0, pc.Key)
		inFlight += len(list)
	}
	assert.Positive(t, inFlight)

	_, err = experiment.Load(smallH2A, *withFio(t, jobs(func(m map[string]string) { m["heavy"] = "rw=randread\n" })))
	require.ErrorContains(t, err, "heavy.fio:1", "a job file that cannot be read is refused before anything runs")
	e, _ = testPlan(t, smallH2A, choices())
	assert.Nil(t, e.Fio)
}
