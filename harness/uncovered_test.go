package harness

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/config"
)

// The check of the controls sees each fault.
func TestUncovered(t *testing.T) {
	t.Parallel()
	deciding, gates := []string{"a", "b", "c"}, []string{"fio"}
	good := func() *config.Hypothesis {
		return &config.Hypothesis{Controls: map[string]config.Shown{"w1": {"a", "b"}, "w2": {"gate.fio"}}, Unshown: map[string]string{"c": "why"}, Permuted: []string{"b"}}
	}
	assert.Empty(t, uncovered(deciding, gates, good()))
	for says, change := range map[string]func(c *config.Hypothesis){
		"no control contradicts b":                       func(c *config.Hypothesis) { c.Controls["w1"] = config.Shown{"a"} },
		"no control contradicts c":                       func(c *config.Hypothesis) { c.Unshown = nil },
		"w1 names a check that decides nothing: d":       func(c *config.Hypothesis) { c.Controls["w1"] = config.Shown{"a", "b", "d"} },
		"w2 names a gate that there is not: moon":        func(c *config.Hypothesis) { c.Controls["w2"] = config.Shown{"gate.moon"} },
		"unshown names a check that decides nothing: d":  func(c *config.Hypothesis) { c.Unshown["d"] = "why" },
		"a is unshown, and a control shows it":           func(c *config.Hypothesis) { c.Unshown["a"] = "why" },
		"permuted names a check that decides nothing: d": func(c *config.Hypothesis) { c.Permuted = append(c.Permuted, "d") },
	} {
		c := good()
		change(c)
		assert.Equal(t, []string{says}, uncovered(deciding, gates, c))
	}
}
