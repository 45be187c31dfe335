package hypotheses

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// recording is a copy of a recorded run that a test may edit: what a replay then says must follow from what
// was edited and from nothing else.
type recording struct {
	t   *testing.T
	h   harness.Hypothesis
	dir string
}

// recorded copies the recorded run of a hypothesis.
func recorded(t *testing.T, h harness.Hypothesis) *recording {
	t.Helper()
	original := filepath.Join(harness.Root(), "fixtures", "runs", strings.ToLower(h.ID))
	plan, err := record.ReadPlan(original)
	require.NoError(t, err)
	r := &recording{t: t, h: h, dir: filepath.Join(t.TempDir(), plan.RunID)}
	require.NoError(t, os.CopyFS(r.dir, os.DirFS(original)))
	if slices.Contains([]string{h4a.ID, h4b.ID, h8b.ID}, h.ID) {
		probed(r)
	}
	return r
}

// object is a decoded JSON or YAML mapping.
type object = map[string]any

// lines edits each line of a file of every cell, such as metrics.jsonl. An edit that returns false drops the line.
func (r *recording) lines(file string, edit func(cell record.Cell, line object) bool) *recording {
	r.t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.dir, "cells", "*", file))
	require.NoError(r.t, err)
	require.NotEmpty(r.t, paths, file)
	for _, path := range paths {
		r.linesOf(path, edit)
	}
	return r
}

// linesOf edits each line of one file of a cell.
func (r *recording) linesOf(path string, edit func(cell record.Cell, line object) bool) {
	r.t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(r.t, err)
	cell := cellOf(r.t, path)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for line := range bytes.Lines(b) {
		var v object
		require.NoError(r.t, json.Unmarshal(line, &v))
		if edit(cell, v) {
			require.NoError(r.t, enc.Encode(v))
		}
	}
	require.NoError(r.t, os.WriteFile(path, out.Bytes(), 0o644))
}

// requests edits the requests of the measure phase.
func (r *recording) requests(edit func(cell record.Cell, q object)) *recording {
	r.t.Helper()
	return r.lines("metrics.jsonl", func(cell record.Cell, q object) bool {
		if q["phase"] == record.PhaseMeasure {
			edit(cell, q)
		}
		return true
	})
}

// samples edits the samples of the machine, those of all phases.
func (r *recording) samples(edit func(cell record.Cell, s object)) *recording {
	r.t.Helper()
	return r.lines("sysmon.jsonl", func(cell record.Cell, s object) bool { edit(cell, s); return true })
}

// json edits a file of the run folder, such as plan.json, or of every cell (cells/*/cell.json).
func (r *recording) json(pattern string, edit func(v object)) *recording {
	r.t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.dir, pattern))
	require.NoError(r.t, err)
	require.NotEmpty(r.t, paths, pattern)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		require.NoError(r.t, err)
		var v object
		require.NoError(r.t, json.Unmarshal(b, &v))
		edit(v)
		b, err = json.Marshal(v)
		require.NoError(r.t, err)
		require.NoError(r.t, os.WriteFile(path, b, 0o644))
	}
	return r
}

// config edits the hypothesis's part of the saved configuration.
func (r *recording) config(edit func(hypothesis object)) *recording {
	r.t.Helper()
	return r.saved(func(config object) { edit(config["hypothesis"].(object)) })
}

// saved edits the saved configuration.
func (r *recording) saved(edit func(config object)) *recording {
	r.t.Helper()
	path := filepath.Join(r.dir, "config.yaml")
	b, err := os.ReadFile(path)
	require.NoError(r.t, err)
	var v object
	require.NoError(r.t, yaml.Unmarshal(b, &v))
	edit(v)
	b, err = yaml.Marshal(v)
	require.NoError(r.t, err)
	require.NoError(r.t, os.WriteFile(path, b, 0o644))
	return r
}

// threshold sets a number of the decision rule.
func (r *recording) threshold(name string, v float64) *recording {
	r.t.Helper()
	return r.config(func(h object) {
		require.Contains(r.t, h["thresholds"], name)
		h["thresholds"].(object)[name] = v
	})
}

// gates sets a number of the common gates.
func (r *recording) gates(name string, v any) *recording {
	r.t.Helper()
	return r.config(func(h object) {
		require.Contains(r.t, h["gates"], name)
		h["gates"].(object)[name] = v
	})
}

