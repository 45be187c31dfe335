//go:build spark

package serverrig

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/drive"
	"sparkharness/harness/record"
)

// A hypothesis from the flags to the verdict, against our simulated servers as processes: both stacks, one after the other, as the
// plan's cells come. The verdict is printed and says nothing of hardware.
func TestHypothesisOnServersThatAreStarted(t *testing.T) {
	if onlyDevice() == "" {
		t.Skip("this machine has no block device")
	}
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
	out, run := decided(t, "H0", configs, []string{"-launch", "A=sim-trtllm,B=sim-dynamo", "-dir", t.TempDir(), "-device", onlyDevice()})
	assert.Contains(t, out, "simulated servers as processes, not measured on hardware")
	assert.Contains(t, out, "stack A (sim-trtllm): serves after ")
	assert.Contains(t, out, "stack B (sim-dynamo): serves after ")
	logs, err := filepath.Glob(filepath.Join(run, "servers", "*.log"))
	require.NoError(t, err)
	assert.NotEmpty(t, logs)
	kv, err := filepath.Glob(filepath.Join(run, "cells", "stack=B*", record.FileDynKV))
	require.NoError(t, err)
	assert.NotEmpty(t, kv, "the tiers' counters")
}

// hypotheses is the package of them with the rig, compiled once.
var hypotheses = sync.OnceValues(func() (string, error) {
	beside, err := program()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(beside), "hypotheses.test")
	if out, err := exec.Command("go", "test", "-tags", "spark", "-c", "-o", path, "../../../hypotheses").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// decided is what a hypothesis on servers that are started prints, and the folder of its run. Whatever its verdict is, nothing is left.
func decided(t *testing.T, id, configs string, flags []string) (out, run string) {
	t.Helper()
	out, run, err := ended(t, id, configs, flags)
	require.NoError(t, err)
	return out, run
}

// ended is decided for a run that may fail: err is how the process has ended.
func ended(t *testing.T, id, configs string, flags []string) (out, run string, failed error) {
	t.Helper()
	path, err := program()
	require.NoError(t, err)
	results, state := t.TempDir(), t.TempDir()
	tests, err := hypotheses()
	require.NoError(t, err)
	cmd := exec.Command(tests, append([]string{"-test.timeout", "10m", "-test.v", "-test.run", "^Test" + id + "$", "-rig", "spark", "-skip-doctor",
		"-configs", configs, "-results", results}, flags...)...)
	cmd.Dir = filepath.Join("..", "..", "..", "hypotheses")
	cmd.Env = append(os.Environ(), "SPARKHARNESS_BIN="+path, "XDG_STATE_HOME="+state)
	began := time.Now()
	text, failed := cmd.CombinedOutput()
	fmt.Printf("%s\n%v\n", text, time.Since(began))
	runs, err := filepath.Glob(filepath.Join(results, strings.ToLower(id)+"-spark-*"))
	require.NoError(t, err)
	require.Len(t, runs, 1)
	assert.FileExists(t, filepath.Join(runs[0], "report.json"))
	left, err := exec.Command("pgrep", "-f", path).CombinedOutput()
	assert.Error(t, err, "servers are left: %s", left)
	journals, err := filepath.Glob(filepath.Join(state, "sparkharness", "restore", "*.jsonl"))
	require.NoError(t, err)
	assert.Empty(t, journals, "what is not undone")
	return string(text), runs[0], failed
}

// fioProfile is a load of the drive with a file of 64 MiB.
const fioProfile = `[global]
ioengine=libaio
direct=1
thread
time_based
runtime=4h
filename=sparkharness-fio.dat
size=64m
group_reporting
[heavy]
rw=randrw
rwmixread=90
bs=16k
iodepth=8
numjobs=2
`

// spilling is stack B with the device pool that the profile of H4B gives it, which our server takes from its file.
const spilling = `base: BASE/stackB_llama70b_dynamo_tiered.yaml
dynamo: {tiers: {tier0: {capacity_bytes: 3GiB}}}
`

// verdictOf is a report as far as it is looked at.
type verdictOf struct {
	Verdict struct {
		Outcome string   `json:"outcome"`
		Reasons []string `json:"reasons"`
		Gates   []struct {
			Name   string `json:"name"`
			Passed bool   `json:"passed"`
			Code   string `json:"code"`
			Detail string `json:"detail"`
		} `json:"gates"`
	} `json:"verdict"`
}

// reported is the report in a run's folder.
func reported(t *testing.T, run string) (out verdictOf) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(run, "report.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

// An arm with the real fio beside the servers, and one without: the drive, fio and the probe tell the same, and the gates that look at
// them pass. The verdict is printed and says nothing of hardware.
func TestHypothesisBesideFio(t *testing.T) {
	if _, err := exec.LookPath("fio"); err != nil {
		t.Skip("NOT TESTED WITH THE REAL FIO, which is not installed: apt install fio")
	}
	dir := t.TempDir()
	if _, err := drive.Of(dir, drive.Here()); errors.Is(err, drive.ErrNoDrive) {
		t.Skipf("NOT TESTED ON A REAL DRIVE: %v: set TMPDIR to a folder on one", err)
	}
	configs := overlay(t, map[string]string{"fio/heavy.fio": fioProfile, "stackB_llama70b_dynamo_tiered.yaml": spilling, "hypotheses/h4b.yaml": `base: BASE/hypotheses/h4b.yaml
model: L8B
load:
  think_time: {dist: uniform, min: 200ms, max: 400ms}
  request_timeout: 60s
gates: {max_again: 1}
sweep: {fio: [none, heavy], ctx: [256], conc: [2]}
windows: {length: 1s}
run:
  reps: 1
  early_looks: []
  duration: 4s
  max_duration: 6s
  min_requests: 4
  cadence: 100ms
  baseline: 2s
  observer: 100ms
  warmup: {min: 1s, max: 3s, passes: 1}
`})
	out, run := decided(t, "H4B", configs, []string{"-launch", "B=sim-dynamo", "-dir", dir})
	assert.Contains(t, out, "fio and the probe use 1.14 GB of their own in "+dir)
	seen := 0
	for _, g := range reported(t, run).Verdict.Gates {
		switch g.Name {
		case "treatment":
			seen++
			assert.True(t, g.Passed, g.Detail)
		case "fio":
			seen++
			assert.NotContains(t, []string{"no_arms", "probe_unknown", "arm_missing", "not_treated", "not_measured", "fio_gone", "fio_idle"}, g.Code, g.Detail)
			if !g.Passed { // how far so little of it slows this drive is nobody's claim, and others may use it
				fmt.Println("THE GATE OF FIO WAS NOT SEEN TO PASS, which depends on what else uses this drive:", g.Code, g.Detail)
			}
		}
	}
	assert.GreaterOrEqual(t, seen, 2)
	cells, err := filepath.Glob(filepath.Join(run, "cells", "fio=heavy*", "cell.json"))
	require.NoError(t, err)
	require.NotEmpty(t, cells)
	var c record.CellInfo
	text, err := os.ReadFile(cells[0])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &c))
	require.NotNil(t, c.Fio)
	require.NotNil(t, c.Fio.End)
	assert.Positive(t, c.Fio.End.Read.Bytes)
	require.NotNil(t, c.Probe)
	require.NotNil(t, c.Probe.Kept)
	assert.Positive(t, c.Probe.Kept.Reads)
	require.NotNil(t, c.Health)
	assert.Greater(t, c.Health.After.At, c.Health.Before.At)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}
