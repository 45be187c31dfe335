package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
)

// counting is a server that counts a token for four bytes of a prompt, where usage is set, and whose streams h answers.
func counting(t *testing.T, usage bool, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	return completions(t, h, func(w http.ResponseWriter, body []byte) bool {
		var asked struct {
			Prompt string `json:"prompt"`
			Stream bool   `json:"stream"`
		}
		if json.Unmarshal(body, &asked) != nil || asked.Stream {
			return false
		}
		if !usage {
			_, _ = io.WriteString(w, "{}")
			return true
		}
		fmt.Fprintf(w, `{"usage":{"prompt_tokens":%d}}`, len(asked.Prompt)/4)
		return true
	})
}

// said is an answer of one chunk, with that usage.
func said(usage string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: {\"choices\":[{\"text\":\"a\",\"finish_reason\":\"stop\"}]%s}\n\ndata: [DONE]\n\n", usage)
	}
}

// A server that tells nothing gives dashes and null, and no 0.
func TestLoadOfWhatIsNotTold(t *testing.T) {
	server := counting(t, false, said(""))
	file := filepath.Join(t.TempDir(), "figures.json")
	out, err := ran(t, "load", "--url", server.URL, "--users", "1", "--requests", "3", "--warmup", "0", "--json", file)
	require.NoError(t, err)
	assert.Contains(t, out, "prompts have 512 tokens as the harness counts: ask for one token behind a prompt of 128: how long prompts are to the server is not known")
	assert.Contains(t, out, "\nrequests measured        3: 3 ok, 0 failed\n")
	assert.Contains(t, out, "\noutput tokens, /s        -\nprompt tokens, mean      -\ncached prompt tokens, %  -\n")
	assert.Regexp(t, `\nTPOT +0( +-){4}\n`, out)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, name := range []string{"own_tokens", "output_tokens_per_s", "prompt_tokens_mean", "cached_share", "tokens_per_chunk", "zero_gap_share"} {
		assert.Contains(t, string(text), `"`+name+`": null`)
	}
}

// What the openai dialect cannot ask for is no failure, and told; several tokens a chunk are told, too.
func TestLoadOfShortAnswers(t *testing.T) {
	answer := said(`,"usage":{"prompt_tokens":500,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":0}}`)
	server := counting(t, true, answer)
	out, err := ran(t, "load", "--url", server.URL, "--users", "1", "--requests", "3", "--warmup", "0")
	require.NoError(t, err)
	assert.Contains(t, out, "\nrequests measured        3: 3 ok, 0 failed; 3 ended before --output\n")
	assert.Contains(t, out, "\ncached prompt tokens, %  0.0\ntokens a chunk           4.00\n")
	out, err = ran(t, "load", "--url", server.URL, "--users", "1", "--requests", "3", "--warmup", "0", "--server", "vllm", "--configs", "../../../configs")
	require.ErrorContains(t, err, "3 of 3 measured requests failed, where not all may: asked for 64 output tokens, the server counted 4 (the first; the others' reasons would be in the lines of --lines FILE)")
	assert.Equal(t, exitNotWell, exitStatus(err))
	assert.Contains(t, out, "\nrequests measured        3: 0 ok, 3 failed (3 short)\n")
}

// Chunks that come together make gaps of 0, which are told from tokens that are made at once.
func TestLoadOfChunksThatComeTogether(t *testing.T) {
	const chunk = "data: {\"choices\":[{\"text\":\"a\"}]}\n\n"
	server := counting(t, true, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 2 {
			_, _ = io.WriteString(w, strings.Repeat(chunk, 4))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
		}
		_, _ = io.WriteString(w, `data: {"choices":[{"text":"","finish_reason":"length"}],"usage":{"prompt_tokens":500,"completion_tokens":8}}`+"\n\ndata: [DONE]\n\n")
	})
	file := filepath.Join(t.TempDir(), "figures.json")
	out, err := ran(t, "load", "--url", server.URL, "--users", "1", "--requests", "3", "--warmup", "0", "--json", file)
	require.NoError(t, err)
	assert.Regexp(t, `\nITL +21 +0\.00 `, out)
	assert.Contains(t, out, " % of the gaps between chunks are 0: so many came in one read with the chunk before.")
	var f figures
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &f))
	assert.GreaterOrEqual(t, *f.ZeroGaps, 6./7, "a client that comes late finds more of them together")

	var remarks strings.Builder
	(&figures{ZeroGaps: new(0.01)}).remarks(&remarks, 0)
	assert.Empty(t, remarks.String(), "a few leave the percentiles where they are")
	(&figures{ZeroGaps: new(1.0)}).remarks(&remarks, 0)
	assert.Contains(t, remarks.String(), "Every answer came whole, in one read: TTFT is E2E", "the first chunk and the last are one")
	assert.NotContains(t, remarks.String(), "how fast tokens are made is TPOT")
}

