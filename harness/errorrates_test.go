package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

func TestParseSeeds(t *testing.T) {
	for _, tc := range []struct {
		text string
		want []uint64
	}{
		{"", nil},
		{"1", []uint64{1}},
		{"7", []uint64{7}},
		{"1-3", []uint64{1, 2, 3}},
		{"5-5", []uint64{5}},
		{"0040-0042", []uint64{40, 41, 42}},
		{"18446744073709551614-18446744073709551615", []uint64{math.MaxUint64 - 1, math.MaxUint64}},
	} {
		got, err := parseSeeds(tc.text)
		require.NoError(t, err, tc.text)
		assert.Equal(t, tc.want, got, tc.text)
	}
	most, err := parseSeeds("2-10001")
	require.NoError(t, err)
	assert.Len(t, most, 10_000)
	for _, bad := range []string{"0", "0-3", "3-1", "1-", "-3", "-", "1-2-3", "a", "1-b", "1,2", " 1", "1 - 3", "+1", "1.5", "1e3", "1-10001", "1-99999999999999999999", "18446744073709551615-1"} {
		got, err := parseSeeds(bad)
		require.ErrorContains(t, err, "-seeds "+bad+": give a range such as 1-40, from 1 on", bad)
		assert.Nil(t, got, bad)
	}
}

// An id that no hypothesis has would else run nothing, and pass.
func TestOnlyThose(t *testing.T) {
	all := []Hypothesis{{ID: "H0"}, {ID: "H4A"}, {ID: "H4B"}}
	for _, tc := range []struct {
		ids  string
		want []string
		err  string
	}{
		{"", []string{"H0", "H4A", "H4B"}, ""},
		{"H4A", []string{"H4A"}, ""},
		{"h4b,H0", []string{"H0", "H4B"}, ""},
		{"H4A, H4B", []string{"H4A", "H4B"}, ""},
		{"H4A,H4A", []string{"H4A"}, ""},
		{"H4", nil, `-only H4: there is no hypothesis "H4"; there are H0, H4A, H4B`},
		{"H0,H9,H10", nil, `-only H0,H9,H10: there is no hypothesis "H10"; there are H0, H4A, H4B`},
		{"H0,", nil, `-only H0,: there is no hypothesis ""; there are H0, H4A, H4B`},
	} {
		got, err := onlyThose(all, tc.ids)
		if tc.err != "" {
			require.EqualError(t, err, tc.err)
			continue
		}
		require.NoError(t, err)
		var ids []string
		for _, h := range got {
			ids = append(ids, h.ID)
		}
		assert.Equal(t, tc.want, ids, tc.ids)
	}
}

// played is a program whose runs come out as verdicts says, by "H/world/seed"; without an entry they are
// Supported in the default world and Refuted elsewhere.
type played struct {
	name     string
	verdicts map[string]verdict.Judgement

	mu  sync.Mutex
	ran []string
}

func (p *played) execute(_ *testing.T, h Hypothesis, o *Options) (*verdict.Judgement, string) {
	key := rateName(h.ID, o.World, o.Seed)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ran = append(p.ran, key)
	if r, ok := p.verdicts[key]; ok {
		if r.RunID == "none" {
			return nil, ""
		}
		return &r, ""
	}
	r := &verdict.Judgement{Verdict: verdict.Verdict{Outcome: verdict.Refuted, Reasons: []string{"the claim is not so", "second"}}}
	if o.World == defaultWorld {
		r.Verdict = verdict.Verdict{Outcome: verdict.Supported, Effect: &verdict.Effect{Estimate: stats.Alone(1.5)}}
	}
	return r, ""
}

func outcome(o verdict.Outcome, reason string) verdict.Judgement {
	return verdict.Judgement{Verdict: verdict.Verdict{Outcome: o, Reasons: []string{reason}}}
}

// withSession gives the options to what reads the session's.
func withSession(t *testing.T, o *Options) {
	t.Helper()
	options, out, asked := session.options, session.out, session.interrupt
	session.options, session.out, session.interrupt = o, io.Discard, newInterrupt()
	t.Cleanup(func() { session.options, session.out, session.interrupt = options, out, asked })
}

