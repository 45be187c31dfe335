//go:build servers

package serverrig

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
)

// dynamo is the URL of the Dynamo frontend with NVIDIA's mocker as its one worker.
func dynamo(t *testing.T, mocker ...string) string {
	t.Helper()
	hf := filepath.Join(model(t, python(t, "llama-cpp"), narrow), "hf")
	py := python(t, "dynamo")
	at := port(t)
	environment := []string{"DYN_FILE_KV=" + filepath.Join(t.TempDir(), "kv"), "HF_HUB_OFFLINE=1"}
	planes := []string{"--discovery-backend", "file", "--request-plane", "tcp", "--event-plane", "zmq"}
	environment = append(environment, "DYN_SYSTEM_PORT=-1")
	frontend := start(t, environment, py, append([]string{"-m", "dynamo.frontend", "--http-port", strconv.Itoa(at), "--http-host", "127.0.0.1"}, planes...)...)
	worker := start(t, environment, py,
		append(append([]string{"-m", "dynamo.mocker", "--model-path", hf, "--model-name", "tiny", "--num-gpu-blocks-override", "4000"}, mocker...), planes...)...)
	base := fmt.Sprintf("http://127.0.0.1:%d", at)
	serves(t, base, frontend, worker)
	return base
}

// measured runs a hypothesis against a server and returns what it left. The verdict is shown, whichever it is.
func measured(t *testing.T, hypothesis, base, kind string) (requests []record.Request) {
	t.Helper()
	results := t.TempDir()
	// What the drive is proved by must lie on one; where the tests' own folder does not, there is none to be watched.
	d, err := openDevice(sysRoot, results)
	if err == nil {
		err = d.proveAll(t.Context(), rand.NewChaCha8([32]byte{1}), io.Discard)
	}
	if err != nil {
		skip(t, "%v", err)
	}
	cmd := exec.Command("go", "test", "-count=1", "-timeout", "15m", "-v", "-run", "^Test"+hypothesis+"$", ".", "-args", "-rig", "server", "-url", base, "-server", kind,
		"-device", results, "-configs", fixture(t, kind), "-results", results)
	cmd.Dir, cmd.Env = filepath.Join(repository, "hypotheses"), append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	fmt.Printf("%s\n", out)
	require.NoError(t, err)
	runs, err := filepath.Glob(filepath.Join(results, strings.ToLower(hypothesis)+"-server-*", "report.json"))
	require.NoError(t, err)
	require.Len(t, runs, 1)
	lines, err := filepath.Glob(filepath.Join(filepath.Dir(runs[0]), "cells", "*", record.FileMetrics))
	require.NoError(t, err)
	require.NotEmpty(t, lines)
	for _, path := range lines {
		require.NoError(t, record.ReadComplete(path, func(r *record.Request) error {
			requests = append(requests, *r)
			return nil
		}))
	}
	return requests
}

// answered wants every request to have been answered whole, with what the server tells of it.
func answered(t *testing.T, requests []record.Request) {
	t.Helper()
	require.Greater(t, len(requests), 200)
	for _, r := range requests {
		if !assert.Equal(t, record.RCOK, r.RC, "%s", said(r.Error)) {
			return
		}
		require.NotNil(t, r.PromptTokens)
		require.NotNil(t, r.CachedTokens, "zero and unknown are two")
		require.NotNil(t, r.ServerWaitMS)
	}
}

func said(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// A real engine with a real queue: no request fails that the server answered.
func TestLlamaCPP(t *testing.T) { answered(t, measured(t, "H0", llamaCPP(t, narrow), "llama-cpp")) }

// The real frontend, its dialect and its page.
func TestDynamo(t *testing.T) {
	answered(t, measured(t, "H0", dynamo(t, "--engine-type", "vllm", "--max-num-seqs", "8"), "dynamo"))
}

// Users that ask the same prompt again find its whole blocks in the cache, as many as the prompt that was sent has; a first
// request finds none.
func TestDynamoCachedTokens(t *testing.T) {
	const block, context, users = 64, 1024, 4
	base := dynamo(t, "--engine-type", "vllm")
	client := outgoing.New(outgoing.Options{})
	defer client.CloseIdleConnections()
	id, err := load.ServedModel(t.Context(), client, base)
	require.NoError(t, err)
	library, err := prompt.Open(filepath.Join(repository, "inputs", "prompts"))
	require.NoError(t, err)
	tokens, err := load.NewConstant(4)
	require.NoError(t, err)
	think, err := load.NewConstant(0.05)
	require.NoError(t, err)
	seen := map[int]int{}
	asked := 0
	_, err = load.Run(t.Context(), load.Spec{RunID: "cached", Stack: "A", Model: "tiny", Workload: "fixed_context", ContextTokens: context, Loop: load.Closed{Users: users, Think: think},
		Output: tokens, Nonce: load.NoncePerUser, Prompter: load.FixedContext{Seed: 1, Body: library.Body}, Timeout: time.Minute, Seed: 1, BaseURL: base,
		API: load.APICompletions, Dialect: load.DialectDynamo, ModelID: id, HTTP: client, Warmup: load.Warmup{Min: time.Second, Max: 20 * time.Second, Passes: 1},
		Duration: 3 * time.Second, MaxDuration: 10 * time.Second, MinRequests: 40, Start: time.Now()}, func(r *record.Request) error {
		asked++
		require.Equal(t, record.RCOK, r.RC, "%s", said(r.Error))
		require.NotNil(t, r.CachedTokens)
		require.NotNil(t, r.PromptTokens)
		// The last block is computed in any case, where the prompt ends with it: something has to give the first token.
		whole := int(math.Floor(float64(*r.PromptTokens-1)/block)) * block
		want := whole
		if seen[r.User] == 0 {
			want = 0
		}
		assert.Equal(t, want, *r.CachedTokens, "user %d, request %d of %d tokens", r.User, seen[r.User], *r.PromptTokens)
		seen[r.User]++
		return nil
	}, func(string) {})
	require.NoError(t, err)
	require.Len(t, seen, users)
	t.Logf("%d requests of %d users, all with the cached tokens of the prompts that were sent", asked, users)
}
