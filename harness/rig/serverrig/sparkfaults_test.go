//go:build spark

package serverrig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sparkharness/harness/cpus"
	"sparkharness/harness/drive"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tinyPlan is H2B as two cells of some seconds, whose prefixes go through tier 2 of the small server below.
const tinyPlan = `base: BASE/hypotheses/h2b.yaml
model: L8B
load:
  think_time: {dist: uniform, min: 200ms, max: 400ms}
  output_tokens: {dist: constant, value: 4}
  request_timeout: 3s
gates: {max_again: 1, max_send_lag: 1s}
sweep: {ctx: [512], conc: [4]}
run:
  reps: 1
  early_looks: []
  duration: 3s
  max_duration: 4s
  min_requests: 10
  cadence: 100ms
  baseline: 1s
  observer: 100ms
  warmup: {min: 1s, max: 2s, passes: 1}
`

// smallTiers are a device pool of one prefix of 512 tokens and some, and half as much of host memory.
const smallTiers = `base: BASE/stackB_llama70b_dynamo_tiered.yaml
dynamo:
  offload_min_frequency: 1
  tiers:
    tier0: {capacity_bytes: 160MiB}
    tier1: {capacity_bytes: 80MiB}
    tier2: {capacity_bytes: 4GiB}
`

// Whatever befalls a server during a cell, the run ends by itself with a verdict that is not Supported, and says what was the matter;
// without a fault the gates that say so pass. A busy machine may take samples from the pages, and the simulated tier reads no drive: of
// these two gates only the fault's own code is looked at.
func TestFaultsDuringACell(t *testing.T) {
	if _, err := drive.Of(t.TempDir(), drive.Here()); errors.Is(err, drive.ErrNoDrive) {
		t.Skipf("NOT TESTED ON A REAL DRIVE: %v: set TMPDIR to a folder on one", err)
	}
	for _, tc := range []struct {
		fault, world string
		gate, code   string
		detail       string
	}{
		{fault: noFault},
		{fault: workerKilled, gate: "counters", code: "kv_reset", detail: "the worker was restarted"},
		{fault: pagesGone, gate: "alignment", code: "coverage", detail: "stack=B"},
		{fault: storm, gate: "errors", code: "failed_requests", detail: "stack=B"},
		{fault: tooMany, gate: "errors", code: "failed_requests", detail: "stack=B"},
		{fault: overloaded, gate: "errors", code: "failed_requests", detail: "stack=B"},
		{fault: streamsCut, gate: "errors", code: "failed_requests", detail: "stack=B"},
		{fault: hang, gate: "errors", code: "timeouts", detail: "stack=B"},
		{fault: noFault, world: "wrong_kv", gate: "answers", code: "wrong_answer", detail: "the server went on from KV that is not the prompt's"},
		{fault: noFault, world: "tier_never_fires", gate: "tier_2_reads", code: "never_read", detail: "nothing was read from it"},
	} {
		t.Run(strings.TrimSpace(tc.fault+" "+tc.world), func(t *testing.T) {
			got := judged(t, tc.fault, tc.world)
			assert.NotEqual(t, "Supported", got.Verdict.Outcome)
			codes := map[string]string{}
			for _, g := range got.Verdict.Gates {
				codes[g.Name] = g.Code
				if tc.gate == g.Name {
					assert.Equal(t, tc.code, g.Code)
					assert.False(t, g.Passed)
					assert.Contains(t, g.Detail, tc.detail)
				}
			}
			if tc.gate == "" {
				for _, name := range []string{"counters", "errors", "answers", "treatment"} {
					assert.Contains(t, codes, name)
					assert.Empty(t, codes[name], name)
				}
				return
			}
			assert.Contains(t, codes, tc.gate)
			assert.Contains(t, strings.Join(got.Verdict.Reasons, "\n"), tc.detail)
		})
	}
}

