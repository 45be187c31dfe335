package hypotheses

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/report"
)

// The table of error rates in VALIDATION.md is that of the data in the tree, with the commits that were counted.
// -update writes it anew.
func TestGoldenErrorRates(t *testing.T) {
	const begin, end = "<!-- rates -->\n", "<!-- /rates -->\n"
	want := "\n" + countedRates(t, filepath.Join(harness.Root(), "fixtures", "rates", "first_release.json")) + "\n"

	text, err := os.ReadFile("VALIDATION.md")
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok)
	table, tail, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if harness.Updating() {
		require.NoError(t, os.WriteFile("VALIDATION.md", []byte(head+begin+want+end+tail), 0o644))
		table = want
	}
	assert.Equal(t, want, table)
}

// countedRates renders a file of error rates, a list with one element a commit: one table in the order of the
// hypotheses, and which commit stands behind which of them.
func countedRates(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	var counts []report.ErrorRates
	require.NoError(t, json.Unmarshal(b, &counts))
	whole := report.ErrorRates{Schema: report.ErrorRatesSchema}
	var of []string
	seen := map[string]string{}
	for _, c := range counts {
		require.Equal(t, report.ErrorRatesSchema, c.Schema)
		require.NotEmpty(t, c.Commit)
		var ids []string
		for _, r := range c.Rates {
			require.GreaterOrEqual(t, rankOf(r.Hypothesis), 0, "no hypothesis %s", r.Hypothesis)
			key := r.Hypothesis + " in " + r.World
			require.Empty(t, seen[key], "%s is counted twice", key)
			seen[key] = c.Commit
			if !slices.Contains(ids, r.Hypothesis) {
				ids = append(ids, r.Hypothesis)
			}
		}
		whole.Rates = append(whole.Rates, c.Rates...)
		of = append(of, fmt.Sprintf("%s for %s", c.Commit, strings.Join(ids, ", ")))
	}
	// Worlds stay in the order of the file: the default one first.
	slices.SortStableFunc(whole.Rates, func(a, b report.ErrorRate) int { return rankOf(a.Hypothesis) - rankOf(b.Hypothesis) })
	return whole.Markdown() + "\nAs of commits " + strings.Join(of, "; ") + ".\n"
}

// rankOf is where a hypothesis stands among all, -1 if there is no such.
func rankOf(id string) int {
	return slices.IndexFunc(all, func(h harness.Hypothesis) bool { return h.ID == id })
}
