package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A check whose windows are permuted stands once, under a plain name.
func TestPermuted(t *testing.T) {
	for text, want := range map[string]string{"[a, b]": "", "[a, a]": "permuted[1]: a stands twice", "[../a]": "permuted[0]"} {
		_, folder := folderOf(t, files{"stackA.yaml": "", "worlds/w1.yaml": "", "worlds/w3.yaml": "", "gates.yaml": gates,
			"hypotheses/h.yaml": withoutGates(t) + "permuted: " + text + "\n"})
		h, err := LoadHypothesis(folder, folder.Path("hypotheses/h.yaml"))
		if want == "" {
			require.NoError(t, err)
			require.Equal(t, []string{"a", "b"}, h.Permuted)
			continue
		}
		require.ErrorContains(t, err, want, text)
	}
}

// Worlds near a threshold are read as strictly as all else: a truth that nobody counts, or a world that is a control as well,
// would be a row of a table that says something else.
func TestNear(t *testing.T) {
	const good = "  - {world: w3, check: c, truth: 1, measured: 1.1, source: arithmetic, runs: 40}\n"
	for _, tc := range []struct{ text, want string }{
		{good, ""},
		{strings.Replace(good, "truth: 1", "truth: 11", 1), "near[0].truth: is 11: it is counted in thresholds"},
		{strings.Replace(good, "runs: 40", "runs: 20000", 1), "near[0].runs: is 20000: give from 1 to 10000"},
		{strings.Replace(good, "source: arithmetic, ", "", 1), "near[0].source: required field is missing"},
		{good + good, "near[1].world: w3 stands twice"},
		{strings.Replace(good, "w3", "w1", 1), "near[0].world: w1 is a control, too"},
		{strings.Replace(good, "w3", "no_such_world", 1), "no_such_world"},
	} {
		_, folder := folderOf(t, files{"stackA.yaml": "", "worlds/w1.yaml": "", "worlds/w3.yaml": "", "gates.yaml": gates,
			"hypotheses/h.yaml": withoutGates(t) + "near:\n" + tc.text})
		h, err := LoadHypothesis(folder, folder.Path("hypotheses/h.yaml"))
		if tc.want == "" {
			require.NoError(t, err)
			require.Equal(t, []Near{{World: "w3", Check: "c", Truth: 1, Measured: 1.1, Source: "arithmetic", Runs: 40}}, h.Near)
			continue
		}
		require.ErrorContains(t, err, tc.want, tc.text)
	}
}
