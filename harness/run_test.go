package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/experiment"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/runner"
	"sparkharness/harness/verdict"
)

// small is a hypothesis over the short configurations of fixtures/configs.
func small(id string, requires ...string) Hypothesis {
	return Hypothesis{ID: id, Claim: "a claim", Config: strings.ToLower(id) + ".yaml", Requires: requires,
		Decide: func(*evidence.Evidence) verdict.Conclusion { return verdict.Conclusion{} }}
}

var (
	smallH0  = small("H0", "rule_ratio", "rule_consecutive", "queue_wait_share", "growth_ratio")
	smallH2A = small("H2A", "idle_margin_share", "idle_margin_mbs", "idle_burst_mb", "r2_min")
	smallH1  = small("H1", "first_touch_ratio", "equivalence_margin", "cold_read_share", "warm_read_share")
	smallH5  = small("H5", "p99_ratio", "reads_margin_rps", "working_set_tolerance", "rate_tolerance")
	smallH6  = small("H6", "fetch_share", "tier2_hit_share", "policy_margin")
	smallH2B = small("H2B", "fetch_share", "tier2_hit_share", "idle_margin_share", "idle_margin_mbs", "idle_burst_mb")
)

func testOptions(t *testing.T) *Options {
	t.Helper()
	return &Options{Rig: defaultRig, World: "default", Root: "..", Configs: filepath.Join("..", "fixtures", "configs"),
		Results: t.TempDir(), Expect: "Supported", Quiet: true}
}

// testPlan is what a run of a hypothesis is made of.
func testPlan(t *testing.T, h Hypothesis, o *Options) planned {
	t.Helper()
	p, err := plan(t, h, o)
	require.NoError(t, err)
	t.Cleanup(p.close)
	return p
}

// walk measures what is planned, and returns the run's folder.
func walk(t *testing.T, p planned, o *Options, stop *atomic.Bool) string {
	t.Helper()
	r, err := runner.Open(runner.Options{Exp: p.exp, Plan: p.plan, Rig: p.rig, Root: o.Root, Dir: o.results(), Out: t.Output(), Stop: stop})
	require.NoError(t, err)
	require.NoError(t, r.Walk(func(string, runner.Asked) (runner.Answer, error) { return runner.Answer{}, nil }))
	require.False(t, r.Failed())
	require.NoError(t, r.Close())
	return r.Dir()
}

// measured is the evidence of the first cells of a plan.
func measured(t *testing.T, p planned, o *Options, cells int) *evidence.Evidence {
	t.Helper()
	p.plan.Cells = p.plan.Cells[:cells]
	ev, err := evidence.Load(walk(t, p, o, new(atomic.Bool)), nil)
	require.NoError(t, err)
	require.Len(t, ev.Cells, cells)
	return ev
}

// A load or a machine that cannot be is one clear line, before anything runs.
func TestPlanRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		h    Hypothesis
		over string // what the hypothesis's file says instead
		want string
	}{
		{"reuse that cannot be", smallH5, "sweep: {reuse: [0.99]}", "reuse 0.99 is not from"},
		{"nonce that an open loop cannot have", smallH0, "load: {nonce: per_user}", "rate=4/rep=0: load spec: nonce per_user in an open loop reuses nothing"},
		{"tier that does not fit", smallH6, "sweep: {tier1: [4GiB, 160GiB]}", "make a tier smaller"},
		{"threshold that nobody reads", smallH2A, "thresholds: {r3_min: 1}", "thresholds.r3_min: H2A decides nothing by it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := testOptions(t)
			below, err := filepath.Abs(filepath.Join(o.Configs, "hypotheses", tc.h.Config))
			require.NoError(t, err)
			o.Config = filepath.Join(t.TempDir(), "changed.yaml")
			require.NoError(t, os.WriteFile(o.Config, []byte("base: "+below+"\n"+tc.over+"\n"), 0o644))
			_, err = plan(t, tc.h, o)
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "\n")
			left, err := os.ReadDir(o.Results)
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
	h := smallH2A
	h.Validate = func(ev *evidence.Evidence) error {
		assert.Empty(t, ev.Cells)
		return fmt.Errorf("sweep.ctx: %d levels", len(ev.Exp.Hypothesis.Sweep.Ctx))
	}
	_, err := plan(t, h, testOptions(t))
	require.ErrorContains(t, err, "h2a.yaml: sweep.ctx: 2 levels", "what the rule cannot decide by")
}

