package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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

const chatSmall = "../../../inputs/traces/chat_small.jsonl"

// replayed replays forty requests of the committed trace to the simulated Stack B in virtual time; change
// sets what is particular. It returns what was printed, the progress and the raw lines.
func replayed(t *testing.T, ctx context.Context, change func(*replay)) (out, log string, lines []record.Request, err error) {
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
	r := replay{
		path: chatSmall, choice: trace.Options{TimeScale: 1, Sessions: 1, Seed: 1, Limit: 40},
		endpoint: endpoint{url: ep.BaseURL, http: ep.HTTP}, terms: terms{timeout: 10 * time.Minute},
		api: load.APICompletions, dialect: ep.Dialect, dir: filepath.Join(t.TempDir(), "new", "replay"), out: &printed, log: &progress,
		orderly: func(ctx context.Context) (context.Context, func()) { return ctx, func() {} },
	}
	change(&r)
	err = r.run(ctx)
	_, rerr := record.Read(filepath.Join(r.dir, metricsFile), func(rec *record.Request) error {
		lines = append(lines, *rec)
		return nil
	})
	require.NoError(t, rerr)
	return printed.String(), progress.String(), lines, err
}

func TestTraceReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		out, log, lines, err := replayed(t, t.Context(), func(*replay) {})
		require.NoError(t, err)
		st, err := trace.Describe(chatSmall, trace.Options{Limit: 40})
		require.NoError(t, err)
		assert.Greater(t, time.Since(start).Seconds(), st.SpanS)
		require.Len(t, lines, 40)
		prompts := 0
		for _, r := range lines {
			assert.Equal(t, record.RCOK, r.RC)
			assert.Equal(t, record.PhaseMeasure, r.Phase)
			assert.Equal(t, r.ContextTokens, *r.PromptTokens)
			prompts += *r.PromptTokens
		}
		assert.EqualValues(t, st.InputTokens, prompts)
		assert.Equal(t, wantTable, out)
		assert.Contains(t, log, "\n20 s  ")
		assert.Regexp(t, `^5 s  \d of 40 requests ended, 0 failed, 0 timed out\n10 s  `, log)
	})
}

const wantTable = `40 requests of 18 sessions; prompts of 2425 tokens in the mean, 70.7 % of them reusable; answers of 217
nvidia/Llama-3.1-8B-Instruct-FP8 at http://127.0.0.1:9000: 147.4 s until the last is sent, and then its answer

requests       40 of 40
measured       40: 40 ok, 0 failed, 0 timed out
answered       0.235 /s
output tokens  50.9 /s
prompt tokens  97015 in 40 answers that say what was cached
reusable       68608 (70.7 %) by the trace
cached         68608 (70.7 %) by the server

latency, ms  n   p50     p95      p99
TTFT         40  106.2   197.2    347.4
E2E          40  9136.9  35320.5  39241.5
`

// Requests due in the warm-up leave lines and are in no other row.
func TestTraceReplayWarmsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, _, lines, err := replayed(t, t.Context(), func(r *replay) { r.warmup = 30 * time.Second })
		require.NoError(t, err)
		warm := 0
		for _, r := range lines {
			if r.Phase == record.PhaseWarmup {
				warm++
			}
		}
		require.NotZero(t, warm)
		assert.Contains(t, out, "\nrequests       40 of 40, "+strconv.Itoa(warm)+" of them in the warm-up\n")
		assert.Contains(t, out, "\nmeasured       "+strconv.Itoa(40-warm)+": "+strconv.Itoa(40-warm)+" ok")
	})
}

// An interrupt keeps what was measured, and says that it was one.
func TestTraceReplayInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(40*time.Second, func() { cancel(asked{syscall.SIGTERM}) })
		out, _, lines, err := replayed(t, ctx, func(*replay) {})
		assert.ErrorContains(t, err, "interrupted (terminated): the table is of what was sent until then, its lines are kept in ")
		signal, interrupted := errors.AsType[asked](err)
		require.True(t, interrupted)
		assert.Equal(t, 143, signal.status())
		require.NotEmpty(t, lines)
		require.Less(t, len(lines), 40)
		assert.Contains(t, out, "\nrequests       "+strconv.Itoa(len(lines))+" of 40\n")
		assert.Contains(t, out, " cancelled\n")
		assert.Regexp(t, `\nTTFT +\d+ +\d+\.\d`, out)
	})
}

