package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/rig/simrig"
)

// loaded loads the simulated Stack B in virtual time, as the arguments say. It returns what was printed, the progress, the
// figures and the raw lines.
func loaded(t *testing.T, ctx context.Context, args string) (out, log string, f figures, lines []record.Request, err error) {
	t.Helper()
	folder, err := config.OpenFolder("../../../configs")
	require.NoError(t, err)
	o, err := simrig.Configured(folder, stackB, "default", "L8B", "")
	require.NoError(t, err)
	tokenizer, err := prompt.NewTokenizer()
	require.NoError(t, err)
	o.Seed, o.Dir, o.Tokenize = 1, t.TempDir(), tokenizer.IDs
	machine, err := simrig.OpenMachine(o)
	require.NoError(t, err)
	defer func() { assert.NoError(t, machine.Close()) }()
	ep := machine.Endpoint()
	var printed, progress bytes.Buffer
	l := plainLoad{
		endpoint: endpoint{url: ep.BaseURL, http: ep.HTTP}, terms: terms{timeout: 10 * time.Minute, warmup: 12 * time.Second},
		kind: &config.Server{Server: "dynamo", Dialect: ep.Dialect}, api: load.APICompletions,
		json: filepath.Join(t.TempDir(), "figures.json"), lines: filepath.Join(t.TempDir(), "lines.jsonl"),
		out: &printed, log: &progress, progress: liveOn(&progress),
		orderly: func(ctx context.Context) (context.Context, func()) { return ctx, func() {} },
	}
	cmd := &cobra.Command{}
	l.loadFlags.flags(cmd)
	require.NoError(t, cmd.ParseFlags(strings.Fields(args+" --seed 1")))
	l.chosen, err = l.loop(cmd)
	require.NoError(t, err)
	l.bounded = cmd.Flags().Changed("duration")
	err = l.run(ctx)
	text, rerr := os.ReadFile(l.json)
	require.NoError(t, rerr)
	require.NoError(t, json.Unmarshal(text, &f))
	_, rerr = record.Read(l.lines, func(r *record.Request) error {
		lines = append(lines, *r)
		return nil
	})
	require.NoError(t, rerr)
	return printed.String(), progress.String(), f, lines, err
}

// Each loop sends what it says, and the figures are those of its lines.
func TestLoadLoops(t *testing.T) {
	for _, tt := range []struct {
		args  string
		check func(t *testing.T, f figures, lines []record.Request)
	}{
		{"--users 4 --duration 30s", func(t *testing.T, f figures, lines []record.Request) {
			assert.Equal(t, 4, lines[0].Concurrency)
			assert.Zero(t, *f.CachedShare, "nothing is shared")
			assert.InDelta(t, 30, *f.SpanS, 1e-6)
			assert.InDelta(t, float64(f.Measured)/30, *f.RPS, 4./30)
		}},
		{"--users 2 --think 2s --reuse user --duration 40s", func(t *testing.T, f figures, _ []record.Request) {
			assert.Greater(t, *f.CachedShare, 0.8, "a user repeats its prompt")
		}},
		{"--users 2 --reuse all --duration 10s --output lognormal:32:0.7", func(t *testing.T, f figures, lines []record.Request) {
			assert.Greater(t, *f.CachedShare, 0.8)
			assert.NotEqual(t, lines[0].AskedTokens, lines[1].AskedTokens)
		}},
		{"--rate 4 --arrivals constant --duration 20s", func(t *testing.T, f figures, _ []record.Request) {
			assert.InDelta(t, 80, f.Measured, 1)
			assert.InDelta(t, 4, *f.RPS, 0.3)
			assert.InDelta(t, 256, *f.OutputTokensPS, 20)
		}},
		{"--rate 2 --arrivals gamma --cv 3 --duration 100s --output 8", func(t *testing.T, f figures, _ []record.Request) {
			assert.InDelta(t, 200, f.Measured, 100)
		}},
		{"--ramp 1:8 --over 60s --duration 50s --output 8", func(t *testing.T, _ figures, lines []record.Request) {
			early, late := 0, 0
			for _, r := range lines {
				switch at := r.IntendedTS - lines[0].IntendedTS; {
				case at < 20:
					early++
				case at > 40:
					late++
				}
			}
			assert.Greater(t, late, 2*early)
		}},
		{"--sessions 4 --turns 5 --shared 0.6 --prompt 1024 --output 32 --think 1s --duration 100s", func(t *testing.T, f figures, lines []record.Request) {
			assert.NotNil(t, lines[0].Session)
			assert.InDelta(t, 0.6, *f.CachedShare, 0.1)
			assert.InDelta(t, 1024, *f.PromptTokens, 100)
		}},
		{"--trace " + chatSmall + " --requests 20", func(t *testing.T, f figures, _ []record.Request) {
			assert.Equal(t, 20, f.Measured)
			assert.Greater(t, *f.CachedShare, 0.5)
		}},
		{"--users 3 --requests 25", func(t *testing.T, f figures, _ []record.Request) { assert.Equal(t, 25, f.Measured) }},
	} {
		t.Run(tt.args, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out, log, f, lines, err := loaded(t, t.Context(), tt.args)
				require.NoError(t, err)
				measured := 0
				for _, r := range lines {
					if r.Phase == record.PhaseMeasure {
						measured++
					}
				}
				assert.Equal(t, figuresSchema, f.Schema)
				assert.True(t, f.Complete)
				assert.Equal(t, len(lines), f.Sent)
				assert.Equal(t, measured, f.Measured)
				assert.Equal(t, measured, f.OK)
				assert.Less(t, measured, len(lines), "there is a warm-up")
				assert.Equal(t, measured, f.TTFT.N)
				assert.Less(t, *f.TTFT.P50, *f.E2E.P50)
				assert.NotNil(t, f.ITL.P99)
				assert.Contains(t, log, "10 s  ")
				assert.Contains(t, out, "\nrequests measured ")
				if !strings.Contains(tt.args, "--trace") && !strings.Contains(tt.args, "--sessions") {
					assert.InDelta(t, 512, *f.PromptTokens, 1)
				}
				tt.check(t, f, lines)
			})
		})
	}
}

