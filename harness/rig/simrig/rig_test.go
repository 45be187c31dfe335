package simrig

import (
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/experiment"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/runner"
)

const root = "../../.."

// short is the short configuration of H1 in a world.
func short(t *testing.T, world string) *config.Experiment {
	t.Helper()
	e, err := experiment.Load(experiment.Demand{ID: "H1", Config: "h1.yaml",
		Requires: []string{"first_touch_ratio", "equivalence_margin", "cold_read_share", "warm_read_share"}},
		experiment.Choices{Root: root, Rig: "sim", World: world, Configs: filepath.Join(root, "fixtures", "configs")})
	require.NoError(t, err)
	return e
}

// What is fixed before the first cell: the same for the same machine, another identity for another one.
func TestFacts(t *testing.T) {
	facts := func(e *config.Experiment) record.Facts {
		r, err := New(t, e)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		return r.Facts()
	}
	f := facts(short(t, "default"))
	assert.Equal(t, []any{"sim", record.ClockVirtual, true}, []any{f.Rig, f.Clock, f.Simulated})
	assert.Contains(t, f.Origin, "not measured on hardware")
	assert.Equal(t, new(524288.0), f.MaxRequestBytes)
	assert.NotEmpty(t, f.Uncalibrated)
	assert.Regexp(t, "^[0-9a-f]{64}$", f.Machine)
	assert.Equal(t, f, facts(short(t, "default")))
	assert.NotEqual(t, f.Machine, facts(short(t, "lora_preloaded")).Machine)
	slower := short(t, "default")
	slower.Twin.Drive.Link.Value /= 2
	assert.NotEqual(t, f.Machine, facts(slower).Machine)
}

// A cell whose machine cannot be is refused before anything runs, and a machine has its time inside Run only.
func TestCheck(t *testing.T) {
	e := short(t, "default")
	r, err := New(t, e)
	require.NoError(t, err)
	plan, err := experiment.New(e, r.Facts(), "run", "digest")
	require.NoError(t, err)
	require.NoError(t, r.Check(e, plan))
	// A profile that a cell could not run is refused before the first one, too.
	e.Hypothesis.Sweep.Fio, e.Fio = []string{"heavy"}, map[string]string{"heavy": profile(t, "heavy")}
	require.NoError(t, r.Check(e, plan))
	e.Fio["heavy"] = strings.Replace(e.Fio["heavy"], "\ntime_based\n", "\n", 1)
	require.ErrorContains(t, r.Check(e, plan), `fio profile "heavy": fio job "heavy" would end after one pass over its file: set time_based`)
	e.Fio["heavy"] = "no section"
	require.ErrorContains(t, r.Check(e, plan), `fio profile "heavy": heavy.fio:1: `)
	e.Hypothesis.Sweep.Fio, e.Fio = nil, nil
	plan.Cells[0].Policy = "ARC" // which servers of other people have
	require.ErrorContains(t, r.Check(e, plan), "the simulated machine has no eviction policy ARC: take LRU, FIFO, LFU, SEGMENTED")
	plan.Cells[0].Policy = ""
	for _, st := range e.Stacks {
		st.Runtime.KVPoolBytes = 160 << 30
	}
	require.ErrorContains(t, r.Check(e, plan), "cell "+plan.Cells[0].Key+": the stack does not fit")
	for _, st := range e.Stacks {
		st.Runtime.KVPoolBytes = 8 << 30
		st.Endpoint.EngineMetrics = "http://10.0.0.1:8081/metrics"
	}
	require.ErrorContains(t, r.Check(e, plan), "cell "+plan.Cells[0].Key+": http://10.0.0.1:8081/metrics of the stack file: the host is not loopback")

	for _, st := range e.Stacks {
		e.Twin.Models[st.Model].Shape.ContextTokens = 16
	}
	require.ErrorContains(t, r.Check(e, plan), "tokens leave no room for an answer: the server takes 16 of both (context_tokens of model ")

	_, err = r.Open(t.Context(), e.Stacks["A"])
	require.ErrorContains(t, err, "inside Run only")
}

// A treatment that does not reach the machine is found by what the NVMe read: with the page cache left as it
// was, the cold arm reads no adapter.
func TestColdNeedsTheDroppedCache(t *testing.T) {
	for _, tc := range []struct {
		name      string
		without   string
		code      string
		treatment string
	}{{"as it should be", "", "", ""}, {"cache not dropped", rig.DropCaches, "cold_not_cold", "drop_caches"}} {
		t.Run(tc.name, func(t *testing.T) {
			e := short(t, "default")
			r, err := newRig(t, e)
			require.NoError(t, err)
			r.without = tc.without
			defer func() { assert.NoError(t, r.Close()) }()
			plan, err := experiment.New(e, r.Facts(), "h1-cold", "digest")
			require.NoError(t, err)
			plan.Cells = plan.Cells[:2]
			run, err := runner.Open(runner.Options{Exp: e, Plan: plan, Rig: r, Root: root, Dir: t.TempDir(), Out: io.Discard, Stop: new(atomic.Bool)})
			require.NoError(t, err)
			require.NoError(t, run.Walk(func(string, runner.Asked) (runner.Answer, error) { return runner.Answer{}, nil }))
			require.NoError(t, run.Close())

			ev, err := evidence.Load(run.Dir(), nil)
			require.NoError(t, err)
			require.Len(t, ev.Cells, 2)
			g := gate.AdapterReads(ev, 0.8, 0.1)
			assert.Equal(t, tc.code, g.Code, g.Detail)
			assert.Equal(t, tc.treatment, gate.Treatment(ev, gate.Claim{}).Code, "what the machine shows of it says so, too")
			for _, c := range ev.Cells {
				first := 0
				for i := range c.Requests {
					if c.Requests[i].FirstTouch {
						first++
					}
				}
				assert.Equal(t, 4, first, "each adapter is touched first once")
			}
		})
	}
}
