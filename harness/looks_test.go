package harness

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/runner"
	"sparkharness/harness/verdict"
)

// Where a treatment does not reach the server the run ends after the first block, and says so; where it
// does, every block is measured.
func TestUntreatedRunEndsAfterTheFirstBlock(t *testing.T) {
	for _, tt := range []struct {
		world    string
		measured int
	}{{"default", 12}, {"ignored_tiers", 6}} {
		t.Run(tt.world, func(t *testing.T) {
			o := testOptions(t)
			o.World = tt.world
			concluded, path := execute(t, smallH6, o)
			rep, err := Replay(smallH6, filepath.Dir(path))
			require.NoError(t, err)
			assert.Equal(t, concluded, rep, "from the files alone")
			assert.Equal(t, 12, rep.CellsPlanned)
			assert.Equal(t, tt.measured, rep.CellsMeasured)
			assert.False(t, rep.Interrupted, "it was not")
			if tt.measured == 12 {
				assert.NotEqual(t, verdict.Invalid, rep.Verdict.Outcome)
				assert.Equal(t, []string{filepath.Dir(path)}, session.earlierIn(o.Results))
				for _, f := range rep.Findings {
					assert.NotEqual(t, "ended early", f.Name)
				}
				return
			}
			assert.Equal(t, verdict.Invalid, rep.Verdict.Outcome)
			assert.Contains(t, rep.Verdict.Reasons[0], "treatment")
			require.NotEmpty(t, rep.Findings)
			assert.Equal(t, "ended early", rep.Findings[0].Name)
			assert.Contains(t, rep.Findings[0].Detail, "after 6 of 12 cells: after the first block: ")
			assert.Contains(t, rep.Findings[0].Detail, "the others would be Invalid as well")
			assert.Empty(t, session.earlierIn(o.Results), "nothing is taken over from it")
		})
	}
}

// A hypothesis that refines its sweep sees the whole first stage, once, and its cells are measured.
func TestSecondStage(t *testing.T) {
	o := testOptions(t)
	o.Config = changed(t, o, "sweep: {fine_step: 1}")
	h := smallH2A
	seen := 0
	h.Refine = func(ev *evidence.Evidence) []record.Cell {
		seen++
		assert.Len(t, ev.Cells, 4)
		return []record.Cell{record.NewCell("ctx", 1024, "conc", 4)}
	}
	h.Foresees = noStage
	rep, path := execute(t, h, o)
	require.NotNil(t, rep)
	assert.Equal(t, 1, seen)
	assert.Equal(t, []int{6, 6}, []int{rep.CellsPlanned, rep.CellsMeasured}, "two repetitions of it")
	p, err := record.ReadPlan(filepath.Dir(path))
	require.NoError(t, err)
	assert.True(t, p.Refined)
	for _, pc := range p.Cells {
		assert.NotNil(t, pc.Price, "%s: what it costs", pc.Key)
		assert.Len(t, pc.Digest, 64, pc.Key)
	}
	replayed, err := Replay(h, filepath.Dir(path))
	require.NoError(t, err)
	assert.Equal(t, rep, replayed)
}

// changed is a file with other values laid over H2A's short configuration.
func changed(t *testing.T, o *Options, text string) string {
	t.Helper()
	below, err := filepath.Abs(filepath.Join(o.Configs, "hypotheses", "h2a.yaml"))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "changed.yaml")
	require.NoError(t, os.WriteFile(path, []byte("base: "+below+"\n"+text+"\n"), 0o644))
	return path
}

// A block that screens only finds where to look: the verdict is of blocks that are measured after it.
func TestScreeningBlockDecidesNothing(t *testing.T) {
	o := testOptions(t)
	o.Config = changed(t, o, "run: {screening: true}\ngates: {min_samples: 10}")
	h := smallH2A
	screened, judged := 0, []int{}
	h.Refine = func(ev *evidence.Evidence) []record.Cell {
		for _, c := range ev.Cells {
			assert.Zero(t, c.Rep)
			screened++
		}
		return []record.Cell{record.NewCell("ctx", 512, "conc", 4)}
	}
	h.Foresees = noStage
	h.Decide = func(ev *evidence.Evidence) verdict.Conclusion {
		for _, c := range ev.Cells {
			judged = append(judged, c.Rep)
			assert.Equal(t, 512, c.ContextTokens)
		}
		return verdict.Conclusion{Checks: []verdict.Check{{Name: "c", State: verdict.Holds, Detail: "c"}}}
	}
	rep, path := execute(t, h, o)
	require.NotNil(t, rep)
	assert.Equal(t, 2, screened, "each level once")
	assert.Equal(t, []int{1, 2}, judged)
	assert.Equal(t, []any{verdict.Supported, 4, 4}, []any{rep.Verdict.Outcome, rep.CellsPlanned, rep.CellsMeasured}, rep.Verdict.Reasons)
	judged = nil
	replayed, err := Replay(h, filepath.Dir(path))
	require.NoError(t, err)
	assert.Equal(t, rep, replayed)
}

