package hypotheses

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
)

// The tables of VALIDATION.md are what the lines in fixtures/rates come to, with the commits that were counted. -update writes
// them anew.
func TestGoldenErrorRates(t *testing.T) {
	counted, err := harness.PublishedRates(all, harness.Root())
	require.NoError(t, err)
	text, err := os.ReadFile("VALIDATION.md")
	require.NoError(t, err)
	want := string(text)
	by := "by the rules that stand here"
	if len(counted.Earlier) > 0 {
		by = "by rules of which those of " + strings.Join(counted.Earlier, ", ") + " have changed since"
	}
	for name, table := range map[string]string{"rates": counted.Worlds.Markdown() + "\nCounted at: " + counted.Commits + ", " + by + ".\n", "near": counted.Near.Markdown(), "matrix": counted.Worlds.Matrix(counted.Checks)} {
		want = betweenMarks(t, want, name, table)
	}
	if harness.Updating() {
		require.NoError(t, os.WriteFile("VALIDATION.md", []byte(want), 0o644))
		return
	}
	assert.Equal(t, want, string(text))
}

// betweenMarks puts a table between the marks of its name.
func betweenMarks(t *testing.T, text, name, table string) string {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	head, rest, ok := strings.Cut(text, begin)
	require.True(t, ok, "no mark %s", begin)
	_, tail, ok := strings.Cut(rest, end)
	require.True(t, ok, "no mark %s", end)
	return head + begin + "\n" + table + "\n" + end + tail
}
