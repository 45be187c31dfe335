package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ran is what the program prints, and how it ends.
func ran(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := rootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// A command refuses what it does not take, and names it: none runs without what was meant.
func TestStrayArguments(t *testing.T) {
	const cause = ": a switch takes its value with = (--stamp=false), and a value with spaces needs quotes"
	dir := filepath.Join(t.TempDir(), "prompts")
	for line, want := range map[string]string{
		"nothing":                        `"nothing" is no command of sparkharness: there are archive, compare, completion, doctor, drive-model, export, fio-from-run, inputs, io, load, serve, trace, verify`,
		"trace stat x.jsonl":             `"stat" is no command of trace: there are generate, replay, stats`,
		"trace stats a b --model L70B":   `"b" is no argument of stats` + cause,
		"trace stats":                    "stats needs a FILE: the trace to read",
		"trace generate x":               `"x" is no argument of generate` + cause,
		"inputs 1 --dir " + dir:          `"1" is no argument of inputs` + cause,
		"serve --stamp false --seed 2":   `"false" is no argument of serve` + cause,
		"trace replay a b --url u --out": "flag needs an argument: --out",
	} {
		_, err := ran(t, strings.Fields(line)...)
		require.EqualError(t, err, want, line)
	}
	_, err := ran(t, strings.Fields("trace replay a b --url u --dialect dynamo --out "+dir)...)
	require.EqualError(t, err, `"b" is no argument of replay`+cause)
	assert.NoDirExists(t, dir)
	for _, group := range [][]string{nil, {"trace"}} {
		out, err := ran(t, group...)
		require.NoError(t, err)
		assert.Contains(t, out, "Available Commands:")
	}
}

// Times of a replay have an end.
func TestReplayTimesAreBounded(t *testing.T) {
	for flag, want := range map[string]string{
		"--timeout=0s":       "--timeout 0s: above 0 and at most 24h0m0s is needed",
		"--timeout=2562047h": "--timeout 2562047h0m0s: above 0 and at most 24h0m0s is needed",
		"--warmup=-1s":       "--warmup -1s: at least 0 and at most 876000h0m0s is needed",
		"--warmup=2562047h":  "--warmup 2562047h0m0s: at least 0 and at most 876000h0m0s is needed",
	} {
		dir := filepath.Join(t.TempDir(), "out")
		_, err := ran(t, "trace", "replay", traceFile(t, halfMinute), "--url", "http://127.0.0.1:1", "--dialect", "dynamo", "--out", dir, flag)
		require.EqualError(t, err, want)
		assert.NoDirExists(t, dir)
	}
}
