package experiment_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/experiment"
	"sparkharness/harness/regular"
)

// What a configuration names beside itself is a file, too.
func TestNamedFilesAreRegular(t *testing.T) {
	root := t.TempDir()
	for _, path := range []string{"inputs/prompts/index.json", "inputs/lora_lists/lora_4.txt"} {
		path = filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.Symlink(os.DevNull, path))
	}
	e, _ := testPlan(t, smallH2A, choices())
	_, err := experiment.Digest(e, root, facts)
	require.ErrorIs(t, err, regular.ErrNoFile, "index of the prompts")

	o := choices()
	o.Root = root
	_, err = experiment.Load(smallH1, *o)
	require.ErrorIs(t, err, regular.ErrNoFile, "list of adapters")

	o = choices()
	overlay(t, o, map[string]string{"hypotheses/h2a.yaml": "sweep: {fio: [endless]}\n", "fio/endless.fio": ""})
	job := filepath.Join(o.Configs, "fio", "endless.fio")
	require.NoError(t, os.Remove(job))
	require.NoError(t, os.Symlink(os.DevNull, job))
	_, err = experiment.Load(smallH2A, *o)
	require.ErrorIs(t, err, regular.ErrNoFile, "job file of fio")
	require.ErrorContains(t, err, `fio profile "endless"`)
}