// The table as it is printed. The wait for a processor is real in virtual time, too.
func TestLoadTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, log, _, _, err := loaded(t, t.Context(), "--users 4 --duration 30s")
		require.NoError(t, err)
		before, _, found := strings.Cut(out, "wait for a processor")
		require.True(t, found)
		assert.Equal(t, wantLoadTable, before)
		assert.Regexp(t, `^10 s  warm-up  \d+ done, 4 in flight\n20 s  measure  \d+ done, 4 in flight, 0 failed, [\d.]+ req/s, TTFT p50 [\d.]+ ms, p95 [\d.]+ ms\n`, log)
	})
}

const wantLoadTable = `nvidia/Llama-3.1-8B-Instruct-FP8 at http://127.0.0.1:9000 (dynamo, completions), seed 1: closed loop, users 4, think 0s; prompts of 512 tokens, answers of 64; shared: none

requests measured        32: 32 ok, 0 failed
measured for, s          30.0
requests answered, /s    1.067
output tokens, /s        68.27
prompt tokens, mean      512.0
cached prompt tokens, %  0.0

latency, ms  n     p50      p95      p99      max
TTFT         32    249.84   249.84   249.84   249.84
TPOT         32    51.61    51.61    51.61    51.61
ITL          2016  51.64    51.64    51.64    51.69
E2E          32    3501.26  3501.26  3501.26  3501.26

the client's own, ms  n     p50   p95   p99   max
send lag              32    0.00  0.00  0.00  0.00
`

// An interrupt prints the figures of what there is, and says that it was one.
func TestLoadInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(25*time.Second, func() { cancel(asked{syscall.SIGTERM}) })
		out, _, f, lines, err := loaded(t, ctx, "--users 4")
		assert.EqualError(t, err, "interrupted (terminated): the figures are of what was sent until then")
		signal, interrupted := errors.AsType[asked](err)
		require.True(t, interrupted)
		assert.Equal(t, 143, signal.status())
		assert.False(t, f.Complete)
		assert.Equal(t, 4, f.Cancelled)
		assert.Len(t, lines, f.Sent)
		assert.Greater(t, *f.RPS, 0.1)
		assert.Less(t, *f.SpanS, 13.01)
		assert.Contains(t, out, " 4 cancelled\n")
	})
}

// Before anything was measured there is nothing to say, and not 0.
func TestLoadInterruptedInWarmUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(5*time.Second, func() { cancel(asked{syscall.SIGINT}) })
		out, _, f, _, err := loaded(t, ctx, "--rate 4")
		require.Error(t, err)
		assert.Nil(t, f.RPS)
		assert.Nil(t, f.CachedShare)
		assert.Equal(t, latency{}, f.TTFT)
		assert.Contains(t, out, "\nrequests measured        0: 0 ok, 0 failed\nmeasured for, s          -\nrequests answered, /s    -\noutput tokens, /s        -\n")
		assert.Regexp(t, `\nwait for a processor +0( +-){4}\n`, out)
	})
}
