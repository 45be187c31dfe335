package rates

import (
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// ratesOf counts the runs of H2A and H1 with the lines of dir.
func ratesOf(t *testing.T, p *played, dir string, seeds ...uint64) (report.ErrorRates, int) {
	t.Helper()
	p.ran = nil
	rates, runs, err := p.count(t, dir).Rates([]verdict.Hypothesis{h2a, h1}, seeds)
	require.NoError(t, err)
	return rates, runs
}

func TestErrorRatesCount(t *testing.T) {
	dir := t.TempDir()
	p := &played{name: "program", verdicts: map[string]verdict.Judgement{
		"H2A/default/2":      outcome(verdict.Inconclusive, "too little data"),
		"H2A/swap_to_nvme/3": outcome(verdict.Supported, "it holds"),
		"H1/default/1":       outcome(verdict.Invalid, "gate treatment failed"),
		"H1/default/3":       outcome(verdict.Refuted, ""),
	}}
	rates, runs := ratesOf(t, p, dir, 1, 2, 3)
	assert.Equal(t, 12, runs)
	assert.Len(t, p.ran, 12)
	assert.Equal(t, report.ErrorRates{Schema: report.ErrorRatesSchema, Commit: "abc", Program: "program", Rates: []report.ErrorRate{
		{Hypothesis: "H2A", World: "default", FirstSeed: 1, LastSeed: 3, Supported: 2, Inconclusive: 1,
			Other: []report.OtherVerdict{{Seed: 2, Outcome: verdict.Inconclusive, Reason: "too little data"}}},
		{Hypothesis: "H2A", World: "swap_to_nvme", Control: true, By: []string{"traffic_as_idle"}, FirstSeed: 1, LastSeed: 3, Supported: 1, Refuted: 2,
			Other: []report.OtherVerdict{{Seed: 3, Outcome: verdict.Supported, Reason: "it holds"}}},
		{Hypothesis: "H1", World: "default", FirstSeed: 1, LastSeed: 3, Supported: 1, Refuted: 1, Invalid: 1,
			Other: []report.OtherVerdict{{Seed: 1, Outcome: verdict.Invalid, Reason: "gate treatment failed"}, {Seed: 3, Outcome: verdict.Refuted}}},
		{Hypothesis: "H1", World: "lora_preloaded", Control: true, By: []string{"first_touch"}, FirstSeed: 1, LastSeed: 3, Refuted: 3, Other: []report.OtherVerdict{}},
	}}, rates)

	// Each run has left a line with what decided it.
	lines := linesIn(t, filepath.Join(dir, "h2a.swap_to_nvme.jsonl"))
	require.Len(t, lines, 3)
	seeds := map[uint64]line{}
	for _, l := range lines {
		var read line
		require.NoError(t, json.Unmarshal([]byte(l), &read))
		seeds[read.Seed] = read
	}
	first := seeds[1]
	for _, digest := range []string{first.Design, first.Machine, first.Rules} {
		assert.Regexp(t, "^[0-9a-f]{16}$", digest)
	}
	assert.NotEqual(t, first.Design, seeds[2].Design, "the seed is part of the design")
	assert.Equal(t, []string{first.Machine, first.Rules}, []string{seeds[2].Machine, seeds[2].Rules})
	assert.Equal(t, line{Hypothesis: "H2A", World: "swap_to_nvme", Seed: 1, Outcome: verdict.Refuted, Reason: "the claim is not so",
		Checks: []check{}, Gates: []string{}, Commit: "abc", key: first.key}, first)
	var supported []float64
	for _, l := range linesIn(t, filepath.Join(dir, "h2a.default.jsonl")) {
		var read line
		require.NoError(t, json.Unmarshal([]byte(l), &read))
		if read.Outcome == verdict.Supported {
			require.NotNil(t, read.Effect)
			supported = append(supported, float64(*read.Effect))
		}
	}
	assert.Equal(t, []float64{1.5, 1.5}, supported)
}

// What this program has concluded under this configuration is not run again; what another program has, or
// this one under another configuration, is.
func TestErrorRatesResume(t *testing.T) {
	dir := t.TempDir()
	first := &played{name: "first"}
	before, _ := ratesOf(t, first, dir, 1, 2)
	require.Len(t, first.ran, 8)

	again, runs := ratesOf(t, first, dir, 1, 2)
	assert.Empty(t, first.ran)
	assert.Equal(t, 8, runs)
	assert.Equal(t, before, again, "read from the lines, the rates are the same")

	more, _ := ratesOf(t, first, dir, 1, 2, 3)
	assert.ElementsMatch(t, []string{"H2A/default/3", "H2A/swap_to_nvme/3", "H1/default/3", "H1/lora_preloaded/3"}, first.ran)
	assert.Equal(t, 3, more.Rates[0].N())

	second := &played{name: "second", verdicts: map[string]verdict.Judgement{"H2A/default/1": outcome(verdict.Refuted, "with other code")}}
	other, _ := ratesOf(t, second, dir, 1, 2)
	assert.Len(t, second.ran, 8, "another program's verdicts are not this one's")
	assert.Equal(t, 1, other.Rates[0].Refuted)
	require.Len(t, linesIn(t, filepath.Join(dir, "h2a.default.jsonl")), 5, "and they stay")

	second.reps = 3
	_, _ = ratesOf(t, second, dir, 1)
	assert.Len(t, second.ran, 4, "more blocks are judged by other looks")
	_, _ = ratesOf(t, second, dir, 1)
	assert.Empty(t, second.ran, "the last line of a run counts")
	second.reps = 0
	_, _ = ratesOf(t, second, dir, 2)
	assert.Empty(t, second.ran)
}

// A run without a whole verdict leaves no line: it is missing, and due the next time.
func TestErrorRatesMissing(t *testing.T) {
	dir := t.TempDir()
	p := &played{name: "program", verdicts: map[string]verdict.Judgement{
		"H2A/default/1": {RunID: "none"},
		"H1/default/2":  {Interrupted: true, Verdict: verdict.Verdict{Outcome: verdict.Supported}},
	}}
	rates, runs := ratesOf(t, p, dir, 1, 2)
	assert.Equal(t, []int{2, 8}, []int{rates.Missing, runs})
	assert.Equal(t, 1, rates.Rates[0].N())
	assert.Equal(t, []uint64{1, 2}, []uint64{rates.Rates[0].FirstSeed, rates.Rates[0].LastSeed}, "what was asked for")
	require.Len(t, linesIn(t, filepath.Join(dir, "h2a.default.jsonl")), 1)

	p.verdicts = nil
	rates, _ = ratesOf(t, p, dir, 1, 2)
	assert.ElementsMatch(t, []string{"H2A/default/1", "H1/default/2"}, p.ran)
	assert.Zero(t, rates.Missing)

	other := &played{name: "other", verdicts: map[string]verdict.Judgement{"H2A/default/1": {RunID: "none"}}}
	rates, _ = ratesOf(t, other, dir, 1, 2)
	assert.Equal(t, []int{1, 1}, []int{rates.Missing, rates.Rates[0].N()}, "another program's verdict does not stand in")

	// Once the run is to stop, no verdict is taken, and nothing more is begun.
	stopping := &played{}
	stopping.door = func(d *Door) {
		d.Execute = func(Run, string) (*verdict.Judgement, string) {
			stopping.stop.Store(true)
			return &verdict.Judgement{Verdict: verdict.Verdict{Outcome: verdict.Refuted}}, ""
		}
	}
	c := stopping.count(t, t.TempDir())
	rates, _, err := c.Rates([]verdict.Hypothesis{h2a}, []uint64{1})
	require.NoError(t, err)
	assert.Equal(t, 2, rates.Missing)
	c.Door.Execute = nil
	_, _, err = c.Rates([]verdict.Hypothesis{h2a}, []uint64{1, 2})
	require.ErrorIs(t, err, ErrInterrupted, "not even planned")
}

// Each run has a folder of its own, which is gone afterwards.
func TestErrorRatesRunsAreApart(t *testing.T) {
	var mu sync.Mutex
	folders := map[string]bool{}
	p := &played{}
	see := func(results string) {
		mu.Lock()
		defer mu.Unlock()
		assert.DirExists(t, results)
		folders[results] = true
	}
	p.door = func(d *Door) {
		d.FirstBlock = func(r Run, results string) (*evidence.Evidence, error) {
			see(results)
			return p.firstBlock(r, results)
		}
		d.Execute = func(r Run, results string) (*verdict.Judgement, string) {
			see(results)
			return p.execute(r, results)
		}
	}
	_, _, err := p.count(t, t.TempDir()).Rates([]verdict.Hypothesis{h2a}, []uint64{1, 2, 3})
	require.NoError(t, err)
	require.Len(t, folders, 8, "of six runs, and of two machines")
	for f := range folders {
		assert.NoDirExists(t, f)
	}
}

// Only the worlds that are asked for are counted; one that nothing has would else count nothing, and pass.
func TestErrorRatesOfSomeWorlds(t *testing.T) {
	p := &played{name: "program"}
	c := p.count(t, t.TempDir())
	c.Worlds = []string{"default"}
	rates, runs, err := c.Rates([]verdict.Hypothesis{h2a, h1}, []uint64{1, 2})
	require.NoError(t, err)
	assert.Equal(t, 4, runs)
	for _, r := range rates.Rates {
		assert.Equal(t, "default", r.World)
	}
	c.Worlds = []string{"default", "nowhere"}
	_, _, err = c.Rates([]verdict.Hypothesis{h2a, h1}, []uint64{1})
	require.ErrorContains(t, err, "-worlds nowhere: no hypothesis that is counted has a world of that name")
}
