//go:build spark

package serverrig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// A hypothesis from the flags to the verdict, against our simulated servers as processes: both stacks, one after the other, as the
// plan's cells come. The verdict is printed and says nothing of hardware.
func TestHypothesisOnServersThatAreStarted(t *testing.T) {
	if onlyDevice() == "" {
		t.Skip("this machine has no block device")
	}
	path, err := program()
	require.NoError(t, err)
	configs := overlay(t, map[string]string{"hypotheses/h0.yaml": `base: BASE/hypotheses/h0.yaml
load:
  think_time: {dist: exponential, mean: 500ms}
  output_tokens: {dist: lognormal, median: 4, sigma: 0.7}
  request_timeout: 60s
gates: {max_again: 1}
sweep: {ctx: [256], conc: [1, 4], rate_rps: [2]}
run:
  reps: 1
  early_looks: []
  duration: 3s
  max_duration: 4s
  min_requests: 4
  cadence: 100ms
  baseline: 1s
  observer: 100ms
  warmup: {min: 1s, max: 3s, passes: 1}
`})
	results := t.TempDir()
	cmd := exec.Command("go", "test", "-tags", "spark", "-count=1", "-timeout", "10m", "-v", "-run", "^TestH0$", ".", "-args", "-rig", "spark",
		"-launch", "A=sim-trtllm,B=sim-dynamo", "-dir", t.TempDir(), "-device", onlyDevice(), "-configs", configs, "-results", results)
	cmd.Dir = filepath.Join("..", "..", "..", "hypotheses")
	cmd.Env = append(os.Environ(), "SPARKHARNESS_BIN="+path)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	fmt.Printf("%s\n%v\n", out, time.Since(began))
	require.NoError(t, err)
	assert.Contains(t, string(out), "simulated servers as processes, not measured on hardware")
	assert.Contains(t, string(out), "stack A (sim-trtllm): serves after ")
	assert.Contains(t, string(out), "stack B (sim-dynamo): serves after ")
	runs, err := filepath.Glob(filepath.Join(results, "h0-spark-*"))
	require.NoError(t, err)
	require.Len(t, runs, 1)
	assert.FileExists(t, filepath.Join(runs[0], "report.json"))
	logs, err := filepath.Glob(filepath.Join(runs[0], "servers", "*.log"))
	require.NoError(t, err)
	assert.NotEmpty(t, logs)
	kv, err := filepath.Glob(filepath.Join(runs[0], "cells", "stack=B*", record.FileDynKV))
	require.NoError(t, err)
	assert.NotEmpty(t, kv, "the tiers' counters")
	left, err := exec.Command("pgrep", "-f", path).CombinedOutput()
	assert.Error(t, err, "servers are left: %s", left)
}
