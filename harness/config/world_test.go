package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// saved is the folder of a run with a saved configuration: its world, and further fields of its hypothesis.
func saved(t *testing.T, world, hypothesis string) string {
	t.Helper()
	dir := t.TempDir()
	text := "rig: sim\nhypothesis: {hypothesis: H2A, model: L70B" + hypothesis + "}\nstacks: {A: {stack: A}}\nworld:" + world + "\n"
	require.NoError(t, os.WriteFile(record.Path(dir, record.FileConfig), []byte(text), 0o644))
	return dir
}

// A run is judged by a program that may know another simulated machine than the one that measured it.
func TestWorldOfAnotherVersion(t *testing.T) {
	for name, text := range map[string]string{
		"as it is":                   " {world: tidal, note: tides, mechanisms: {kv_swap_to_nvme: true}}",
		"an unknown field":           " {world: tidal, note: tides, mechanisms: {kv_swap_to_nvme: true}, moons: 2}",
		"an unknown mechanism":       " {world: tidal, note: tides, mechanisms: {kv_swap_to_nvme: true, tides: {spring: true}}}",
		"one that is something else": " {world: tidal, note: tides, mechanisms: [kv_swap_to_nvme]}",
	} {
		e, err := ReadExperiment(saved(t, text, ""))
		require.NoError(t, err, name)
		assert.Equal(t, []string{"tidal", "tides"}, []string{e.World.World, e.World.Note}, name)
		assert.Equal(t, name != "one that is something else", e.World.Mechanisms.KVSwapToNVMe, "%s: what is known is kept", name)
	}
	e, err := ReadExperiment(saved(t, " null", ""))
	require.NoError(t, err)
	assert.Nil(t, e.World)

	_, err = ReadExperiment(saved(t, " {world: [tidal]}", ""))
	require.ErrorContains(t, err, "not the saved configuration of a run")
	_, err = ReadExperiment(saved(t, " {world: tidal}", ", moons: 2"))
	require.ErrorContains(t, err, "moons", "whoever judges has to know all of the rule's part")
	path := filepath.Join(t.TempDir(), "tidal.yaml")
	require.NoError(t, os.WriteFile(path, []byte("world: tidal\nnote: tides\nmoons: 2\n"), 0o644))
	_, err = LoadWorld(path)
	require.ErrorContains(t, err, "moons", "what is yet to be measured is read strictly")
}
