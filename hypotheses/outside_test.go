package hypotheses

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
)

// elsewhere runs the test binary in a folder that is no part of the checkout.
func elsewhere(t *testing.T, dir, run string, flags ...string) child {
	t.Helper()
	cmd := childCommand(t, run, flags...)
	cmd.Dir = dir
	return finished(t, cmd)
}

// A file for -config lies anywhere, and so does the working folder: what it is based on is found beside it, and stacks,
// worlds, job files and prompts where the configurations are.
func TestConfigOutsideTheTree(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs(harness.Root())
	require.NoError(t, err)
	dir := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	h1, err := os.ReadFile(filepath.Join(root, "configs", "hypotheses", "h1.yaml"))
	require.NoError(t, err)
	beside, err := filepath.Rel(dir, filepath.Join(root, "configs", "hypotheses", "h2b.yaml"))
	require.NoError(t, err)
	put("based.yaml", "base: "+filepath.Join(root, "configs", "hypotheses", "h4a.yaml")+"\nsweep: {fio: [none, heavy]}\nrun: {reps: 2}\n")
	put("sub/relative.yaml", "base: "+filepath.Join("..", beside)+"\nsweep: {ctx: [512, 4096]}\nrun: {reps: 1}\n")
	put("whole.yaml", string(h1))
	for _, tc := range []struct{ id, config, says string }{
		{"H4A", "based.yaml", "4 cells in 2 blocks"},
		{"H4A", filepath.Join(dir, "based.yaml"), "4 cells in 2 blocks"},
		{"H2B", "sub/relative.yaml", "4 cells in a block that screens"},
		{"H1", "whole.yaml", "18 cells in 9 blocks"},
	} {
		c := elsewhere(t, dir, "^Test"+tc.id+"$", "-config", tc.config, "-plan-only", "-results", filepath.Join(dir, "results"))
		assert.Zero(t, c.status, "%s: %s%s", tc.config, c.stdout, c.err)
		assert.Contains(t, c.stdout, tc.says, tc.config)
	}

	// A folder of one's own is laid over that of the checkout, job files and stacks included.
	put("own/configs.yaml", "base: "+filepath.Join(root, "configs")+"\n")
	put("own/fio/mine.fio", "[global]\nioengine=libaio\ndirect=1\ntime_based\nruntime=4h\nthread\n[mine]\nrw=randread\nbs=4k\niodepth=4\nfilename=fio.dat\nsize=1g\n")
	put("own/stackA_mine.yaml", "base: "+filepath.Join(root, "configs", "stackA_llama70b_baseline.yaml")+"\nname: mine\n")
	put("own.yaml", "base: based.yaml\nstacks: {A: stackA_mine.yaml}\nsweep: {fio: [none, mine]}\n")
	c := elsewhere(t, dir, "^TestH4A$", "-config", "own.yaml", "-configs", "own", "-plan-only")
	assert.Zero(t, c.status, c.stdout+c.err)
	assert.Contains(t, c.stdout, "fio=mine/")

	// What is missed is named, with where it was looked for.
	c = elsewhere(t, dir, "^TestH4A$", "-config", "own.yaml", "-plan-only")
	assert.Equal(t, 1, c.status)
	configs := filepath.Join(root, "configs")
	assert.Contains(t, c.stdout, "own.yaml:2: stacks.A: there is no file stackA_mine.yaml in the folder of configurations, "+configs+"\n")
	assert.Contains(t, c.stdout, "own.yaml:3: sweep.fio[1]: there is no file fio/mine.fio in the folder of configurations, "+configs+", where there are heavy, ")
	c = elsewhere(t, dir, "^TestH4A$", "-config", "nosuch.yaml", "-plan-only")
	assert.Equal(t, 1, c.status)
	assert.Contains(t, c.complaint(t), "-config nosuch.yaml: there is no configuration "+filepath.Join(dir, "nosuch.yaml")+": correct the path")
}

// A -run that asks for a hypothesis or a test that is not there fails, instead of passing without a test.
func TestRunThatMatchesNothing(t *testing.T) {
	t.Parallel()
	for _, run := range []string{"H9", "h2a", "TestControls/H9", "TestNothingOfThatName"} {
		c := runChild(t, run, "-plan-only")
		assert.Equal(t, 1, c.status, "%s: %s", run, c.stdout)
		assert.Contains(t, c.complaint(t), "-run "+run+": there is no such test; the hypotheses are H0, H1, H2A, H2B, H3, H4A, H4B, H5, H6, H7, H8A, H8B")
	}
	for _, run := range []string{"^$", "^TestP99Rises|^TestTracks", "^TestReplayRefusesAnotherHypothesis$"} {
		c := runChild(t, run)
		assert.Zero(t, c.status, "%s: %s%s", run, c.stdout, c.err)
	}
	c := finished(t, childCommand(t, "NoBenchmark", "-test.bench", "NoBenchmark"))
	assert.Zero(t, c.status, c.stdout+c.err)
}

// A pipe, a device or a folder with the name of another run's report does not hang the end of a run, and is told.
func TestPipeInTheResults(t *testing.T) {
	t.Parallel()
	results := t.TempDir()
	for name, put := range map[string]func(path string) error{
		"pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"folder": func(path string) error { return os.Mkdir(path, 0o755) },
	} {
		require.NoError(t, os.Mkdir(filepath.Join(results, name), 0o755))
		require.NoError(t, put(filepath.Join(results, name, "report.json")))
	}
	cmd := childCommand(t, "^TestH2A$", "-configs", shortConfigs(t, "h2a.yaml", fewSamples), "-results", results, "-expect", "Inconclusive")
	stuck := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer stuck.Stop()
	c := finished(t, cmd)
	assert.Zero(t, c.status, c.stdout+c.err)
	for name, is := range map[string]string{"pipe": "a pipe", "device": "a device", "folder": "a folder"} {
		assert.Contains(t, c.stdout, "warning: left out: read report: "+filepath.Join(results, name, "report.json")+" is "+is+", not a regular file")
	}
	page, err := os.ReadFile(filepath.Join(results, "index.html"))
	require.NoError(t, err)
	assert.True(t, strings.Contains(string(page), "H2A") && strings.Contains(string(page), "is a pipe"), "the page has the run, and what was left out")
}
