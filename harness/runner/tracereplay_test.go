package runner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/trace"
)

const chatSmall = root + "/inputs/traces/chat_small.jsonl"

// roomy is Stack B with the 8B and tiers with room for the KV of prompts of 126,000 tokens: 128 KiB a
// token, so that one takes 15.4 GiB of the device.
func roomy(t *testing.T) simrig.Options {
	t.Helper()
	folder, err := config.OpenFolder(root + "/configs")
	require.NoError(t, err)
	o, err := simrig.Configured(folder, "stackB_llama70b_dynamo_tiered.yaml", "default", "L8B", "")
	require.NoError(t, err)
	stack := o.Stack
	stack.Dynamo.Tiers.Tier0.CapacityBytes = 20 << 30
	stack.Dynamo.Tiers.Tier1.CapacityBytes = 40 << 30
	stack.Dynamo.Tiers.Tier2.CapacityBytes = 512 << 30
	tokenizer, err := prompt.NewTokenizer()
	require.NoError(t, err)
	o.Seed, o.Dir, o.Tokenize = 1, t.TempDir(), tokenizer.IDs
	return o
}

// replayTrace sends a trace to the machine in virtual time and returns how much of that it took.
func replayTrace(t *testing.T, o simrig.Options, path string, choice trace.Options, sink func(*record.Request) error) (took time.Duration) {
	t.Helper()
	segments, err := prompt.NewSegments(1)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		requests, err := trace.OpenWith(path, choice)
		require.NoError(t, err)
		defer requests.Close()
		start := time.Now()
		machine, err := simrig.OpenMachine(o)
		require.NoError(t, err)
		defer func() { assert.NoError(t, machine.Close()) }()
		ep := machine.Endpoint()
		model, err := load.ServedModel(t.Context(), ep.HTTP, ep.BaseURL)
		require.NoError(t, err)
		_, err = load.Run(t.Context(), load.Spec{
			RunID: "replay", Stack: "B", Model: o.Stack.Model, Workload: "trace", Nonce: load.NonceNone,
			Loop: load.Replay{Items: func() (load.Item, error) {
				r, err := requests.Next()
				item := load.Item{At: time.Microsecond + r.At, InputTokens: r.Input, OutputTokens: r.Output, BlockTokens: trace.BlockTokens}
				for _, id := range r.Blocks {
					item.Blocks = append(item.Blocks, uint64(id))
				}
				return item, err
			}},
			// The end of a prompt that is too short for a key is line breaks, a token each.
			Prompter: load.BlockPrompts{Least: 1, Text: func(key uint64, tokens int) (string, error) {
				if tokens < prompt.MinSegment {
					return strings.Repeat("\n", tokens), nil
				}
				return segments.Text(key, tokens)
			}},
			Timeout: time.Hour, Seed: 1, BaseURL: ep.BaseURL, API: ep.API, Dialect: ep.Dialect, ModelID: model,
			HTTP: ep.HTTP, Warmup: load.Warmup{Min: time.Microsecond}, MaxDuration: 1000 * time.Hour, Start: start,
		}, sink, func(string) {})
		require.NoError(t, err)
		took = time.Since(start)
	})
	return took
}

// The cached tokens that the server reports are what the trace says is reusable: what recurs in this trace
// is whole blocks of 512 tokens, and those are whole blocks of 32 of the server too. The server may report
// less, because where a prompt's last, shorter block recurs it reuses only the blocks of 32 in it, because it
// finds only part of a prefix that is still being computed, and because its tiers end. It cannot report more.
func TestReplayTrace(t *testing.T) {
	st, err := trace.Describe(chatSmall, trace.Options{})
	require.NoError(t, err)
	sums := map[int]string{}
	for _, procs := range []int{1, 4} {
		before := runtime.GOMAXPROCS(procs)
		dir := t.TempDir()
		w, err := record.Create(filepath.Join(dir, "metrics.jsonl"), flushBytes)
		require.NoError(t, err)
		n, asked, counted, cached := 0, 0, 0, 0
		lines := &instants{w: w} // answers that end at the same instant are handed over in any order
		replayTrace(t, roomy(t), chatSmall, trace.Options{}, func(r *record.Request) error {
			n++
			require.Equal(t, record.RCOK, r.RC)
			require.Equal(t, r.ContextTokens, *r.PromptTokens, "request %d", r.User)
			require.Equal(t, r.AskedTokens, *r.OutputTokens)
			asked += r.ContextTokens
			counted += *r.PromptTokens
			cached += *r.CachedTokens
			return lines.add(r)
		})
		require.NoError(t, errors.Join(lines.flush(), w.Close()))
		runtime.GOMAXPROCS(before)
		assert.Equal(t, st.Requests, n)
		assert.EqualValues(t, st.InputTokens, asked, "prompts are as long as the trace says")
		share := float64(cached) / float64(counted)
		t.Logf("cached %.5f of prompt tokens, reusable %.5f", share, st.ReusableShare)
		assert.LessOrEqual(t, share, st.ReusableShare)
		assert.InDelta(t, st.ReusableShare, share, 0.02)
		sums[procs] = sumFiles(t, dir)
	}
	assert.Equal(t, sums[1], sums[4])
}

// benchVariable, set to anything, asks for the measurements that take minutes.
const benchVariable = "SPARKHARNESS_BENCH"

// maxReplayHeap bounds the heap of a replay in MiB, simulated server and its clients included: a trace is
// streamed. On two cores 200 to 280 were measured.
const maxReplayHeap = 1024

// A trace of the size of the public conversation trace replays in bounded memory. Prints a line in the
// format of Go's benchmarks. The times are scaled so that the 8B keeps up: at a factor of 20 it does not,
// because its KV pool holds some thirteen of these prompts.
func TestReplayLargeTrace(t *testing.T) {
	if os.Getenv(benchVariable) == "" {
		t.Skip("takes minutes: set " + benchVariable + ", or run make bench")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "trace.jsonl")
	f, err := os.Create(path)
	require.NoError(t, err)
	err = trace.Generate(f, trace.GenerateOptions{
		Seed: 3, Sessions: 1.72, Span: time.Hour, Turns: 2, Think: time.Minute, System: 1500,
		First: trace.Lognormal{Mean: 8800, Sigma: 1.2}, User: trace.Lognormal{Mean: 2500, Sigma: 1},
		Output: trace.Lognormal{Mean: 350, Sigma: 0.8}, MaxInput: 126_000,
	})
	require.NoError(t, errors.Join(err, f.Close()))
	w, err := record.Create(filepath.Join(dir, "metrics.jsonl"), flushBytes)
	require.NoError(t, err)

	n, peak := 0, 0.0
	codes := map[string]int{}
	start := time.Now()
	took := replayTrace(t, roomy(t), path, trace.Options{TimeScale: 30}, func(r *record.Request) error {
		if n++; n%500 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, float64(m.HeapAlloc)/(1<<20))
		}
		codes[r.RC]++
		return w.Write(r)
	})
	wall := time.Since(start)
	require.NoError(t, w.Close())
	require.Greater(t, n, 10_000)
	assert.Equal(t, map[string]int{record.RCOK: n}, codes)
	assert.Less(t, peak, float64(maxReplayHeap))
	fmt.Printf("BenchmarkTraceReplay-%d\t%d\t%d ns/op\t%.0f peak-MiB\t%.2f sim-h\n",
		runtime.GOMAXPROCS(0), n, wall.Nanoseconds()/int64(n), peak, took.Hours())
}
