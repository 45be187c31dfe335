package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// sampleErrorRates meet their targets exactly in H0, and miss both in H4A.
func sampleErrorRates() ErrorRates {
	return ErrorRates{Schema: ErrorRatesSchema, Commit: "0123abc", Program: strings.Repeat("ab", 32), Missing: 1, Rates: []ErrorRate{
		{Hypothesis: "H0", World: "default", FirstSeed: 1, LastSeed: 40, Supported: 36, Inconclusive: 4,
			Other: []OtherVerdict{{Seed: 7, Outcome: verdict.Inconclusive, Reason: "undecided: too few windows"}}},
		{Hypothesis: "H0", World: "unlimited_server", Control: true, FirstSeed: 1, LastSeed: 40, Supported: 2, Refuted: 38},
		{Hypothesis: "H4A", World: "default", FirstSeed: 1, LastSeed: 40, Supported: 35, Refuted: 1, Invalid: 3},
		{Hypothesis: "H4A", World: "async_loader", Control: true, FirstSeed: 1, LastSeed: 40, Supported: 3, Refuted: 37,
			Other: []OtherVerdict{{Seed: 11, Outcome: verdict.Supported, Reason: "p99 grew 1.3-fold"}, {Seed: 12, Outcome: verdict.Supported, Reason: "so it did"}}},
		{Hypothesis: "H8B", World: "default", FirstSeed: 1, LastSeed: 40},
	}}
}

func TestErrorRatesGolden(t *testing.T) {
	golden(t, "error_rates.txt", []byte(sampleErrorRates().Text()))
	golden(t, "error_rates.md", []byte(sampleErrorRates().Markdown()))
}

func TestErrorRatesMissed(t *testing.T) {
	assert.Equal(t, []string{
		"H4A in world default is Supported in 35 of 39 runs (at least 90 %)",
		"H4A in world async_loader is Supported in 3 of 40 runs (at most 5 %)",
	}, sampleErrorRates().Missed())
	assert.Empty(t, ErrorRates{}.Missed())
}

// The targets are met at exactly 5 % and 90 %, for each number of runs, and missed by one run more or less.
func TestErrorRatesTargets(t *testing.T) {
	for n := 20; n <= 2000; n += 20 {
		for _, control := range []bool{true, false} {
			k, worse := n*9/10, n*9/10-1
			if control {
				k, worse = n/20, n/20+1
			}
			at := ErrorRate{Control: control, Supported: k, Refuted: n - k}
			assert.True(t, at.met(), "%d of %d, control %v", k, n, control)
			assert.Empty(t, ErrorRates{Rates: []ErrorRate{at}}.Missed())
			past := ErrorRate{Control: control, Supported: worse, Refuted: n - worse}
			assert.False(t, past.met(), "%d of %d, control %v", worse, n, control)
			assert.Len(t, ErrorRates{Rates: []ErrorRate{past}}.Missed(), 1)
		}
	}
	for _, tc := range []struct {
		name string
		rate ErrorRate
		met  bool
	}{
		{"one control run, Supported", ErrorRate{Control: true, Supported: 1}, false},
		{"one control run, not Supported", ErrorRate{Control: true, Invalid: 1}, true},
		{"Invalid and Inconclusive are not Supported", ErrorRate{Supported: 17, Inconclusive: 2, Invalid: 1}, false},
		{"no run of the default world", ErrorRate{}, false},
	} {
		assert.Equal(t, tc.met, tc.rate.met(), tc.name)
	}
}

// Where the configuration expects another outcome of the default world, that one has the target, and is no error.
func TestErrorRatesOfAnotherExpectation(t *testing.T) {
	r := ErrorRate{Hypothesis: "H8B", World: "default", Expected: verdict.Refuted, Supported: 4, Refuted: 36}
	assert.True(t, r.met())
	assert.Equal(t, []bool{false, true}, []bool{r.Errs(verdict.Refuted), r.Errs(verdict.Supported)})
	assert.Contains(t, ErrorRates{Rates: []ErrorRate{r}}.Markdown(), "| met (Refuted) |")
	r.Refuted = 35
	assert.Equal(t, []string{"H8B in world default is Refuted in 35 of 39 runs (at least 90 %)"}, ErrorRates{Rates: []ErrorRate{r}}.Missed())
	assert.Contains(t, ErrorRates{Rates: []ErrorRate{r}}.Markdown(), "| MISSED (Refuted) |")
	control := ErrorRate{Control: true, Supported: 1}
	assert.Equal(t, []bool{false, true}, []bool{control.Errs(verdict.Refuted), control.Errs(verdict.Supported)})
}

