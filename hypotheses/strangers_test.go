package hypotheses

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/record"
)

// put writes a file into the folder, and what folders it needs.
func (f *ended) put(name, text string) {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	require.NoError(f.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(f.t, os.WriteFile(path, []byte(text), 0o644))
}

// What lies in a run's folder and nothing vouches for is no fault, and is told by its name.
func TestFilesThatNothingVouchesFor(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{
		"verdict.html":            "verdict.html is no file that a run leaves, and nothing vouches for it",
		"more/verdict.txt":        "more is no file that a run leaves",
		"servers/verdict.html":    filepath.Join("servers", "verdict.html") + " is no file that a run leaves",
		"servers/B-001.log":       filepath.Join("servers", "B-001.log") + ": what servers left has no sum",
		"servers/B-files/kv.json": filepath.Join("servers", "B-files", "kv.json") + ": what servers left has no sum",
		"cells/stack=A,ctx=1024,conc=32,rep=1.partial/x.html": "rep=1.partial was never complete; nothing reads it",
	} {
		f := newEnded(t)
		f.put(name, "Supported")
		got := harness.VerifyFolder(all, f.dir)
		assert.Empty(t, got.Faults, name)
		require.Len(t, got.Notes, 1, name)
		assert.Contains(t, got.Notes[0], says)
	}
	f := newEnded(t)
	for i := range 9 {
		f.put(fmt.Sprintf("servers/A-%03d.log", i+1), "")
	}
	f.put(".lock", "")
	got := harness.VerifyFolder(all, f.dir)
	require.Len(t, got.Notes, 1)
	assert.Contains(t, got.Notes[0], "A-003.log, and 6 more: what servers left")
}

// A table without the report that it follows from, or of another program, is compared with nothing, and that is told.
func TestRenderingsThatAreNotCompared(t *testing.T) {
	t.Parallel()
	f := newEnded(t)
	f.text(record.FileAttempts, cut)
	f.remove(filepath.Join(f.dir, "report.json"))
	got := harness.VerifyFolder(all, f.dir)
	assert.Empty(t, got.Faults)
	assert.Contains(t, strings.Join(got.Notes, "\n"), "not compared with the lines: table.txt, figures: there is no report that they follow from")

	f = newEnded(t)
	f.json(record.FilePlan, func(p object) { p["program"].(object)["judges"] = "another" })
	f.seal()
	got = harness.VerifyFolder(all, f.dir)
	assert.Empty(t, got.Faults)
	assert.Contains(t, strings.Join(got.Notes, "\n"), "not compared with the lines: table.txt, figures: another program rendered them")
}
