//go:build servers || peers

package serverrig

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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

	"github.com/stretchr/testify/require"

	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
)

// Widths of the models: that of servers whose answers alone matter, and one with a first token that takes long enough to be timed.
const narrow, wide = 256, 512

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

// model is a folder with a small model of random weights, four layers of that width, and its tokenizer in hf/.
func model(t *testing.T, python string, width int) string {
	t.Helper()
	script, err := os.ReadFile(fixture(t, "tiny_model.py"))
	require.NoError(t, err)
	texts, err := filepath.Glob(filepath.Join(repository, "inputs", "prompts", "*.txt"))
	require.NoError(t, err)
	return cached(t, "model", fmt.Appendf(script, "%d %d %s", width, 4, python), func(dir string) error {
		return command(python, append([]string{fixture(t, "tiny_model.py"), dir, strconv.Itoa(width), "4"}, texts...)...)
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

// llamaCPP is the URL of a llama.cpp server with four slots, and a model so wide.
func llamaCPP(t *testing.T, width int) string {
	t.Helper()
	py := python(t, "llama-cpp")
	at := port(t)
	server := start(t, nil, py, fixture(t, "llama_server.py"), filepath.Join(model(t, py, width), "tiny.gguf"), strconv.Itoa(at), "4", "16384", "1")
	base := fmt.Sprintf("http://127.0.0.1:%d", at)
	serves(t, base, server)
	return base
}
