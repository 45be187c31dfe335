package runner

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/rig"
)

// The arrivals of the configuration are those of the load, at the cell's rate.
func TestPacer(t *testing.T) {
	from := 2.0
	for _, c := range []struct {
		sweep config.Sweep
		want  load.Pacer
	}{
		{config.Sweep{Arrivals: "poisson"}, load.Poisson{RPS: 12.5}},
		{config.Sweep{Arrivals: "constant"}, load.Constant{RPS: 12.5}},
		{config.Sweep{Arrivals: "gamma", GapCV: 3}, load.Gamma{RPS: 12.5, CV: 3}},
		{config.Sweep{Arrivals: "ramp", Ramp: &config.Ramp{FromRPS: &from, Over: config.Duration(time.Minute)}},
			load.Ramp{From: 2, To: 12.5, Over: time.Minute}},
	} {
		assert.Equal(t, c.want, pacer(&c.sweep, 12.5), c.sweep.Arrivals)
	}
}

// A hypothesis with bursts plans the same cells as one without: bursts are how a level arrives, and no level.
func TestBurstsAreConfigured(t *testing.T) {
	even := short(t, "H0")
	below, err := filepath.Abs(filepath.Join(root, "fixtures", "configs"))
	require.NoError(t, err)
	over := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(over, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	put("configs.yaml", "base: "+below+"\n")
	put("hypotheses/h0.yaml", "base: "+filepath.Join(below, "hypotheses", "h0.yaml")+"\nsweep: {arrivals: gamma, gap_cv: 2}\n")
	bursts := configured(t, "H0", over)
	assert.Equal(t, load.Gamma{RPS: 4, CV: 2}, pacer(&bursts.Exp.Hypothesis.Sweep, 4))
	assert.Equal(t, even.Plan.Cells, bursts.Plan.Cells)
	assert.NotEqual(t, even.Plan.Digest, bursts.Plan.Digest)
}

// at is a machine of which only the endpoint is known.
type at struct {
	rig.Machine
	endpoint rig.Endpoint
}

func (m at) Endpoint() rig.Endpoint { return m.endpoint }

// How a server is asked for an adapter is the machine's to say, where the load names some.
func TestAdaptersAreAskedForAsTheMachineHasIt(t *testing.T) {
	for _, asModel := range []bool{false, true} {
		o := short(t, "H1")
		c := &cellRun{tools: &tools{exp: o.Exp, plan: o.Plan}, pc: o.Plan.Cells[0], machine: at{endpoint: rig.Endpoint{Dialect: load.DialectVLLM, AdapterAsModel: asModel}}}
		s, err := c.spec()
		require.NoError(t, err)
		assert.Equal(t, asModel, s.Adapters.AsModel)
		assert.Equal(t, o.Exp.Hypothesis.Load.Adapters.Dir, s.Adapters.Dir)
	}
}

// What the configuration accepts is what the load accepts; neither package may know the other.
func TestBoundsOfArrivals(t *testing.T) {
	assert.EqualValues(t, load.MaxRPS, config.MaxRPS)
	assert.Equal(t, load.MinCV, config.MinGapCV)
	assert.EqualValues(t, load.MaxCV, config.MaxGapCV)
}