// A server that ends for good in the middle of a cell ends the run: the cell fails with what the server said last, nothing is concluded
// from it, what was measured before stays, and -resume goes on.
func TestServerEndsForGood(t *testing.T) {
	if _, err := drive.Of(t.TempDir(), drive.Here()); errors.Is(err, drive.ErrNoDrive) {
		t.Skipf("NOT TESTED ON A REAL DRIVE: %v: set TMPDIR to a folder on one", err)
	}
	out, run, err := ended(t, "H2B", withFault(t, endsForGood, ""), []string{"-launch", "A=sim-trtllm,B=sim-dynamo", "-dir", t.TempDir()})
	require.Error(t, err)
	got := reported(t, run)
	assert.Equal(t, "Inconclusive", got.Verdict.Outcome)
	assert.Contains(t, strings.Join(got.Verdict.Reasons, "\n"), "1 of 2 planned cells were measured")
	assert.Contains(t, out, "the server ended (exit status 3) by itself: look at its log, ")
	assert.Contains(t, out, "fatal: out of memory")
	assert.Contains(t, out, "those are kept in "+run+": when what failed is mended, -resume goes on")
}

// A client that others keep off its CPU sends late: the run ends Invalid and says that it was the client.
func TestClientStarvedOfCPU(t *testing.T) {
	if _, err := drive.Of(t.TempDir(), drive.Here()); errors.Is(err, drive.ErrNoDrive) {
		t.Skipf("NOT TESTED ON A REAL DRIVE: %v: set TMPDIR to a folder on one", err)
	}
	_, err := hypotheses() // which is compiled with all CPUs
	require.NoError(t, err)
	undo, err := cpus.Pin("0")
	if err != nil {
		t.Skip(err)
	}
	for range 6 { // they have the CPU of who starts them
		busy := exec.Command("sh", "-c", "while :; do :; done")
		require.NoError(t, busy.Start())
		defer func() { _ = busy.Process.Kill(); _ = busy.Wait() }()
	}
	require.NoError(t, undo())
	configs := overlay(t, map[string]string{"hypotheses/h2b.yaml": strings.Replace(tinyPlan, ", max_send_lag: 1s", "", 1), "stackB_llama70b_dynamo_tiered.yaml": smallTiers})
	_, run := decided(t, "H2B", configs, []string{"-launch", "A=sim-trtllm,B=sim-dynamo", "-dir", t.TempDir(), "-client-cpus", "0"})
	got := reported(t, run)
	assert.Equal(t, "Invalid", got.Verdict.Outcome)
	assert.Contains(t, strings.Join(got.Verdict.Reasons, "\n"), "the client was the bottleneck, stack=")
	assert.Contains(t, strings.Join(got.Verdict.Reasons, "\n"), "end what else uses its CPUs")
}

// judged is the verdict on a tiny plan with a fault of stack B's server in a world of the simulated machine.
func judged(t *testing.T, fault, world string) verdictOf {
	t.Helper()
	_, run := decided(t, "H2B", withFault(t, fault, world), []string{"-launch", "A=sim-trtllm,B=sim-dynamo", "-dir", t.TempDir()})
	return reported(t, run)
}

// withFault are configurations of a tiny plan whose stack B has a server with a fault, in a world of the simulated machine.
func withFault(t *testing.T, fault, world string) string {
	t.Helper()
	me, err := os.Executable()
	require.NoError(t, err)
	args := "--bind, \"{host}\", --port, \"{port}\", --configs, \"{configs}\", --stack, \"{stack_file}\", --model, \"{model_name}\""
	if world != "" {
		args += ", --world, " + world
	}
	port := freePorts(t, 3)
	return overlay(t, map[string]string{"hypotheses/h2b.yaml": tinyPlan, "stackB_llama70b_dynamo_tiered.yaml": smallTiers,
		"servers/sim-dynamo.yaml": fmt.Sprintf("base: BASE/servers/sim-dynamo.yaml\nlaunch:\n  port: %d\n  process:\n    command: [%s, \"{sparkharness}\", serve, %s]\n    env: {%s: %q}\nkv: {at: \":%d/metrics\"}\n",
			port, me, args, faultRole, fault, port+2)})
}
