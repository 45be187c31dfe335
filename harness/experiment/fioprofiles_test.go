package experiment_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A world's fio takes the place of the levels that a hypothesis sweeps, and gives none to one that sweeps none.
func TestWorldFio(t *testing.T) {
	o := choices()
	files := map[string]string{"worlds/quiet.yaml": "world: quiet\nnote: n\nload: {fio: none}\n"}
	overlay(t, o, files)
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
	files["hypotheses/h2a.yaml"] = "sweep: {fio: [neighbours]}\n"
	o.Configs = choices().Configs
	overlay(t, o, files)
	assert.Equal(t, []string{"neighbours"}, levels("default"))
	assert.Equal(t, []string{"none"}, levels("quiet"))
}
