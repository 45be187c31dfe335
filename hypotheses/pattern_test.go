package hypotheses

import (
	"io/fs"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ^TestH, by which the whole plan is run, starts the hypotheses and nothing else: other tests need files that a compiled program does
// not carry, and one that panics there ends a plan of days in its middle.
func TestPatternOfThePlan(t *testing.T) {
	tests := regexp.MustCompile(`(?m)^func Test(H\w*)\(`)
	files, err := fs.Glob(rules, "*_test.go")
	require.NoError(t, err)
	var started, want []string
	for _, name := range files {
		text, err := fs.ReadFile(rules, name)
		require.NoError(t, err)
		for _, m := range tests.FindAllSubmatch(text, -1) {
			started = append(started, string(m[1]))
		}
	}
	for _, h := range all {
		want = append(want, h.ID)
	}
	slices.Sort(started)
	assert.Equal(t, want, started)
}
