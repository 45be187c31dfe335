package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The rules are asked as a user asks them: through go test in the checkout around the working directory.
func TestVerifyCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the hypotheses: left out with -short")
	}
	runs := t.TempDir()
	run := exec.Command("go", "test", "-count=1", "-run", "^TestH(2A|7)$", "./hypotheses", "-configs", "../fixtures/configs", "-results", runs, "-expect", "Inconclusive")
	run.Dir = filepath.Join("..", "..", "..")
	printed, err := run.CombinedOutput()
	require.NoError(t, err, string(printed))
	var out bytes.Buffer
	require.NoError(t, verify(t.Context(), &out, []string{runs}))
	assert.Regexp(t, `(?m)^h2a-\S+ +H2A +4 of 4 +\S+ +as measured$`, out.String())
	assert.Regexp(t, `(?m)^h7-\S+ +H7 +4 of 4 +\S+ +as measured$`, out.String())
	assert.NotContains(t, out.String(), "fault:")

	// What is sent is judged as what was left.
	sent := filepath.Join(t.TempDir(), "sent.tar.gz")
	require.NoError(t, pack(t.Context(), &bytes.Buffer{}, []string{runs}, sent, nil))
	before := out.String()
	out.Reset()
	require.NoError(t, verify(t.Context(), &out, []string{sent}))
	assert.Equal(t, before, out.String())

	// The page is what is looked at first, and no lines of a run vouch for it.
	assert.NotContains(t, before, "beside the runs")
	page := filepath.Join(runs, "index.html")
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(page, bytes.ReplaceAll(text, []byte("Inconclusive"), []byte("Supported")), 0o644))
	out.Reset()
	require.NoError(t, verify(t.Context(), &out, []string{runs}))
	assert.Equal(t, 1, strings.Count(out.String(), "index.html beside the runs does not follow from their reports"), out.String())
	assert.NotContains(t, out.String(), "summary_v3.csv")

	folders, err := filepath.Glob(filepath.Join(runs, "h7-*"))
	require.NoError(t, err)
	require.Len(t, folders, 1)
	plan := filepath.Join(folders[0], "plan.json")
	require.NoError(t, os.WriteFile(plan, []byte("{}"), 0o644))
	out.Reset()
	err = verify(t.Context(), &out, []string{runs})
	require.ErrorContains(t, err, "1 of 2 runs are not as they were left")
	assert.Equal(t, exitNotWell, exitStatus(err))
	assert.Contains(t, out.String(), "NOT AS LEFT")
	assert.Contains(t, out.String(), "fault: "+plan)
}

func TestVerifyNeedsARun(t *testing.T) {
	for name, dir := range map[string]string{"nothing": t.TempDir(), "no folder": filepath.Join(t.TempDir(), "none")} {
		err := verify(t.Context(), &bytes.Buffer{}, []string{dir})
		require.Error(t, err, name)
		assert.Equal(t, exitFailure, exitStatus(err), name)
		assert.ErrorContains(t, err, dir, name)
	}
}

func TestRunsBelow(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []string{"b/plan.json", "a/attempts.jsonl", "c/report.json", "d/cells/x", "e/table.txt", ".hidden/plan.json", "file"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, f)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, f), nil, 0o644))
	}
	runs, err := runsBelow([]string{dir, filepath.Join(dir, "b")})
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c"), filepath.Join(dir, "d"), filepath.Join(dir, "b")}, runs)
}

// A folder that is not there is named, with what to give instead.
func TestVerifyNothing(t *testing.T) {
	_, err := runsBelow([]string{filepath.Join(t.TempDir(), "gone")})
	require.ErrorContains(t, err, "gone: no such file or directory: give the folder of a run")
}

// What folders hold is shown fit for a terminal.
func TestVerifiedIsClean(t *testing.T) {
	const red = "\x1b[31m"
	var out bytes.Buffer
	assert.Equal(t, 1, printVerified(&out, []verified{{Dir: "/r/" + red, RunID: red, Hypothesis: red, Outcome: red, Faults: []string{red}, Notes: []string{red}}}))
	assert.NotContains(t, out.String(), "\x1b")
	assert.Equal(t, 6, strings.Count(out.String(), `\x1b[31m`))
}