// A request past its time limit is a lower bound, not a number that is left out.
func TestTraceReplayTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, _, _, err := replayed(t, t.Context(), func(r *replay) { r.timeout = 10 * time.Millisecond })
		require.Error(t, err, "no request had its answer")
		assert.Equal(t, exitNotWell, exitStatus(err))
		assert.ErrorContains(t, err, "40 of 40 measured requests failed, where not all may: no complete answer within the request's time limit (the first;")
		assert.Contains(t, out, "\nmeasured       40: 0 ok, 0 failed, 40 timed out\n")
		assert.Contains(t, out, "\ncached         - (no answer says what was cached)\n")
		assert.Regexp(t, `\nE2E +40 +>10\.0 +>10\.0 +>10\.0\n`, out)
	})
}

// silent is a server that lists a model to those who have the key, and fails everything else.
func silent(t *testing.T, asked *[]string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.Path+" "+r.Header.Get("Authorization"))
		if r.URL.Path == "/v1/models" {
			_, _ = io.WriteString(w, `{"data": [{"id": "some-model"}]}`)
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestTraceReplayCommand(t *testing.T) {
	var asked []string
	server := silent(t, &asked)
	t.Setenv("REPLAY_KEY", "a-key")
	path := traceFile(t, strings.Join(strings.SplitAfter(halfMinute, "\n")[:1], ""))
	dir := t.TempDir()
	args := []string{"replay", path, "--url", server.URL, "--dialect", "trtllm", "--api", "chat", "--api-key-env", "REPLAY_KEY", "--out"}
	got, err := runTrace(t, append(args, dir)...)
	require.Error(t, err)
	assert.Equal(t, exitNotWell, exitStatus(err))
	assert.ErrorContains(t, err, "1 of 1 measured requests failed, where not all may: HTTP 500: (the first; the others' reasons are in "+filepath.Join(dir, metricsFile))
	assert.Equal(t, []string{"/v1/models Bearer a-key", "/v1/chat/completions Bearer a-key"}, asked)
	assert.Contains(t, got, "some-model at "+server.URL)
	assert.Contains(t, got, "\nmeasured       1: 0 ok, 1 failed, 0 timed out\n")
	assert.Contains(t, got, "\nTTFT         0  -    -    -\n")
	raw, err := os.ReadFile(filepath.Join(dir, metricsFile))
	require.NoError(t, err)
	assert.NotContains(t, string(raw), "a-key")

	_, err = runTrace(t, append(args, t.TempDir(), "--max-failed", "1")...)
	require.NoError(t, err, "all may fail")
	_, err = runTrace(t, "replay", path, "--url", server.URL, "--dialect", "trtllm", "--out", dir)
	assert.ErrorContains(t, err, "choose another folder")
	again, err := os.ReadFile(filepath.Join(dir, metricsFile))
	require.NoError(t, err)
	assert.Equal(t, raw, again)
}

func TestTraceReplayRefuses(t *testing.T) {
	path := traceFile(t, halfMinute)
	bad := traceFile(t, halfMinute+"{}\n")
	var asked []string
	server := silent(t, &asked)
	away := httptest.NewServer(http.RedirectHandler(server.URL, http.StatusFound))
	t.Cleanup(away.Close)
	t.Setenv("REPLAY_KEY", "")
	for name, tc := range map[string]struct {
		file string
		args []string
		want string
	}{
		"faults":      {bad, nil, bad + ":4: timestamp is missing"},
		"no key":      {path, []string{"--api-key-env", "REPLAY_KEY"}, "REPLAY_KEY is empty"},
		"no time":     {path, []string{"--time-scale", "0"}, "above 0"},
		"warm-up":     {path, []string{"--warmup", "-1s"}, "at least 0"},
		"no seed":     {path, []string{"--seed", "0"}, "--seed: "},
		"limit":       {path, []string{"--limit", "-1"}, "limit of -1"},
		"no server":   {path, []string{"--url", "http://127.0.0.1:1"}, "--url: no server at http://127.0.0.1:1 (start it, or correct its URL)"},
		"a redirect":  {path, []string{"--url", away.URL}, "HTTP 302, a redirect to " + server.URL},
		"elsewhere":   {path, []string{"--url", "http://192.0.2.1"}, "--url http://192.0.2.1: the host is not loopback, and nothing is sent beyond this machine unless that is allowed (--remote)"},
		"user info":   {path, []string{"--url", "http://u:pw@127.0.0.1"}, "--url http://[redacted]@127.0.0.1: the URL holds user info"},
		"a query":     {path, []string{"--url", server.URL + "?k=pw"}, `?k=[redacted]" is not http(s)://host:port`},
		"no URL":      {path, []string{"--url", "http://u:pw#x@127.0.0.1"}, "--url [not a URL]: not a URL"},
		"a key":       {path, []string{"--api-key-env", "sk-pw"}, "--api-key-env: must be the name of an environment variable, not the key itself"},
		"a share":     {path, []string{"--max-failed", "1.5"}, "--max-failed 1.5: a share from 0 to 1"},
		"no share":    {path, []string{"--max-failed", "NaN"}, "--max-failed NaN: a share from 0 to 1"},
		"a dialect":   {path, []string{"--dialect", "vllm"}, `dialect "vllm" is not trtllm or dynamo`},
		"an API":      {path, []string{"--api", "batch"}, `api "batch" is not completions or chat`},
		"all warm-up": {traceFile(t, strings.SplitAfter(halfMinute, "\n")[0]), []string{"--warmup", "100ms"}, "shorten the warm-up"},
	} {
		t.Run(name, func(t *testing.T) {
			asked = nil
			out := t.TempDir()
			args := append([]string{"replay", tc.file, "--url", server.URL, "--dialect", "trtllm", "--out", out}, tc.args...)
			_, err := runTrace(t, args...)
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "pw")
			assert.Equal(t, exitFailure, exitStatus(err))
			if name != "all warm-up" {
				assert.NotContains(t, strings.Join(asked, "\n"), "completions", "nothing is sent")
				assert.NoFileExists(t, filepath.Join(out, metricsFile), "the corrected command would be refused")
			}
		})
	}
	_, err := runTrace(t, "replay", path)
	assert.ErrorContains(t, err, `"dialect", "out", "url" not set`)
}

