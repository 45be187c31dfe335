package harness

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

var smallH8A = small("H8A", "iowait_margin_cpus", "p99_growth", "queued_share")

// sharing runs H2A and then H8A in one results folder, with a cell of each repetition in common, and returns both runs'
// folders, what the second one said, and its report. between is called between the two.
func sharing(t *testing.T, between func(first string)) (first, second, said string, rep *verdict.Judgement) {
	t.Helper()
	o := testOptions(t)
	o.Quiet = false
	out := session.out
	defer func() { session.out = out }()
	var b bytes.Buffer
	session.out = &b
	rep, path := execute(t, smallH2A, variant(t, o, smallH2A, "run: {baseline: 5s}\n"))
	require.NotNil(t, rep)
	first = filepath.Dir(path)
	between(first)
	b.Reset()
	rep, path = execute(t, smallH8A, variant(t, o, smallH8A, likeH2A))
	require.NotNil(t, rep)
	return first, filepath.Dir(path), b.String(), rep
}

// likeH2A makes the short H8A measure a cell of the short H2A, and another one.
const likeH2A = "load: {think_time: {mean: 5s}}\nsweep: {ctx: [512], conc: [4, 8]}\n" +
	"run: {baseline: 5s, cadence: null, warmup: {min: 10s, max: 600s, passes: 1}}\n"

// variant are the options with a configuration of the hypothesis that says something else.
func variant(t *testing.T, o *Options, h Hypothesis, instead string) *Options {
	t.Helper()
	below, err := filepath.Abs(filepath.Join(o.Configs, "hypotheses", h.Config))
	require.NoError(t, err)
	out := *o
	out.Config = filepath.Join(t.TempDir(), h.Config)
	require.NoError(t, os.WriteFile(out.Config, []byte("base: "+below+"\n"+instead), 0o644))
	return &out
}

// origins are the runs of the cells that a run took over, by key.
func origins(t *testing.T, dir string) map[string]string {
	t.Helper()
	run, err := record.ReadRun(dir)
	require.NoError(t, err)
	out := map[string]string{}
	for _, pc := range run.Plan.Cells {
		info, err := run.Cell(pc)
		require.NoError(t, err)
		require.NotNil(t, info, pc.Key)
		if from, taken := run.Origin(pc); taken {
			out[pc.Key] = from.RunID
			assert.Equal(t, from.RunID, info.RunID)
		}
	}
	return out
}

// A cell that an earlier hypothesis of the execution has measured is not measured again, and the run is as good as one that
// measured all: its lines are the same, it verifies, it is resumed, and it says where the cells are from.
func TestEqualCellsAreMeasuredOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("whole runs: left out with -short")
	}
	first, second, said, rep := sharing(t, func(string) {})
	id := filepath.Base(first)
	assert.Equal(t, map[string]string{"ctx=512/conc=4/rep=1": id, "ctx=512/conc=4/rep=2": id}, origins(t, second))
	assert.Contains(t, said, "are those of "+id+": taken over, not measured again")
	assert.Contains(t, said, "2 cells were taken over from runs before it")
	assert.Contains(t, said, "H8A  2/2 cells", "what was taken over is not waited for")
	f := finding(t, rep, "cells taken over")
	assert.Equal(t, 2.0, *f.Value)
	assert.Contains(t, f.Detail, "of 4; 2 of "+id)
	assert.Contains(t, finding(t, rep, "machine hours").Detail, "over 2 cells", "hours count once")
	assert.Empty(t, VerifyFolder([]Hypothesis{smallH8A}, second).Faults)

	out := session.out
	defer func() { session.out = out }()
	alone := testOptions(t)
	all, path := execute(t, smallH8A, variant(t, alone, smallH8A, likeH2A))
	require.NotNil(t, all)
	assert.Empty(t, origins(t, filepath.Dir(path)))
	assert.Equal(t, all.Rows, rep.Rows, "the same is concluded from cells that were taken over")
	for _, key := range []string{"ctx=512,conc=4,rep=1", "ctx=512,conc=8,rep=2"} {
		for _, name := range []string{record.FileSysmon, record.FilePerf} {
			want, err := os.ReadFile(record.Path(filepath.Dir(path), record.DirCells, key, name))
			require.NoError(t, err)
			got, err := os.ReadFile(record.Path(second, record.DirCells, key, name))
			require.NoError(t, err)
			assert.True(t, bytes.Equal(want, got), "%s/%s", key, name)
		}
	}

	// Resumed without the first run in sight it keeps what it has.
	o := testOptions(t)
	o.Results, o.Resume, o.Quiet = filepath.Dir(second), true, false
	forget(o.Results)
	session.out = io.Discard
	again, _ := execute(t, smallH8A, variant(t, o, smallH8A, likeH2A))
	require.NotNil(t, again)
	assert.Len(t, origins(t, second), 2)
	assert.Equal(t, rep.Rows, again.Rows)

	// One that is damaged there is measured, now that its origin is not at hand.
	appendTo(t, record.Path(second, record.DirCells, "ctx=512,conc=4,rep=1", record.FileSysmon))
	forget(o.Results)
	again, _ = execute(t, smallH8A, variant(t, o, smallH8A, likeH2A))
	require.NotNil(t, again)
	assert.Equal(t, map[string]string{"ctx=512/conc=4/rep=2": id}, origins(t, second))
	assert.Equal(t, rep.Rows, again.Rows)
	assert.Empty(t, VerifyFolder([]Hypothesis{smallH8A}, second).Faults)
}

// forget makes the session another one, which has run nothing in a results folder.
func forget(results string) {
	session.mu.Lock()
	defer session.mu.Unlock()
	session.runs[results] = nil
}

// appendTo adds an empty line to a file.
func appendTo(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("\n")
	require.NoError(t, errors.Join(err, f.Close()))
}

// What is not as it was measured is measured again.
func TestDamagedCellsAreNotTakenOver(t *testing.T) {
	if testing.Short() {
		t.Skip("whole runs: left out with -short")
	}
	_, second, said, _ := sharing(t, func(first string) {
		appendTo(t, record.Path(first, record.DirCells, "ctx=512,conc=4,rep=1", record.FileSysmon))
	})
	assert.Len(t, origins(t, second), 1)
	assert.Contains(t, said, "cell ctx=512/conc=4/rep=1 is measured here, because that of")
	_, second, said, _ = sharing(t, func(first string) {
		require.NoError(t, os.Truncate(record.Path(first, record.FilePlan), 10))
	})
	assert.Empty(t, origins(t, second))
	assert.Contains(t, said, "nothing is taken over from")

	// A run that was not brought to its end is none that is taken from.
	_, second, _, _ = sharing(t, func(first string) { forget(filepath.Dir(first)) })
	assert.Empty(t, origins(t, second))
}