// countingRun is a count over one machine, which no fingerprint has to be measured of.
func countingRun(t *testing.T, dir string) *ratesRun {
	t.Helper()
	return &ratesRun{t: t, dir: dir, published: filepath.Join(dir, "published"), commit: "abc", lines: map[string][]rateLine{},
		print: func(*testing.T, Hypothesis, *Options) (string, error) { return "machine", nil }}
}

// ratesOf counts the runs of H2A and H1 with the lines of dir, as RunErrorRates does.
func ratesOf(t *testing.T, p *played, dir string, seeds ...uint64) (report.ErrorRates, int) {
	t.Helper()
	p.ran = nil
	r := countingRun(t, dir)
	r.program, r.execute = record.Program{Judges: p.name}, p.execute
	rates, runs, err := r.rates([]Hypothesis{smallH2A, smallH1}, seeds)
	require.NoError(t, err)
	return rates, runs
}

// linesIn are the lines of a file of error rates.
func linesIn(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func TestErrorRatesCount(t *testing.T) {
	withSession(t, testOptions(t))
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
	seeds := map[uint64]rateLine{}
	for _, l := range lines {
		var line rateLine
		require.NoError(t, json.Unmarshal([]byte(l), &line))
		seeds[line.Seed] = line
	}
	line := seeds[1]
	assert.Regexp(t, "^[0-9a-f]{16}$", line.Design)
	assert.Regexp(t, "^[0-9a-f]{16}$", line.Rules)
	assert.NotEqual(t, line.Design, seeds[2].Design, "the seed is part of the design")
	assert.Equal(t, line.Rules, seeds[2].Rules)
	assert.Equal(t, rateLine{Hypothesis: "H2A", World: "swap_to_nvme", Seed: 1, Outcome: verdict.Refuted, Reason: "the claim is not so",
		Checks: []rateCheck{}, Gates: []string{}, Commit: "abc", rateKey: rateKey{line.Design, "machine", line.Rules}}, line)
	var supported []float64
	for _, l := range linesIn(t, filepath.Join(dir, "h2a.default.jsonl")) {
		require.NoError(t, json.Unmarshal([]byte(l), &line))
		if line.Outcome == verdict.Supported {
			require.NotNil(t, line.Effect)
			supported = append(supported, float64(*line.Effect))
		}
	}
	assert.Equal(t, []float64{1.5, 1.5}, supported)
}

// What this program has concluded under this configuration is not run again; what another program has, or
// this one under another configuration, is.
func TestErrorRatesResume(t *testing.T) {
	o := testOptions(t)
	withSession(t, o)
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

	o.Reps = 3
	_, _ = ratesOf(t, second, dir, 1)
	assert.Len(t, second.ran, 4, "another configuration is another run")
	_, _ = ratesOf(t, second, dir, 1)
	assert.Empty(t, second.ran, "the last line of a run counts")
	o.Reps = 0
	_, _ = ratesOf(t, second, dir, 2)
	assert.Empty(t, second.ran)
}

// A run without a whole verdict leaves no line: it is missing, and due the next time.
func TestErrorRatesMissing(t *testing.T) {
	withSession(t, testOptions(t))
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
	stopping := countingRun(t, t.TempDir())
	stopping.execute = func(*testing.T, Hypothesis, *Options) (*verdict.Judgement, string) {
		session.ask(func() {})
		return &verdict.Judgement{Verdict: verdict.Verdict{Outcome: verdict.Refuted}}, ""
	}
	rates, _, err := stopping.rates([]Hypothesis{smallH2A}, []uint64{1})
	require.NoError(t, err)
	assert.Equal(t, 2, rates.Missing)
	stopping.execute = nil
	_, _, err = stopping.rates([]Hypothesis{smallH2A}, []uint64{1, 2})
	require.ErrorIs(t, err, errInterrupted, "not even planned")
}

// A process that was killed has left half a line: the run that it was of is run again, and its new line
// stands on a line of its own.
func TestErrorRatesTornLine(t *testing.T) {
	withSession(t, testOptions(t))
	dir := t.TempDir()
	path := filepath.Join(dir, "h2a.default.jsonl")
	p := &played{name: "program"}
	_, _ = ratesOf(t, p, dir, 1, 2)
	whole := linesIn(t, path)
	require.Len(t, whole, 2)
	for _, keep := range []int{1, 20, len(whole[1]) - 1, len(whole[1])} {
		t.Run(fmt.Sprint(keep, " bytes"), func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, []byte(whole[0]+"\n"+whole[1][:keep]), 0o644))
			rates, _ := ratesOf(t, p, dir, 1, 2)
			assert.Len(t, p.ran, 1, "that of the torn line")
			assert.Zero(t, rates.Missing)
			lines := linesIn(t, path)
			require.Len(t, lines, 2)
			assert.Equal(t, whole[0], lines[0])
			_, _ = ratesOf(t, p, dir, 1, 2)
			assert.Empty(t, p.ran, "every line can be read again")
		})
	}
	require.NoError(t, os.WriteFile(path, []byte(whole[0][:9]), 0o644))
	_, _ = ratesOf(t, p, dir, 1, 2)
	assert.Len(t, p.ran, 2, "nothing but a torn line")
	require.Len(t, linesIn(t, path), 2)
}