// The tokens offered for reuse are those of the trace's statistics.
func TestOffered(t *testing.T) {
	st, err := trace.Describe(chatSmall, trace.Options{})
	require.NoError(t, err)
	r, err := trace.OpenWith(chatSmall, trace.Options{})
	require.NoError(t, err)
	defer r.Close()
	counts := tally{seen: map[int64]bool{}}
	next := items(r, counts.offer)
	for err == nil {
		_, err = next()
	}
	require.ErrorIs(t, err, io.EOF)
	sum := 0
	for _, n := range counts.offered {
		sum += n
	}
	assert.InDelta(t, st.ReusableShare*float64(st.InputTokens), sum, 0.5)
}

// The first item is due at once, whatever the trace's own beginning.
func TestItemsStartAtTheFirst(t *testing.T) {
	r, err := trace.OpenWith(traceFile(t, halfMinute), trace.Options{MaxInput: 1010})
	require.NoError(t, err)
	defer r.Close()
	got, err := items(r, func(trace.Request) {})()
	require.NoError(t, err)
	assert.Equal(t, load.Item{InputTokens: 1000, OutputTokens: 20, Blocks: []uint64{0, 2}, BlockTokens: 512}, got)
}

func TestBlockText(t *testing.T) {
	s, err := prompt.NewSegments(1)
	require.NoError(t, err)
	tokenizer, err := prompt.NewTokenizer()
	require.NoError(t, err)
	for tokens := 1; tokens <= 40; tokens++ {
		before, err := blockText(s)(7, 512)
		require.NoError(t, err)
		text, err := blockText(s)(8, tokens)
		require.NoError(t, err)
		assert.Equal(t, 512+tokens, tokenizer.Count(before+text))
	}
}