// stopping is a rig on which the run is interrupted in its second cell.
type stopping struct {
	rig.Rig
	stop *atomic.Bool
}

func (r stopping) Run(cells []record.PlannedCell, w rig.Work) {
	r.Rig.Run(cells[:1], w)
	measure := w.Measure
	w.Measure = func(pc record.PlannedCell) error {
		timer := time.AfterFunc(40*time.Second, func() { r.stop.Store(true) })
		defer timer.Stop()
		return measure(pc)
	}
	r.Rig.Run(cells[1:], w)
}

// A report tells of what is there when a run was interrupted.
func TestInterruptedRunIsJudged(t *testing.T) {
	o := testOptions(t)
	p := testPlan(t, smallH2A, o)
	var stop atomic.Bool
	p.rig = stopping{p.rig, &stop}
	dir := walk(t, p, o, &stop)
	require.True(t, stop.Load())
	partial, err := filepath.Glob(filepath.Join(dir, record.DirCells, "*.partial"))
	require.NoError(t, err)
	assert.Len(t, partial, 1)
	rep, err := Replay(smallH2A, dir)
	require.NoError(t, err)
	assert.True(t, rep.Interrupted)
	assert.Equal(t, 1, rep.CellsMeasured)
	assert.Equal(t, verdict.Inconclusive, rep.Verdict.Outcome)
	assert.Contains(t, rep.Verdict.Reasons[0], "1 of 4 planned cells")
}

// Telemetry that fails never stops a cell; its absence is Invalid, and the cell is named.
func TestCellErrorIsLocated(t *testing.T) {
	o := testOptions(t)
	p := testPlan(t, smallH2A, o)
	p.exp.Stacks["A"].Telemetry.Device = "nosuch0"
	ev := measured(t, p, o, 1)
	g := gate.Alignment(ev, gate.Claim{})
	assert.False(t, g.Passed, "but its absence is Invalid")
	assert.Equal(t, verdict.Invalid, g.OnFailure)
	assert.Contains(t, g.Detail, "block of "+p.plan.Cells[0].Key)
}

// What the server says it runs with decides, not what the configuration says.
func TestTreatmentIsReadBack(t *testing.T) {
	o := testOptions(t)
	ev := measured(t, testPlan(t, smallH2A, o), o, 1)
	require.True(t, gate.Treatment(ev, gate.Claim{}).Passed)
	c := ev.Cells[0]
	half := *c.Info.Settings.KVPoolBytes / 2
	c.Info.Settings.KVPoolBytes = &half
	g := gate.Treatment(ev, gate.Claim{})
	assert.False(t, g.Passed)
	assert.Contains(t, g.Detail, "8.00 GiB, configured are 16.00 GiB")
	c.Info.Settings.KVPoolBytes = nil
	assert.False(t, gate.Treatment(ev, gate.Claim{}).Passed, "not read back is not confirmed")
	require.NotNil(t, c.Info.Settings.BlockTokens)
}

// Both APIs and both dialects, and a constant open loop, end to end.
func TestDialectsAndLoops(t *testing.T) {
	for _, stack := range []string{"A", "B"} {
		for _, api := range []string{"completions", "chat"} {
			t.Run(stack+"/"+api, func(t *testing.T) {
				o := testOptions(t)
				p := testPlan(t, smallH2B, o)
				p.exp.Stacks[stack].Endpoint.API = api
				p.exp.Hypothesis.Load.Nonce, p.exp.Hypothesis.Sweep.Arrivals = "per_request", "constant"
				p.plan.Cells = nil
				require.NoError(t, experiment.Extend(p.plan, p.exp, []record.Cell{record.NewCell("stack", stack, "ctx", 256, "rate", 0.5)}))
				c := measured(t, p, o, 1).Cells[0]
				require.InDelta(t, 30, len(c.Requests), 2, "60 s at one request every 2 s")
				for _, q := range c.Requests {
					assert.Equal(t, record.RCOK, q.RC)
					assert.Positive(t, q.TTFT)
					require.NotNil(t, q.Prompt)
					assert.Equal(t, 256, *q.Prompt)
					assert.Equal(t, 16, q.Output)
					assert.NotNil(t, q.WaitMS, "each stack tells how long a request waited, in its own way")
				}
			})
		}
	}
}