// Prompts are as long as was asked for to a server that counts otherwise.
func TestLoadCountsAsTheServer(t *testing.T) {
	var sum, n atomic.Int64
	server := counting(t, true, func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Prompt string `json:"prompt"`
		}
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&asked))
		sum.Add(int64(len(asked.Prompt)))
		n.Add(1)
		said("")(w, r)
	})
	_, err := ran(t, "load", "--url", server.URL, "--rate", "100", "--arrivals", "constant", "--requests", "20", "--warmup", "0", "--prompt", "3000", "--seed", "1")
	require.NoError(t, err)
	assert.InEpsilon(t, 3000, float64(sum.Load())/4/float64(n.Load()), 0.03)
}

// Without a seed no load has the texts of another, with one it has.
func TestLoadSeeds(t *testing.T) {
	var texts sync.Map
	server := counting(t, true, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		texts.Store(string(body), true)
		said("")(w, r)
	})
	distinct := func(args ...string) (n int) {
		texts.Clear()
		for range 2 {
			_, err := ran(t, append([]string{"load", "--url", server.URL, "--users", "1", "--requests", "2", "--warmup", "0"}, args...)...)
			require.NoError(t, err)
		}
		texts.Range(func(any, any) bool { n++; return true })
		return n
	}
	assert.Equal(t, 4, distinct())
	assert.Equal(t, 2, distinct("--seed", "7"))
}

// The key is asked for, goes out, and stands in nothing that is left behind.
func TestLoadKeepsTheKey(t *testing.T) {
	t.Setenv("LOAD_KEY", "a-key")
	server := counting(t, true, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "Bearer a-key", r.Header.Get("Authorization"))
		http.Error(w, "no "+r.Header.Get("Authorization"), http.StatusTeapot)
	})
	dir := t.TempDir()
	args := []string{"load", "--url", server.URL, "--users", "1", "--requests", "2", "--warmup", "0", "--api-key-env", "LOAD_KEY",
		"--json", filepath.Join(dir, "f"), "--lines", filepath.Join(dir, "l")}
	out, err := ran(t, args...)
	require.ErrorContains(t, err, "HTTP 418: no Bearer [redacted]")
	assert.Equal(t, exitNotWell, exitStatus(err))
	for _, name := range []string{"f", "l"} {
		text, rerr := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, rerr)
		assert.Contains(t, string(text), "418")
		out += string(text)
	}
	assert.NotContains(t, out+err.Error(), "a-key")
	_, err = ran(t, args...)
	require.ErrorContains(t, err, "--lines: ")
	require.ErrorContains(t, err, "choose another file, measured lines are never overwritten")
	_, err = ran(t, append(args[:len(args)-2], "--max-failed", "1")...)
	require.NoError(t, err, "all may fail")
}

// A load of which some failed says why the first did, though it ends well.
func TestLoadOfWhichSomeFail(t *testing.T) {
	var n atomic.Int32
	server := counting(t, true, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 2 {
			http.Error(w, "no blocks", http.StatusServiceUnavailable)
			return
		}
		said("")(w, r)
	})
	args := []string{"load", "--url", server.URL, "--users", "1", "--requests", "4", "--warmup", "0"}
	out, err := ran(t, args...)
	require.NoError(t, err)
	assert.Contains(t, out, "\nrequests measured        4: 3 ok, 1 failed (1 rejected)\n")
	assert.Contains(t, out, "\n1 of 4 measured requests failed, the first: HTTP 503: no blocks (--lines FILE has")
	n.Store(0)
	_, err = ran(t, append(args, "--max-failed", "0.2")...)
	require.ErrorContains(t, err, "where a share of 0.2 (--max-failed) may")
	assert.Equal(t, exitNotWell, exitStatus(err))
}

