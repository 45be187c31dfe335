package experiment_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
)

// digests are those of a plan's cells by key.
func digests(t *testing.T, h experiment.Demand, change func(*experiment.Choices, map[string]string), adjust func(*config.Experiment, *record.Plan)) map[string]string {
	t.Helper()
	o := choices()
	files := map[string]string{}
	if change != nil {
		change(o, files)
	}
	overlay(t, o, files)
	e, p := testPlan(t, h, o)
	if adjust != nil {
		adjust(e, p)
	}
	require.NoError(t, experiment.IdentifyCells(p, e, root))
	out := map[string]string{}
	for _, c := range p.Cells {
		require.Len(t, c.Digest, 64)
		out[c.Key] = c.Digest
	}
	require.Len(t, out, len(p.Cells))
	return out
}

// A cell's digest is what is measured in it, and nothing of who asks for it.
func TestCellDigest(t *testing.T) {
	is := func(file, text string) func(*experiment.Choices, map[string]string) {
		return func(_ *experiment.Choices, files map[string]string) { files[file] = text }
	}
	base := digests(t, smallH2A, nil, nil)
	for _, tc := range []struct {
		name   string
		change func(*experiment.Choices, map[string]string)
		adjust func(*config.Experiment, *record.Plan)
		same   bool
	}{
		{"the same again", nil, nil, true},
		{"other thresholds", is("hypotheses/h2a.yaml", "thresholds: {r2_min: 0.7}\n"), nil, true},
		{"other gates", is("hypotheses/h2a.yaml", "gates: {max_error_rate: 0.5}\n"), nil, true},
		{"other levels beside it", is("hypotheses/h2a.yaml", "sweep: {ctx: [256, 512, 1024], conc: [4, 8]}\n"), nil, true},
		{"another repetition beside it", is("hypotheses/h2a.yaml", "run: {reps: 3}\n"), nil, true},
		{"looked at earlier", is("hypotheses/h2a.yaml", "run: {reps: 3, early_looks: [2]}\n"), nil, true},
		{"another hypothesis", nil, func(e *config.Experiment, p *record.Plan) { p.Hypothesis, e.Hypothesis.Hypothesis = "H8A", "H8A" }, true},
		{"another run", nil, func(_ *config.Experiment, p *record.Plan) { p.RunID, p.Digest = "other", "other" }, true},
		{"other rules", nil, func(_ *config.Experiment, p *record.Plan) { p.Program.Judges = "other" }, true},
		{"what it costs", nil, func(_ *config.Experiment, p *record.Plan) {
			for i := range p.Cells {
				p.Cells[i].Price = &record.Price{Seconds: 1}
			}
		}, true},

		{"another program", nil, func(_ *config.Experiment, p *record.Plan) { p.Program.Measures = "other" }, false},
		{"another machine", nil, func(_ *config.Experiment, p *record.Plan) { p.Facts.Machine = "other" }, false},
		{"another drive", nil, func(e *config.Experiment, _ *record.Plan) { e.Twin.Drive.Planes.Value++ }, false},
		{"another engine", nil, func(e *config.Experiment, _ *record.Plan) { e.Twin.Engines["tensorrt-llm"].Costs.KVRead.Value++ }, false},
		{"another world", func(o *experiment.Choices, _ map[string]string) { o.World = "weights_paged" }, nil, false},
		{"another seed", func(o *experiment.Choices, _ map[string]string) { o.Seed = 2 }, nil, false},
		{"another model", is("hypotheses/h2a.yaml", "model: L8B\n"), nil, false},
		{"another stack", is("stackA_llama70b_baseline.yaml", "runtime: {max_batch_size: 32}\n"), nil, false},
		{"another cadence", is("hypotheses/h2a.yaml", "run: {cadence: 500ms}\n"), nil, false},
		{"another duration", is("hypotheses/h2a.yaml", "run: {duration: 61s}\n"), nil, false},
		{"another warm-up", is("hypotheses/h2a.yaml", "run: {warmup: {passes: 2}}\n"), nil, false},
		{"another baseline", is("hypotheses/h2a.yaml", "run: {baseline: 11s}\n"), nil, false},
		{"other requests", is("hypotheses/h2a.yaml", "run: {min_requests: 11}\n"), nil, false},
		{"another think time", is("hypotheses/h2a.yaml", "load: {think_time: {mean: 6s}}\n"), nil, false},
		{"other answers", is("hypotheses/h2a.yaml", "load: {output_tokens: {value: 17}}\n"), nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := digests(t, smallH2A, tc.change, tc.adjust)
			for key, digest := range base {
				require.NotEmpty(t, got[key])
				assert.Equal(t, tc.same, digest == got[key], key)
			}
		})
	}
	seen := map[string]string{}
	for key, digest := range base {
		assert.Empty(t, seen[digest], "%s and %s", key, seen[digest])
		seen[digest] = key
	}
}

// Of the job files only the one that a cell runs decides what is measured in it.
func TestFioInCellDigest(t *testing.T) {
	const heavy = "[heavy]\nrw=randread\nbs=16k\nioengine=psync\ndirect=1\nthread\ntime_based\nruntime=4h\nfilename=f.dat\nsize=8g\n"
	with := func(job string) map[string]string {
		return digests(t, smallH2A, func(_ *experiment.Choices, files map[string]string) {
			files["hypotheses/h2a.yaml"] = "sweep: {fio: [none, heavy]}\n"
			files["fio/heavy.fio"], files["fio/none.fio"] = job, "; none\n"
		}, nil)
	}
	a, b := with(heavy), with(heavy+"; a word\n")
	for key, digest := range a {
		cell, err := record.ParseCell(key)
		require.NoError(t, err)
		assert.Equal(t, cell.Level("fio") == "none", digest == b[key], key)
	}
}
