package hypotheses

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/report"
)

// The table of error rates in VALIDATION.md is that of the data in the tree. -update writes it anew.
func TestGoldenErrorRates(t *testing.T) {
	const begin, end = "<!-- rates -->\n", "<!-- /rates -->\n"
	b, err := os.ReadFile(filepath.Join(harness.Root(), "fixtures", "rates", "first_release.json"))
	require.NoError(t, err)
	var rates report.ErrorRates
	require.NoError(t, json.Unmarshal(b, &rates))
	require.Equal(t, report.ErrorRatesSchema, rates.Schema)

	text, err := os.ReadFile("VALIDATION.md")
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok)
	table, tail, ok := strings.Cut(rest, end)
	require.True(t, ok)
	want := "\n" + rates.Markdown() + "\n"
	if harness.Updating() {
		require.NoError(t, os.WriteFile("VALIDATION.md", []byte(head+begin+want+end+tail), 0o644))
		table = want
	}
	assert.Equal(t, want, table)
}