// What cannot be is refused in a line, before anything is sent.
func TestLoadRefuses(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(server.Close)
	const one = "One of --users, --rate, --ramp, --sessions, --trace is needed, such as --users 8; "
	for args, want := range map[string]string{
		"":                                     one + "none is given",
		"--users 8 --rate 4":                   one + "--users and --rate are given",
		"--users 0":                            "--users 0: from 1 to 20000",
		"--sessions -1":                        "--sessions -1: from 1 to 20000",
		"--rate 0":                             "--rate: load spec: pacer: rate 0 is not above 0",
		"--rate NaN":                           "--rate: load spec: pacer: rate NaN",
		"--ramp 8":                             `--ramp "8": two rates in requests a second are needed, such as 1:8`,
		"--ramp 1:x":                           `--ramp "1:x": two rates`,
		"--ramp 1:0":                           "--ramp: load spec: pacer: rate 0",
		"--ramp 1:8 --over 0s":                 "--ramp: load spec: pacer: a ramp over 0s",
		"--rate 4 --think 1s":                  "--think means nothing beside --rate: it goes with --users, --sessions",
		"--users 4 --cv 2":                     "--cv means nothing beside --users: it goes with --rate",
		"--rate 4 --cv 2":                      "--cv means nothing beside poisson arrivals: it goes with --arrivals gamma",
		"--rate 4 --arrivals gamma --cv 0":     "--rate: load spec: pacer: coefficient of variation 0",
		"--rate 4 --arrivals weekly":           `--arrivals "weekly": one of poisson, constant, gamma`,
		"--rate 4 --reuse user":                "--reuse user means nothing beside --rate",
		"--users 4 --reuse some":               `--reuse "some": one of none, user, all`,
		"--users 4 --prompt 3":                 "--prompt 3: from 9 to 1048576",
		"--users 4 --output 0":                 `--output "0": a number of tokens from 1`,
		"--users 4 --output lognormal:64":      "such as lognormal:64:0.7",
		"--users 4 --output lognormal:64:9":    "a sigma above 0 and at most 3",
		"--users 4 --duration 0s":              "--duration 0s: above 0",
		"--users 4 --requests 0":               "--requests 0: from 1",
		"--users 4 --warmup -1s":               "--warmup -1s: at least 0",
		"--users 4 --timeout 0s":               "--timeout 0s: above 0",
		"--users 4 --max-failed 2":             "--max-failed 2: a share from 0 to 1",
		"--users 4 --seed 0":                   "--seed: ",
		"--users 4 --api batch":                `--api: api "batch" is not completions or chat`,
		"--users 4 --server moon":              "--server: there is no file servers/moon.yaml",
		"--users 4 --server vllm --configs no": "--server vllm: there is no folder of configurations ",
		"--users 4 --url http://192.0.2.1":     "the host is not loopback, and nothing is sent beyond this machine unless that is allowed (--remote)",
		"--users 4 --json .":                   "--json: . is a folder: name a file",
		"--users 4 x":                          `"x" is no argument of load`,
		"--sessions 4 --shared 0.9":            "--sessions: chat shape: reuse 0.9 is not from 0.",
		"--sessions 4 --turns 1":               "--turns 1: from 2 to 1000",
		"--trace none.jsonl":                   "none.jsonl",
		"--trace none.jsonl --prompt 3":        "--prompt means nothing beside --trace",
	} {
		line := append([]string{"load", "--url", server.URL, "--configs", "../../../configs"}, strings.Fields(args)...)
		_, err := ran(t, line...)
		require.ErrorContains(t, err, want, args)
		assert.Equal(t, exitFailure, exitStatus(err), args)
		assert.NotContains(t, err.Error(), "\n", args)
	}
	assert.Zero(t, asked.Load(), "nothing is sent")
	_, err := ran(t, "load", "--users", "4", "--url", "http://127.0.0.1:1")
	require.ErrorContains(t, err, "--url: no server at http://127.0.0.1:1 (start it, or correct its URL)")
	_, err = ran(t, "load", "--users", "4", "--url", "http://127.0.0.1:1/v1")
	require.ErrorContains(t, err, `--url: load spec: base url "http://127.0.0.1:1/v1" is not http(s)://host:port, and no more than that: take away /v1`)
	long := completions(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the context has 100 tokens", http.StatusBadRequest)
	})
	_, err = ran(t, "load", "--users", "4", "--url", long.URL)
	require.ErrorContains(t, err, "answers no prompt: ask for one token behind a prompt of 128: HTTP 400: the context has 100 tokens")
	require.ErrorContains(t, err, "--api, --server and --prompt say what it is asked")
}

// The kind of server that needs no file is that of the file.
func TestOpenKind(t *testing.T) {
	folder, err := config.OpenFolder("../../../configs")
	require.NoError(t, err)
	kind, err := config.LoadServer(folder, openAI)
	require.NoError(t, err)
	kind.Note = ""
	assert.Equal(t, openKind, *kind)
}

// A load that a signal ends prints its figures, and has the status of a process that the signal ended.
func TestLoadIsAskedToEnd(t *testing.T) {
	var n atomic.Int32
	reached := make(chan struct{}, 1<<10)
	server := counting(t, true, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) <= 4 {
			said("")(w, r)
			return
		}
		reached <- struct{}{}
		<-r.Context().Done()
	})
	file := filepath.Join(t.TempDir(), "f")
	cmd, printed := command(t, "load", "--url", server.URL, "--users", "1", "--warmup", "0", "--json", file)
	select {
	case <-reached:
	case <-time.After(patience):
		t.Fatal("nothing was sent")
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	out := printed()
	assert.Equal(t, 143, cmd.ProcessState.ExitCode(), out)
	assert.Contains(t, out, "\nrequests measured        5: 4 ok, 0 failed, 1 cancelled\n")
	assert.Contains(t, out, "sparkharness: interrupted (terminated): the figures are of what was sent until then")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"complete": false`)
}
