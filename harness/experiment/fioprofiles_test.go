package experiment_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
)

// A world's fio takes the place of the levels that a hypothesis sweeps, and gives none to one that sweeps none.
func TestWorldFio(t *testing.T) {
	o := choices()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(o.Configs)))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "fio"), 0o755))
	put := func(path, text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o644)) }
	for _, name := range []string{"none", "neighbours"} {
		text, err := os.ReadFile(config.FioFile(filepath.Join(root, "configs"), name))
		require.NoError(t, err)
		put(config.FioFile(dir, name), string(text))
	}
	put(filepath.Join(dir, "worlds", "quiet.yaml"), "world: quiet\nnote: n\nload: {fio: none}\n")
	o.Configs = dir
	levels := func(world string) []string {
		o.World = world
		e, p := testPlan(t, smallH2A, o)
		assert.Len(t, e.Fio, len(e.Hypothesis.Sweep.Fio))
		for _, c := range p.Cells {
			if len(e.Hypothesis.Sweep.Fio) > 0 {
				assert.Equal(t, e.Hypothesis.Sweep.Fio[0], c.Fio)
			} else {
				assert.Empty(t, c.Fio)
			}
		}
		return e.Hypothesis.Sweep.Fio
	}
	assert.Empty(t, levels("default"))
	assert.Empty(t, levels("quiet"))
	path := filepath.Join(dir, "hypotheses", "h2a.yaml")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), "sweep:\n")
	put(path, strings.Replace(string(text), "sweep:\n", "sweep:\n  fio: [neighbours]\n", 1))
	assert.Equal(t, []string{"neighbours"}, levels("default"))
	assert.Equal(t, []string{"none"}, levels("quiet"))
}
