package mixedrig

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/drive"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/rig/simrig"
)

// small is an experiment on an 8B of which two prompts of 128 tokens fit the host tier and three the device, in a world.
func small(t *testing.T, world string) *config.Experiment {
	t.Helper()
	folder, err := config.OpenFolder("../../../configs")
	require.NoError(t, err)
	o, err := simrig.Configured(folder, "stackB_llama70b_dynamo_tiered.yaml", world, "L8B", "")
	require.NoError(t, err)
	tiers := &o.Stack.Dynamo.Tiers
	tiers.Tier0.CapacityBytes, tiers.Tier1.CapacityBytes, tiers.Tier2.CapacityBytes = 48<<20, 32<<20, 128<<20
	o.Stack.Dynamo.OffloadMinFrequency = 1
	h := &config.Hypothesis{Hypothesis: "HX", Model: "L8B"}
	h.Run.Seed = 1
	return &config.Experiment{Rig: "disk", Hypothesis: h, Stacks: map[string]*config.Stack{"B": o.Stack}, World: o.World, Twin: o.Twin, Fio: map[string]string{}}
}

// plan is a cell of the experiment.
func plan() *record.Plan {
	return &record.Plan{Cells: []record.PlannedCell{{Key: "a", Stack: "B", ContextTokens: 128, Users: 1, MachineSeed: 1}}}
}

// onDrive is a folder of the test's on a real drive, where everything of the rig is gone in the end.
func onDrive(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	_, err := drive.Of(dir, drive.Here())
	if errors.Is(err, drive.ErrNoDrive) {
		t.Skipf("NOT TESTED ON A REAL DRIVE: the folder for temporary files is on none, set TMPDIR: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Empty(t, left, "the rig has left something")
	})
	return dir
}

// opened is a rig on a folder, with a journal of its own.
func opened(t *testing.T, e *config.Experiment, dir string) (rig.Rig, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	r, err := New(e, Options{Dir: dir, Out: &out, Journal: t.TempDir(), MostOthers: 1e15, ProbeFile: 16 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	return r, &out
}
