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
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/drive"
	"sparkharness/harness/record"
)

// predictedPlan is H7 as two cells of some seconds, each beside the real fio.
const predictedPlan = `base: BASE/hypotheses/h7.yaml
model: L8B
load:
  think_time: {dist: uniform, min: 200ms, max: 400ms}
  output_tokens: {dist: constant, value: 4}
  request_timeout: 60s
gates: {max_again: 1}
sweep: {cadence: [200ms, 1s], fio: [heavy], ctx: [512], conc: [4]}
windows: {length: 1s, min_reads: 10}
run:
  reps: 1
  early_looks: []
  duration: 4s
  max_duration: 6s
  min_requests: 4
  baseline: 2s
  observer: 100ms
  warmup: {min: 1s, max: 3s, passes: 1}
`

// KV counters of a server whose tier 2 lies in real files, the counters of the drive and those of fio beside it: H7 finds all that it
// compares. The verdict is printed: what it is depends on what else uses this machine.
func TestPredictionOfARealDrive(t *testing.T) {
	if _, err := exec.LookPath("fio"); err != nil {
		t.Skip("NOT TESTED WITH THE REAL FIO, which is not installed: apt install fio")
	}
	dir := t.TempDir()
	if _, err := drive.Of(dir, drive.Here()); errors.Is(err, drive.ErrNoDrive) {
		t.Skipf("NOT TESTED ON A REAL DRIVE: %v: set TMPDIR to a folder on one", err)
	}
	port := freePorts(t, 3)
	configs := overlay(t, map[string]string{"hypotheses/h7.yaml": predictedPlan, "fio/heavy.fio": fioProfile,
		"stackB_llama70b_dynamo_tiered.yaml": strings.Replace(smallTiers, "4GiB", "512MiB", 1),
		"servers/sim-dynamo.yaml": fmt.Sprintf("base: BASE/servers/sim-dynamo.yaml\nlaunch:\n  port: %d\n  settings: {tier2_dir: {args: [--dir, \"{tier2_dir}\"]}}\nkv: {at: \":%d/metrics\"}\n",
			port, port+2)})
	out, run := decided(t, "H7", configs, []string{"-launch", "B=sim-dynamo", "-dir", dir})
	assert.Contains(t, out, "fio and the probe use 0.07 GB of their own in "+dir)
	logs, err := filepath.Glob(filepath.Join(run, "servers", "B-*.log"))
	require.NoError(t, err)
	require.Len(t, logs, 1)
	said, err := os.ReadFile(logs[0])
	require.NoError(t, err)
	assert.Regexp(t, `stack B  read: [1-9][0-9.]* MiB in `, string(said), "its tier 2 is real files, which were read")
	codes := map[string]string{}
	for _, g := range reported(t, run).Verdict.Gates {
		codes[g.Name] = g.Code
	}
	for _, name := range []string{"treatment", "counters", "errors", "answers", "cadence"} {
		assert.Contains(t, codes, name)
		assert.Empty(t, codes[name], name)
	}
	assert.NotContains(t, []string{"never_read", "not_reported", "no_tiers"}, codes["tier_2_reads"])
	var checks struct {
		Verdict struct {
			Checks []struct {
				Name  string   `json:"name"`
				Value *float64 `json:"value"`
			} `json:"checks"`
		} `json:"verdict"`
	}
	text, err := os.ReadFile(filepath.Join(run, "report.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &checks))
	for _, c := range checks.Verdict.Checks {
		if c.Name == "bytes_add_up" {
			assert.NotNil(t, c.Value, "bytes are predicted, and were read")
		}
	}
	assert.Len(t, checks.Verdict.Checks, 5)
	cells, err := filepath.Glob(filepath.Join(run, "cells", "*", "cell.json"))
	require.NoError(t, err)
	require.Len(t, cells, 2)
	for _, cell := range cells {
		var c record.CellInfo
		text, err := os.ReadFile(cell)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &c))
		require.NotNil(t, c.Fio)
		require.NotNil(t, c.Fio.End)
		assert.Positive(t, c.Fio.End.Read.Bytes)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}
