package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const sampleIO = `# Storage I/O of run-1

H2B, 6 of 6 cells.

## Configuration

| what | value |
|---|---|
| drive | a \| b |

## I/O by phase

| arm | read, GiB |
|---|---:|
| ctx=128 | 1.50 |
| ctx=256 | - |

Not told by this run: <b>wear</b>.
`

// What a drive did is a section of the page: its tables, with what was escaped in them as it was, and nothing of it as HTML.
func TestPageShowsIO(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run-1")
	require.NoError(t, Write(run, sampleH2B()))
	page := func() (string, []string) {
		warnings, err := WriteIndex(dir)
		require.NoError(t, err)
		data, err := os.ReadFile(filepath.Join(dir, IndexName))
		require.NoError(t, err)
		return string(data), warnings
	}
	without, _ := page()
	assert.NotContains(t, without, "The drive, by phase")
	require.NoError(t, os.WriteFile(filepath.Join(run, IOName), []byte(sampleIO), 0o644))
	with, warnings := page()
	assert.Empty(t, warnings)
	for _, want := range []string{"The drive, by phase", "<h4>I/O by phase</h4>", `<td class="left mono">a | b</td>`, `<td>1.50</td>`, "&lt;b&gt;wear", `href="./run-1/io.md"`} {
		assert.Contains(t, with, want)
	}
	assert.NotContains(t, with, "6 of 6 cells.")
	names, err := NotFollowing(dir)
	require.NoError(t, err)
	assert.NotContains(t, names, IndexName)

	require.NoError(t, os.WriteFile(filepath.Join(run, IOName), []byte(strings.Replace(sampleIO, "| 1.50 ", "", 1)), 0o644))
	edited, warnings := page()
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "io.md: line 15: a row of 1 cells in a table of 2 columns: it was edited")
	assert.Contains(t, edited, "H2B", "the rest is shown")
	assert.NotContains(t, edited, "The drive, by phase")
}