// seal makes what was edited the run's own, as if it had been measured so: new sums, and a new log.
func (r *recording) seal() {
	r.t.Helper()
	require.NoError(r.t, os.Remove(filepath.Join(r.dir, record.FileAttempts)))
	log, err := record.OpenLog(r.dir)
	require.NoError(r.t, err)
	config, err := record.SumFile(filepath.Join(r.dir, record.FileConfig))
	require.NoError(r.t, err)
	r.json(record.FilePlan, func(p object) { p["config_sha256"] = config.SHA256 })
	plan, err := record.SumFile(filepath.Join(r.dir, record.FilePlan))
	require.NoError(r.t, err)
	require.NoError(r.t, log.Append(record.Attempt{Event: record.EventPlan, SHA256: plan.SHA256}))
	cells, err := filepath.Glob(filepath.Join(r.dir, record.DirCells, "*", record.FileCell))
	require.NoError(r.t, err)
	for _, path := range cells {
		r.sealCell(filepath.Dir(path))
		require.NoError(r.t, log.Complete(cellOf(r.t, path).String(), filepath.Dir(path)))
	}
	end := record.Attempt{Event: record.EventEnd, Why: record.EndPlanned}
	if sum, err := record.SumFile(filepath.Join(r.dir, record.FileManifest)); err == nil {
		end.SHA256 = sum.SHA256
	}
	require.NoError(r.t, log.Append(end))
	require.NoError(r.t, log.Close())
}

// sealCell puts the sums of a cell's files into its cell.json.
func (r *recording) sealCell(folder string) {
	r.t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(r.t, err)
	files := []record.FileSum{}
	for _, e := range entries {
		if e.Name() != record.FileCell {
			sum, err := record.SumFile(filepath.Join(folder, e.Name()))
			require.NoError(r.t, err)
			files = append(files, sum)
		}
	}
	path, err := filepath.Rel(r.dir, filepath.Join(folder, record.FileCell))
	require.NoError(r.t, err)
	r.json(path, func(c object) { c["files"] = files })
}

// replay derives the report.
func (r *recording) replay() *verdict.Judgement {
	r.t.Helper()
	r.seal()
	rep, err := harness.Replay(r.h, r.dir)
	require.NoError(r.t, err)
	return rep
}

// check is a check of the replay.
func (r *recording) check(name string) verdict.Check {
	r.t.Helper()
	for _, c := range r.replay().Verdict.Checks {
		if c.Name == name {
			return c
		}
	}
	require.Fail(r.t, "no check "+name)
	return verdict.Check{}
}

// gate is a gate of the replay.
func (r *recording) gate(name string) gate.Gate {
	r.t.Helper()
	for _, g := range r.replay().Verdict.Gates {
		if g.Name == name {
			return g
		}
	}
	require.Fail(r.t, "no gate "+name)
	return gate.Gate{}
}

// configured is the configuration of a recorded run, and no cell: made-up evidence is filled into it. It panics if the
// run cannot be read, because nothing here can be tested then.
func configured(h harness.Hypothesis) *evidence.Evidence {
	ev, err := evidence.LoadSettings(filepath.Join(harness.Root(), "fixtures", "runs", strings.ToLower(h.ID)))
	if err != nil {
		panic(err)
	}
	ev.Cells = nil
	return ev
}

// cellOf is the cell in whose folder a file lies.
func cellOf(t *testing.T, path string) record.Cell {
	t.Helper()
	cell, err := record.ParseCell(strings.ReplaceAll(filepath.Base(filepath.Dir(path)), ",", "/"))
	require.NoError(t, err)
	return cell
}

// A copy that nobody edited says what the original says: what edits change is theirs. The original is replayed, too, so that
// this asks nothing of a report that -update rewrites.
func TestRecordingIsFaithful(t *testing.T) {
	same := func(record.Cell, object) bool { return true }
	r := recorded(t, h7).lines("metrics.jsonl", same).lines("sysmon.jsonl", same).lines("dynkv.jsonl", same).
		json("cells/*/cell.json", func(object) {}).json("plan.json", func(object) {}).config(func(object) {})
	original, err := harness.Replay(h7, filepath.Join(harness.Root(), "fixtures", "runs", "h7"))
	require.NoError(t, err)
	want, got := t.TempDir(), t.TempDir()
	require.NoError(t, report.Write(want, original))
	require.NoError(t, report.Write(got, r.replay()))
	assertSame(t, decode(t, want), decode(t, got), "report")
}