// A server that tells no waits leaves the first stage without a place for the second: the run ends, and says why.
func TestNoSecondStageWithoutWaits(t *testing.T) {
	const dir = "../fixtures/runs/h2a"
	ev, err := evidence.Load(dir, nil)
	require.NoError(t, err)
	h := smallH2A
	h.Refine = func(*evidence.Evidence) []record.Cell { return []record.Cell{record.NewCell("ctx", 512)} }
	l := &looks{h: h, refines: true, seen: ev}
	last := runner.Asked{Stage: 1, Block: 2, Last: true}
	untold := func() {
		for _, c := range l.seen.Cells {
			for i := range c.Requests {
				c.Requests[i].WaitMS = nil
			}
		}
	}
	untold()
	answer, err := l.ask(dir, last)
	require.NoError(t, err)
	assert.True(t, answer.Stage, "a hypothesis that does not ask for them")

	l.h.Waits = true
	untold()
	answer, err = l.ask(dir, last)
	require.NoError(t, err)
	assert.False(t, answer.Stage)
	assert.Contains(t, answer.Stop, "after the first stage: the server told how long it kept requests waiting for 0 % of the answers of ctx=")
	assert.Contains(t, answer.Stop, "set return_perf_metrics")

	l.seen = nil
	answer, err = l.ask(dir, last)
	require.NoError(t, err)
	assert.True(t, answer.Stage, "they were told: %s", answer.Stop)
}

// A run is judged at the looks that its configuration declares, and ends at the first that decides it; what is open goes on,
// up to the last.
func TestRunEndsWhereItIsDecided(t *testing.T) {
	for _, tt := range []struct {
		name     string
		check    func(look evidence.Look) verdict.State
		outcome  verdict.Outcome
		measured int
		ended    string
	}{
		{"at the first look", func(evidence.Look) verdict.State { return verdict.Holds }, verdict.Supported, 4, "Supported at look 1 of 2"},
		{"refuted at the first look", func(evidence.Look) verdict.State { return verdict.Contradicted }, verdict.Refuted, 4, "Refuted at look 1 of 2"},
		{"at the last", func(l evidence.Look) verdict.State {
			if l.Last() {
				return verdict.Holds
			}
			return verdict.Undecided
		}, verdict.Supported, 8, ""},
		{"nowhere", func(evidence.Look) verdict.State { return verdict.Undecided }, verdict.Inconclusive, 8, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := testOptions(t)
			o.Reps = 4
			o.Config = changed(t, o, "run: {early_looks: [2]}\ngates: {min_samples: 10}")
			h := smallH2A
			h.Decide = func(ev *evidence.Evidence) verdict.Conclusion {
				return verdict.Conclusion{Checks: []verdict.Check{{Name: "c", State: tt.check(ev.Look()), Detail: "c"}}}
			}
			rep, path := execute(t, h, o)
			require.NotNil(t, rep)
			assert.Equal(t, []any{tt.outcome, tt.measured, 8}, []any{rep.Verdict.Outcome, rep.CellsMeasured, rep.CellsPlanned}, rep.Verdict.Reasons)
			assert.True(t, rep.Look.Reached)
			assert.Equal(t, tt.measured/2, rep.Look.Blocks)
			assert.False(t, rep.Interrupted)
			p, err := record.ReadPlan(filepath.Dir(path))
			require.NoError(t, err)
			assert.Equal(t, tt.ended, p.Ended)
			replayed, err := Replay(h, filepath.Dir(path))
			require.NoError(t, err)
			assert.Equal(t, rep, replayed)
		})
	}
}
