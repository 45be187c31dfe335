package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// runTrace is what `sparkharness trace` prints.
func runTrace(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := traceCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	if slices.Contains(args, "--model") {
		args = append(args, "--configs", "../../../configs")
	}
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

// halfMinute is a trace of three requests: the second repeats the first's first block, the third its prompt.
const halfMinute = `{"timestamp": 0, "input_length": 1024, "output_length": 10, "hash_ids": [0, 1]}
{"timestamp": 10000, "input_length": 1000, "output_length": 20, "hash_ids": [0, 2]}
{"timestamp": 30000, "input_length": 1024, "output_length": 30, "hash_ids": [0, 1]}
`

func traceFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func TestTraceStats(t *testing.T) {
	path := traceFile(t, halfMinute)
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"plain": {nil, `requests         3
sessions         1
span             30.0 s (timestamps are in milliseconds)
rate             0.0667 /s
CoV of gaps      0.333
distinct blocks  3 of 512 tokens
with reuse       2 requests (66.7 %)
reusable         50.4 % of prompt tokens (prefix cache without limit)

lengths, tokens  mean  p50   p90   p99   max
input            1016  1024  1024  1024  1024
output           20    20    28    30    30

ideal LRU cache, blocks  hit rate, % of prompt tokens
1                        33.6
2                        33.6
4                        50.4
`},
		"with a model": {[]string{"--model", "L70B", "--time-scale", "0.05", "--max-input", "1010"}, `requests         1
left out         2 with prompts of more than 1010 tokens
sessions         1
span             0.0 s (timestamps are in milliseconds)
rate             - /s
CoV of gaps      -
distinct blocks  2 of 512 tokens
with reuse       0 requests (0.0 %)
reusable         0.0 % of prompt tokens (prefix cache without limit)

lengths, tokens  mean  p50   p90   p99   max
input            1000  1000  1000  1000  1000
output           20    20    20    20    20

ideal LRU cache, blocks  GiB (L70B, fp16)  hit rate, % of prompt tokens
1                        0.156             0.0
2                        0.312             0.0
`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := runTrace(t, append([]string{"stats", path}, tc.args...)...)
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

// The 1,016 tokens of a prompt each 15 s of the trace are 67.7 a second.
func TestTraceStatsHoldsTheOfferAgainstPrefill(t *testing.T) {
	path := traceFile(t, halfMinute)
	for name, tc := range map[string]struct {
		args []string
		want []string
		not  string
	}{
		"less than a machine": {[]string{"--model", "L70B"}, []string{
			"prompt tokens    68 /s\n",
			"prefill of L70B  1030 tokens/s for prompts of 2048 tokens; longer ones are slower\n",
			"this offers 0.0658 x what one machine can prefill without a prefix cache, 0.0326 x with one that holds all\n",
		}, "scale time"},
		"more": {[]string{"--model", "L70B", "--time-scale", "0.01"}, []string{
			"prompt tokens    6773 /s\n",
			"this offers 6.58 x what one machine can prefill without a prefix cache, 3.26 x with one that holds all; " +
				"scale time by at least 0.1 (--time-scale) for a machine that caches nothing\n",
		}, ""},
		"half the KV":   {[]string{"--model", "L70B", "--kv-dtype", "fp8"}, []string{"GiB (L70B, fp8)", "\n4                        0.312            50.4\n"}, ""},
		"another model": {[]string{"--model", "L8B"}, []string{"GiB (L8B, fp16)", "\n4                        0.25             50.4\n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := runTrace(t, append([]string{"stats", path}, tc.args...)...)
			require.NoError(t, err)
			for _, want := range tc.want {
				assert.Contains(t, got, want)
			}
			if tc.not != "" {
				assert.NotContains(t, got, tc.not)
			}
		})
	}
}

// The advice holds: at the scale that it names the offer is no more than a machine can prefill.
func TestTraceStatsAdviceIsEnough(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.jsonl")
	_, err := runTrace(t, "generate", "--rate", "2", "--out", path)
	require.NoError(t, err)
	got, err := runTrace(t, "stats", path, "--model", "L70B", "--time-scale", "0.7")
	require.NoError(t, err)
	_, advice, found := strings.Cut(got, "scale time by at least ")
	require.True(t, found, got)
	scale, _, _ := strings.Cut(advice, " ")
	got, err = runTrace(t, "stats", path, "--model", "L70B", "--time-scale", scale)
	require.NoError(t, err)
	assert.NotContains(t, got, "scale time")
	assert.Regexp(t, `this offers (0\.9[89]\d?|1) x`, got, "nor is it much more than needed")
}

func TestTraceStatsChoosesSessions(t *testing.T) {
	const committed = "../../../inputs/traces/chat_small.jsonl"
	one, err := runTrace(t, "stats", committed, "--sessions", "0.4", "--seed", "1")
	require.NoError(t, err)
	two, err := runTrace(t, "stats", committed, "--sessions", "0.4", "--seed", "2")
	require.NoError(t, err)
	assert.NotEqual(t, one, two)
	again, err := runTrace(t, "stats", committed, "--sessions", "0.4", "--seed", "1")
	require.NoError(t, err)
	assert.Equal(t, one, again)
}

func TestTraceStatsRefuses(t *testing.T) {
	path := traceFile(t, halfMinute)
	bad := traceFile(t, halfMinute+"{}\n"+strings.Repeat("no\n", 30))
	for name, tc := range map[string]struct {
		args []string
		want []string
	}{
		"no file":      {nil, []string{"stats needs a FILE"}},
		"faults":       {[]string{bad}, []string{bad + ":4: timestamp is missing\n", bad + ":5: not JSON", "\nand 11 more"}},
		"no such file": {[]string{path + "x"}, []string{path + "x"}},
		"no model":     {[]string{path, "--model", "L1B"}, []string{"L1B", "L70B"}},
		"no element":   {[]string{path, "--model", "L8B", "--kv-dtype", "int3"}, []string{`"int3": use fp16 or fp8`}},
		"no time":      {[]string{path, "--time-scale", "0"}, []string{"above 0"}},
		"no sessions":  {[]string{path, "--sessions", "0"}, []string{"above 0"}},
		"too many":     {[]string{path, "--sessions", "2"}, []string{"share of sessions 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := runTrace(t, append([]string{"stats"}, tc.args...)...)
			for _, want := range tc.want {
				assert.ErrorContains(t, err, want)
			}
			assert.Empty(t, out)
		})
	}
}

func TestTraceGenerate(t *testing.T) {
	committed, err := os.ReadFile("../../../inputs/traces/chat_small.jsonl")
	require.NoError(t, err)
	got, err := runTrace(t, "generate")
	require.NoError(t, err)
	// No Equal on the text: a difference would print both.
	assert.True(t, string(committed) == got, "without flags it is the committed trace")

	path := filepath.Join(t.TempDir(), "made.jsonl")
	got, err = runTrace(t, "generate", "--out", path, "--seed", "9", "--rate", "1", "--span", "1m", "--turns", "2",
		"--think", "1s", "--system", "600", "--first", "300", "--first-sigma", "0.1", "--user", "20", "--user-sigma", "0.1",
		"--output", "50", "--output-sigma", "0", "--max-input", "2000")
	require.NoError(t, err)
	assert.Equal(t, "wrote "+path+"\n", got)
	got, err = runTrace(t, "stats", path)
	require.NoError(t, err)
	assert.Regexp(t, `output +50 +50 +50 +50 +50`, got)

	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = runTrace(t, "generate", "--out", path, "--turns", "0")
	assert.ErrorContains(t, err, "turns")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after, "flags that are refused leave the file as it is")

	_, err = runTrace(t, "generate", "--out", filepath.Join(path, "below"))
	assert.ErrorContains(t, err, path)
}

func TestTraceHelpHasExamples(t *testing.T) {
	for _, cmd := range traceCommand().Commands() {
		got, err := runTrace(t, cmd.Name(), "--help")
		require.NoError(t, err)
		assert.Contains(t, got, "Examples:\n  sparkharness trace "+cmd.Name())
	}
}
