package experiment_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/experiment"
)

// planDigests are the digest of a plan, and those of its cells.
func planDigests(t *testing.T, h experiment.Demand, o *experiment.Choices) (run string, cells map[string]string) {
	t.Helper()
	e, p := testPlan(t, h, o)
	require.NoError(t, experiment.IdentifyCells(p, e, o.Root))
	cells = map[string]string{}
	for _, c := range p.Cells {
		cells[c.Key] = c.Digest
	}
	return p.Digest, cells
}

// A run by a profile is another one, even where the profile changes nothing; its cells are what is measured in them. What a
// profile expects is no part of either.
func TestProfileIsPartOfTheDigest(t *testing.T) {
	o := choices()
	without, cells := planDigests(t, smallH2B, o)
	overlay(t, o, map[string]string{
		"plans/same.yaml":  "plan: same\nnote: n\nhypotheses: {H2B: {}}\n",
		"plans/sure.yaml":  "plan: sure\nnote: n\nhypotheses: {H2B: {expected: [Supported]}}\n",
		"plans/think.yaml": "plan: think\nnote: n\nhypotheses: {H2B: {load: {request_timeout: 599s}}}\n",
	})
	again, _ := planDigests(t, smallH2B, o)
	require.Equal(t, without, again, "the folder itself changes nothing")
	seen := map[string]bool{without: true}
	for _, name := range []string{"same", "sure", "think"} {
		o.Profile = name
		run, of := planDigests(t, smallH2B, o)
		assert.False(t, seen[run], name)
		seen[run] = true
		assert.Equal(t, name != "think", assert.ObjectsAreEqual(cells, of), name)
	}
	text, err := os.ReadFile(filepath.Join(o.Configs, "plans", "same.yaml"))
	require.NoError(t, err)
	o.Profile = "same"
	before, _ := planDigests(t, smallH2B, o)
	text = bytes.Replace(text, []byte("H2B: {}"), []byte("H2B: {expected: [Invalid]}"), 1)
	require.NoError(t, os.WriteFile(filepath.Join(o.Configs, "plans", "same.yaml"), text, 0o644))
	after, _ := planDigests(t, smallH2B, o)
	assert.Equal(t, before, after)
}

// What the hypothesis's own file expects is of its own plan.
func TestProfileExpects(t *testing.T) {
	o := choices()
	overlay(t, o, map[string]string{
		"hypotheses/h2b.yaml": "expected: Refuted\n",
		"plans/any.yaml":      "plan: any\nnote: n\nhypotheses: {H2B: {}}\n",
		"plans/two.yaml":      "plan: two\nnote: n\nhypotheses: {H2B: {expected: [Supported, Inconclusive]}}\n",
	})
	for name, want := range map[string][]string{"": {"Refuted"}, "any": nil, "two": {"Supported", "Inconclusive"}} {
		o.Profile = name
		e, err := experiment.Load(smallH2B, *o)
		require.NoError(t, err)
		assert.Equal(t, want, e.Expected(), name)
	}
}

// A tier 2 that a profile gives takes the place of the stack file's, and one that it does not give leaves that.
func TestProfileGivesTier2(t *testing.T) {
	o := choices()
	before, err := experiment.Load(smallH2B, *o)
	require.NoError(t, err)
	for line, want := range map[string]config.Size{"": before.Stacks["B"].Dynamo.Tiers.Tier2.CapacityBytes, "tier2_bytes: 3GiB\n": 3 << 30} {
		overlay(t, o, map[string]string{
			"profiles/room.yaml": "profile: room\nnote: n\ntier0_bytes: 1GiB\ntier1_bytes: 2GiB\n" + line,
			"plans/room.yaml":    "plan: room\nnote: n\nhypotheses: {H2B: {profile: room}}\n",
		})
		o.Profile = "room"
		e, err := experiment.Load(smallH2B, *o)
		require.NoError(t, err)
		assert.Equal(t, want, e.Stacks["B"].Dynamo.Tiers.Tier2.CapacityBytes, line)
		assert.Equal(t, config.Size(2<<30), e.Stacks["B"].Dynamo.Tiers.Tier1.CapacityBytes)
		o = choices()
	}
}

// A hypothesis that a profile does not have is left out by it, and a profile that is not there is refused with those that are.
func TestProfileLeavesOut(t *testing.T) {
	o := choices()
	o.Profile = "hour"
	_, err := experiment.Load(smallH2A, *o)
	out, ok := errors.AsType[*experiment.LeftOutError](err)
	require.True(t, ok, err)
	assert.EqualError(t, out, "H2A: left out by -profile hour, which has H2B, H4B")
	o.Profile = "second"
	_, err = experiment.Load(smallH2A, *o)
	require.ErrorContains(t, err, "-profile second: there is no file plans/second.yaml in the folder of configurations, ")
	require.ErrorContains(t, err, "(there are hour, l70b, quick, standard)")
}

// The hour's plan before any data: golden. Rewrite with UPDATE=1.
func TestHourGolden(t *testing.T) {
	o := choices()
	o.Profile, o.Configs = "hour", filepath.Join(root, "configs")
	var b bytes.Buffer
	smallH4B := small("H4B", "h4b.yaml", "r_await_ratio", "tier2_hit_share", "p99_ratio", "spearman_min", "fetch_share")
	smallH4B.Windows = true
	for _, h := range []experiment.Demand{smallH2B, smallH4B} {
		e, p := testPlan(t, h, o)
		experiment.Print(&b, p, e, "a claim")
	}
	golden := filepath.Join("testdata", "plan_hour.txt")
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile(golden, b.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), b.String())
}