// Near a threshold a share that is met by few runs is called no more than that, and one of a count that goes on is one so far.
func TestNearTarget(t *testing.T) {
	for _, tc := range []struct {
		near      Near
		supported int
		of        int
		want      string
	}{
		{Near{Wanted: 200}, 8, 200, "| 7.1 % | 0 % [0, 2] | 96 % [92, 98] | 0 % [0, 2] | met |"},
		{Near{Wanted: 200}, 10, 200, "| 8.3 % | 0 % [0, 2] | 95 % [91, 98] | 0 % [0, 2] | MISSED |"},
		{Near{Wanted: 40}, 2, 40, "| share met |"},
		{Near{Wanted: 40}, 0, 13, "| share met so far |"},
		{Near{Wanted: 40}, 1, 13, "| MISSED so far |"},
		{Near{Wanted: 40, Power: true}, 13, 40, "| power |"},
	} {
		r := ErrorRate{Hypothesis: "H4B", World: "w", Near: &tc.near, Supported: tc.supported, Inconclusive: tc.of - tc.supported}
		assert.Contains(t, ErrorRates{Rates: []ErrorRate{r}}.Markdown(), tc.want, "%d of %d", tc.supported, tc.of)
	}
}

func TestErrorRateCounts(t *testing.T) {
	var r ErrorRate
	for i, o := range []verdict.Outcome{verdict.Supported, verdict.Refuted, verdict.Inconclusive, verdict.Invalid} {
		for range i + 1 {
			r.Count(o)
		}
	}
	assert.Equal(t, ErrorRate{Supported: 1, Refuted: 2, Inconclusive: 3, Invalid: 4}, r)
	assert.Equal(t, 10, r.N())
}

// The interval is the exact binomial one: none in 20 runs leaves up to 17 %.
func TestRateOf(t *testing.T) {
	assert.Equal(t, "-", rateOf(0, 0))
	assert.Equal(t, "0 % [0, 17]", rateOf(0, 20))
	assert.Equal(t, "100 % [83, 100]", rateOf(20, 20))
	assert.Equal(t, "50 % [34, 66]", rateOf(20, 40))
	lo, hi := stats.ClopperPearson(20, 40, 0.95)
	assert.InDelta(t, 0.338, lo, 5e-4)
	assert.InDelta(t, 0.662, hi, 5e-4)
}

func TestErrorRatesWrite(t *testing.T) {
	dir := t.TempDir()
	want := sampleErrorRates()
	require.NoError(t, want.Write(dir, "error_rates"))
	data, err := os.ReadFile(filepath.Join(dir, "error_rates.json"))
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(string(data), "}\n"))
	var got ErrorRates
	require.NoError(t, json.Unmarshal(data, &got))
	assert.Equal(t, want, got)
	for name, text := range map[string]string{"error_rates.txt": want.Text(), "error_rates.md": want.Markdown()} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, text, string(data))
	}
	err = want.Write(filepath.Join(dir, "error_rates.md"), "error_rates") // a file, not a folder
	require.Error(t, err)
	assert.Contains(t, err.Error(), "error_rates.md")
}

func TestErrorRatesCannotMoveTheCursor(t *testing.T) {
	e := sampleErrorRates()
	e.Commit, e.Rates[0].World, e.Rates[0].Other[0].Reason = "\x1b[2J", "\x1b]0;x\a", "a\r\nb"
	assert.NotContains(t, e.Text(), "\x1b")
	assert.NotContains(t, e.Text(), "\r")
	assert.NotContains(t, e.Markdown(), "\x1b")
	for line := range strings.SplitSeq(sampleErrorRates().Text(), "\n") {
		assert.LessOrEqual(t, len([]rune(line)), 160, line)
	}
}
