//go:build servers

package serverrig

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
)

// repository is its root, seen from here.
const repository = "../../.."

// fixture is a file below fixtures/servers.
func fixture(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(repository, "fixtures", "servers", name))
	require.NoError(t, err)
	return path
}

// cached is a folder that is made once for what it depends on, outside the tree.
func cached(t *testing.T, name string, of []byte, build func(dir string) error) string {
	t.Helper()
	base, err := os.UserCacheDir()
	require.NoError(t, err)
	sum := sha256.Sum256(of)
	dir := filepath.Join(base, "sparkharness", "servers", name+"-"+hex.EncodeToString(sum[:6]))
	done := filepath.Join(dir, ".done")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.MkdirAll(dir, 0o755))
	if err := build(dir); err != nil {
		skip(t, "%s cannot be had here: %v", name, err)
	}
	require.NoError(t, os.WriteFile(done, nil, 0o644))
	return dir
}

// skip leaves a test out so that nobody can overlook it.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(os.Stderr, "LEFT OUT: %s: %s\n", t.Name(), text)
	t.Skip(text)
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(append([]string{filepath.Base(name)}, args...), " "), err, last(out, 400))
	}
	return nil
}

func last(out []byte, n int) string { return strings.TrimSpace(string(out[max(0, len(out)-n):])) }

// python is that of a virtual environment with exactly what a list names.
func python(t *testing.T, list string) string {
	t.Helper()
	of, err := os.ReadFile(fixture(t, list+".txt"))
	require.NoError(t, err)
	dir := cached(t, list, of, func(dir string) error {
		if err := command("python3", "-m", "venv", dir); err != nil {
			return err
		}
		return command(filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", "-r", fixture(t, list+".txt"))
	})
	return filepath.Join(dir, "bin", "python")
}

// model is a folder with a small model of random weights.
func model(t *testing.T, python string, width, layers int) string {
	t.Helper()
	script, err := os.ReadFile(fixture(t, "tiny_model.py"))
	require.NoError(t, err)
	texts, err := filepath.Glob(filepath.Join(repository, "inputs", "prompts", "*.txt"))
	require.NoError(t, err)
	return cached(t, "model", fmt.Appendf(script, "%d %d %s", width, layers, python), func(dir string) error {
		return command(python, append([]string{fixture(t, "tiny_model.py"), dir, strconv.Itoa(width), strconv.Itoa(layers)}, texts...)...)
	})
}

// port is a free one on loopback.
func port(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// start runs a server until the test ends; the channel closes if it ends before. What it says is shown if the test fails.
func start(t *testing.T, environment []string, name string, args ...string) <-chan struct{} {
	t.Helper()
	var said syncBuffer
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with what it has started
		<-ended
		if t.Failed() {
			t.Logf("%s said: %s", filepath.Base(name), last(said.bytes(), 4000))
		}
	})
	return ended
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.b.Bytes())
}

// serves waits until a server serves a model, as long as the processes that it takes are there.
func serves(t *testing.T, base string, processes ...<-chan struct{}) {
	t.Helper()
	client := outgoing.New(outgoing.Options{})
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(500 * time.Millisecond) {
		_, err := load.ServedModel(t.Context(), client, base)
		if err == nil {
			return
		}
		for _, ended := range processes {
			select {
			case <-ended:
				require.FailNow(t, "a process of the server has ended")
			default:
			}
		}
		require.True(t, time.Now().Before(deadline), "no model is served at %s: %v", base, err)
	}
}

// llamaCPP is the URL of a llama.cpp server with four slots.
func llamaCPP(t *testing.T) string {
	t.Helper()
	py := python(t, "llama-cpp")
	at := port(t)
	server := start(t, nil, py, fixture(t, "llama_server.py"), filepath.Join(model(t, py, 256, 4), "tiny.gguf"), strconv.Itoa(at), "4", "16384", "1")
	base := fmt.Sprintf("http://127.0.0.1:%d", at)
	serves(t, base, server)
	return base
}

// dynamo is the URL of the Dynamo frontend with NVIDIA's mocker as its one worker.
func dynamo(t *testing.T, mocker ...string) string {
	t.Helper()
	hf := filepath.Join(model(t, python(t, "llama-cpp"), 256, 4), "hf")
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
	if _, err := openDevice(t.Context(), sysRoot, results, bytes.NewReader(make([]byte, 256<<20))); err != nil {
		skip(t, "%v", err)
	}
	cmd := exec.Command("go", "test", "-count=1", "-timeout", "15m", "-v", "-run", "^Test"+hypothesis+"$", ".", "-args", "-rig", "server", "-url", base, "-server", kind,
		"-device", results, "-configs", fixture(t, kind), "-results", results)
	cmd.Dir = filepath.Join(repository, "hypotheses")
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
func TestLlamaCPP(t *testing.T) { answered(t, measured(t, "H0", llamaCPP(t), "llama-cpp")) }

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
