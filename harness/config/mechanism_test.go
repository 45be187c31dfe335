package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Numbers by which a mechanism would do nothing, or something else than it says.
func TestMechanismFaults(t *testing.T) {
	for name, tc := range map[string]struct{ text, says string }{
		"filter at once": {"world: w\nnote: n\nmechanisms: {prompt_filter: 1us}\n", "w.yaml:3: mechanisms.prompt_filter: is 1µs, and the shortest time that makes sense is 1ms"},
		"pinned anyway":  {"world: w\nnote: n\nmechanisms: {pinned_limit: {most: 2GiB, instead: 2GiB}}\n", "w.yaml:3: mechanisms.pinned_limit.instead: is 2GiB: less than most, 2GiB, is what is left of a tier that cannot be pinned"},
		"pages for free": {"world: w\nnote: n\nmechanisms: {small_pages: 1}\n", "w.yaml:3: mechanisms.small_pages: is 1: it is how many times as long the GPU takes, more than 1"},
		"all are awake":  {"world: w\nnote: n\nmechanisms: {cpu_sleep: {exit: 60us, kept_awake: 1.5}}\n", "w.yaml:3: mechanisms.cpu_sleep.kept_awake: is 1.5: it is a share, 0 to 1"},
	} {
		_, err := parseWorld("w.yaml", []byte(tc.text))
		require.ErrorContains(t, err, tc.says, name)
	}
}
