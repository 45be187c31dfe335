package hypotheses

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// gateFault is what a gate must notice, beside what comes close to it and passes.
type gateFault struct {
	name    string
	gate    string
	code    string
	outcome verdict.Outcome
	says    string           // part of the gate's detail
	near    func(*recording) // nil for a fault that nothing comes close to
	fault   func(*recording)
}

// check replays both sides, each on a copy of the recording.
func (f gateFault) check(t *testing.T, base *recording) {
	t.Helper()
	t.Run(f.name, func(t *testing.T) {
		if f.near != nil {
			r := base.again(t)
			f.near(r)
			g := r.gate(f.gate)
			assert.True(t, g.Passed, "comes close: %s", g.Detail)
			assert.Empty(t, g.Code)
		}
		r := base.again(t)
		f.fault(r)
		f.stops(t, r)
	})
}

// stops asserts that the gate fails by its code, and that the verdict is its outcome for that reason.
func (f gateFault) stops(t *testing.T, r *recording) {
	t.Helper()
	v := r.replay().Verdict
	i := slices.IndexFunc(v.Gates, func(g gate.Gate) bool { return g.Name == f.gate })
	require.NotEqual(t, -1, i, f.gate)
	g := v.Gates[i]
	assert.False(t, g.Passed, g.Detail)
	assert.Equal(t, f.code, g.Code, g.Detail)
	assert.Equal(t, f.outcome, g.OnFailure, g.Detail)
	assert.Contains(t, g.Detail, f.says)
	assert.Equal(t, f.outcome, v.Outcome, v.Reasons)
	assert.Contains(t, v.Reasons, "gate "+f.gate+" failed: "+g.Detail)
}

// again is a copy of the recording as it is now, for another test to edit.
func (r *recording) again(t *testing.T) *recording {
	t.Helper()
	c := &recording{t: t, h: r.h, dir: t.TempDir()}
	require.NoError(t, os.CopyFS(c.dir, os.DirFS(r.dir)))
	return c
}

// gatesDecide is a hypothesis without its rule, to which some gates of its own may be given: the verdict is then
// Supported unless a gate says otherwise.
func gatesDecide(h harness.Hypothesis, own ...func(*evidence.Evidence) gate.Gate) harness.Hypothesis {
	h.Deciding = []string{"always"}
	h.Decide = func(ev *evidence.Evidence) verdict.Conclusion {
		c := verdict.Conclusion{Checks: []verdict.Check{{Name: "always", State: verdict.Holds, Detail: "holds"}}}
		for _, gate := range own {
			c.Gates = append(c.Gates, gate(ev))
		}
		return c
	}
	return h
}

// planned are the cells of a recording in the order of its plan.
func planned(r *recording) []string {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, "plan.json"))
	require.NoError(r.t, err)
	var p struct {
		Cells []struct {
			Cell string `json:"cell"`
		} `json:"cells"`
	}
	require.NoError(r.t, json.Unmarshal(b, &p))
	require.NotEmpty(r.t, p.Cells)
	keys := make([]string, len(p.Cells))
	for i, c := range p.Cells {
		keys[i] = c.Cell
	}
	return keys
}

// cellFile is a file of a cell's folder, from the folder of the run on.
func cellFile(cell, name string) string {
	return filepath.Join("cells", strings.ReplaceAll(cell, "/", ","), name)
}

// cellInfo edits the cell.json of one cell.
func cellInfo(r *recording, cell string, edit func(info object)) {
	r.t.Helper()
	r.json(cellFile(cell, "cell.json"), edit)
}

// cellLines edits the lines of a phase of one cell, numbered from 0; a phase of "" is all of them. Something must
// have been there to edit.
func cellLines(r *recording, cell, name, phase string, edit func(i int, line object)) {
	r.t.Helper()
	n := 0
	r.linesOf(filepath.Join(r.dir, cellFile(cell, name)), func(_ record.Cell, line object) bool {
		if phase == "" || line["phase"] == phase {
			edit(n, line)
			n++
		}
		return true
	})
	require.NotZero(r.t, n, "%s: %s has no line of phase %q", cell, name, phase)
}

// cellRequests edits the requests of the measure phase of one cell.
func cellRequests(r *recording, cell string, edit func(i int, q object)) {
	r.t.Helper()
	cellLines(r, cell, "metrics.jsonl", record.PhaseMeasure, edit)
}

// cellSamples edits the samples of a phase of one cell.
func cellSamples(r *recording, cell, phase string, edit func(i int, s object)) {
	r.t.Helper()
	cellLines(r, cell, "sysmon.jsonl", phase, edit)
}

// setFirst gives a field of the first n requests of the measure phase of a cell a value.
func setFirst(r *recording, cell string, n int, field string, value any) {
	r.t.Helper()
	cellRequests(r, cell, func(i int, q object) {
		if i < n {
			q[field] = value
		}
	})
}