// The repair cuts the torn line off and leaves all others as they are, byte by byte: a process that is killed
// in the middle of it loses none.
func TestErrorRatesRepairKeepsBytes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "h2a.default.jsonl")
	const whole = "{\"hypothesis\":\"H2A\", \"world\":\"default\",\"seed\":1,\"outcome\":\"Supported\",\"note\":\"of a later version\"}\n"
	require.NoError(t, os.WriteFile(path, []byte(whole+whole[:30]), 0o644))
	before, err := os.Stat(path)
	require.NoError(t, err)
	r := countingRun(t, dir)
	require.NoError(t, r.read("H2A", "default"))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, whole, string(b))
	after, err := os.Stat(path)
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, after), "the file is never away")
}

// A line in the middle that cannot be read is not thrown away.
func TestErrorRatesBrokenLine(t *testing.T) {
	dir := t.TempDir()
	r := countingRun(t, dir)
	for _, line := range []string{"{\"hypothesis\":\n{}\n", "{\"hypothesis\":\"H2A\",\"outcome\":\"Bogus\"}\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "h2a.default.jsonl"), []byte(line), 0o644))
		err := r.read("H2A", "default")
		require.ErrorContains(t, err, "h2a.default.jsonl")
		require.ErrorContains(t, err, "move the file away to start anew")
	}
	require.NoError(t, r.read("H2A", "swap_to_nvme"), "nothing is there yet")
}

// Each run has a folder of its own, which is gone afterwards, and prints nothing.
func TestErrorRatesRunsAreApart(t *testing.T) {
	withSession(t, &Options{Rig: defaultRig, World: "default", Root: "..", Configs: filepath.Join("..", "fixtures", "configs"),
		Results: t.TempDir(), Resume: true, PlanOnly: true})
	var mu sync.Mutex
	folders := map[string]bool{}
	r := countingRun(t, t.TempDir())
	r.execute = func(_ *testing.T, _ Hypothesis, o *Options) (*verdict.Judgement, string) {
		mu.Lock()
		defer mu.Unlock()
		assert.DirExists(t, o.Results)
		assert.Equal(t, []bool{true, false, false}, []bool{o.Quiet, o.Resume, o.PlanOnly})
		folders[o.Results] = true
		return &verdict.Judgement{Verdict: verdict.Verdict{Outcome: verdict.Supported}}, ""
	}
	_, _, err := r.rates([]Hypothesis{smallH2A}, []uint64{1, 2, 3})
	require.NoError(t, err)
	require.Len(t, folders, 6)
	for f := range folders {
		assert.NoDirExists(t, f)
	}
	assert.Equal(t, uint64(0), session.options.Seed, "the options of the session stay")
}
