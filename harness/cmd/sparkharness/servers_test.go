package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/sim"
)

// patience is how long a real-time test waits for what must come, on a machine that is busy with others.
const patience = 3 * time.Minute

// stack is a committed stack whose servers take any free ports.
func stack(t *testing.T, file string) *config.Stack {
	t.Helper()
	st, err := config.LoadStack("../../../configs/" + file)
	require.NoError(t, err)
	for _, url := range []*string{&st.Endpoint.URL, &st.Endpoint.EngineMetrics, &st.Endpoint.KVBMMetrics} {
		if *url != "" {
			*url = "http://127.0.0.1:0"
		}
	}
	return st
}

const stackA, stackB = "stackA_llama70b_baseline.yaml", "stackB_llama70b_dynamo_tiered.yaml"

// serving are the servers of a stack, and the address of its frontend, until the test ends. What they say is in out.
func serving(t *testing.T, file string, l limits) (s *servers, addr string) {
	t.Helper()
	s = &servers{out: &bytes.Buffer{}, bind: "127.0.0.1", limits: l}
	require.NoError(t, s.add(t.Context(), options(t, stack(t, file))))
	s.start(func() {})
	t.Cleanup(func() { assert.NoError(t, s.close()) })
	return s, s.open[0].listener.Addr().String()
}

func options(t *testing.T, st *config.Stack) simrig.Options {
	t.Helper()
	folder, err := config.OpenFolder("../../../configs")
	require.NoError(t, err)
	file := map[string]string{"A": stackA, "B": stackB}[st.Stack]
	o, err := simrig.Configured(folder, file, "default", "L8B", "")
	require.NoError(t, err)
	st.Model = o.Stack.Model
	o.Stack, o.Seed, o.Tokenize = st, 1, func(s string) []uint32 { return make([]uint32, len(s)/4+1) }
	return o
}

// dial opens a connection and sends the text on it.
func dial(t *testing.T, addr, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() }) // the server may have closed it
	_, err = io.WriteString(c, text)
	require.NoError(t, err)
	return c
}

// post begins a request with a body.
const post = "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

// completion is the text of a request for that many tokens.
func completion(tokens int, more string) string {
	body := fmt.Sprintf(`{"model":"nvidia/Llama-3.1-8B-Instruct-FP8","prompt":"Why?","max_tokens":%d%s}`, tokens, more)
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", post, len(body), body)
}

// A clean stop takes no longer than the limits say, whatever clients hold open, and frees the ports.
func TestCloseIsBounded(t *testing.T) {
	for _, file := range []string{stackA, stackB} {
		for name, text := range map[string]string{
			"nobody": "", "a silent connection": " ", "headers under way": "POST /v1/comp",
			"a body under way":   completion(4, "")[:len(post)+40],
			"a stream under way": completion(1000, `,"stream":true`), "an answer under way": completion(1000, ""),
		} {
			t.Run(file[:6]+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := &servers{out: &bytes.Buffer{}, bind: "127.0.0.1", limits: short(func(*limits) {})}
				require.NoError(t, s.add(t.Context(), options(t, stack(t, file))))
				s.start(func() {})
				addr := s.open[0].listener.Addr().String()
				var c net.Conn
				if name != "nobody" {
					c = dial(t, addr, strings.TrimSpace(text))
					if strings.Contains(name, "stream") {
						_, err := c.Read(make([]byte, 1000)) // it has begun
						require.NoError(t, err)
					}
				}
				closed := make(chan error, 1)
				go func() { closed <- s.close() }()
				select {
				case err := <-closed:
					require.NoError(t, err)
				case <-time.After(patience):
					t.Fatal("it does not stop")
				}
				_, err := s.machines[0].Stats(t.Context())
				require.ErrorIs(t, err, sim.ErrStopped)
				if c != nil {
					require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
					_, err := io.Copy(io.Discard, c)
					require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection is open")
				}
				for _, srv := range s.open {
					l, err := net.Listen("tcp", srv.listener.Addr().String())
					require.NoError(t, err, "the port is free again")
					require.NoError(t, l.Close())
				}
			})
		}
	}
}

// lines are what a command prints, a line a write.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func (l lines) next(t *testing.T) string {
	t.Helper()
	select {
	case line := <-l:
		return line
	case <-time.After(patience):
		t.Fatal("it says nothing")
		return ""
	}
}

// freeAddress is one of loopback that nobody has. Its port is none that the kernel gives to who asks for any, so that no other test takes
// it meanwhile.
func freeAddress(t *testing.T) string {
	t.Helper()
	first := os.Getpid() % 10_000
	for i := range 10_000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+(first+i)%10_000))
		if err == nil {
			require.NoError(t, l.Close())
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

// The command serves until it is told to stop, and has said where.
func TestServeUntilInterrupted(t *testing.T) {
	dir := t.TempDir()
	base, err := filepath.Abs("../../../configs")
	require.NoError(t, err)
	url := "http://" + freeAddress(t)
	for name, text := range map[string]string{
		"configs.yaml": "base: " + base + "\n",
		stackA:         "base: " + filepath.Join(base, stackA) + "\nendpoint: {url: '" + url + "', engine_metrics: '" + url + "'}\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	said := make(lines, 10)
	cmd := serveCommand()
	cmd.SetOut(said)
	cmd.SetArgs([]string{"--configs", dir, "--stack", stackA})
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	require.Equal(t, "stack A  frontend  "+url+"  nvidia/Llama-3.3-70B-Instruct-NVFP4\n", said.next(t))
	require.Contains(t, said.next(t), "trtllm: tier=device blocks=", "what it became")
	resp, err := http.Get(url + "/health")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	time.Sleep(100 * time.Millisecond)
	require.Empty(t, said, "it serves on")
	interrupt()
	require.Equal(t, "stopping\n", said.next(t))
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(patience):
		t.Fatal("it does not stop")
	}
}

// A port that is taken is one line that says which, and leaves nothing behind.
func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	st := stack(t, stackB)
	st.Endpoint.KVBMMetrics = "http://" + taken.Addr().String() // the second of three
	var out bytes.Buffer
	s := &servers{out: &out, bind: "127.0.0.1", limits: defaultLimits}
	err = s.add(t.Context(), options(t, st))
	require.EqualError(t, err, "kvbm server of stack B: "+taken.Addr().String()+
		" is in use: stop the program that has it, or change the address in the stack file")
	require.Len(t, s.open, 1)
	require.NoError(t, s.close())
	assert.Empty(t, out.String(), "no server was announced")
	l, err := net.Listen("tcp", s.open[0].listener.Addr().String())
	require.NoError(t, err, "the frontend's port is free again")
	require.NoError(t, l.Close())
}

// An address that is not this machine's is not called one that is in use.
func TestBindElsewhere(t *testing.T) {
	s := &servers{out: &bytes.Buffer{}, bind: "192.0.2.1", limits: defaultLimits} // RFC 5737: nobody's
	err := s.add(t.Context(), options(t, stack(t, stackA)))
	require.ErrorContains(t, err, "frontend server of stack A: listen tcp 192.0.2.1:0:")
	require.ErrorContains(t, err, "give an address of this machine with --bind")
	require.NoError(t, s.close())
}

// Unless told otherwise only this machine can connect, and to be told nothing is not to be told otherwise.
func TestServeBindsToLoopback(t *testing.T) {
	cmd := serveCommand()
	ip := net.ParseIP(cmd.Flag("bind").DefValue)
	require.NotNil(t, ip)
	assert.True(t, ip.IsLoopback())
	cmd.SetArgs([]string{"--bind=", "--configs", "../../../configs"})
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.ErrorContains(t, cmd.ExecuteContext(ctx), "--bind is empty")

	s, addr := serving(t, stackB, defaultLimits)
	require.Len(t, s.open, 3)
	resp, err := http.Get("http://" + addr + "/health")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, 3, strings.Count(s.out.(*bytes.Buffer).String(), "http://127.0.0.1:"), "each is announced")
}

// Both stacks can be served in vLLM's dialect, each on its frontend's port alone; no other dialect can be asked for.
func TestServeInAnotherDialect(t *testing.T) {
	for _, file := range []string{stackA, stackB} {
		s := &servers{out: &bytes.Buffer{}, bind: "127.0.0.1", limits: defaultLimits}
		o := options(t, stack(t, file))
		o.Dialect = sim.DialectVLLM
		require.NoError(t, s.add(t.Context(), o))
		s.start(func() {})
		require.Len(t, s.open, 1)
		resp, err := http.Get("http://" + s.open[0].listener.Addr().String() + "/metrics")
		require.NoError(t, err)
		page, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Contains(t, string(page), `vllm:num_requests_running{engine="0",model_name="nvidia/Llama-3.1-8B-Instruct-FP8"} 0`)
		require.NoError(t, s.close())
	}
	cmd := serveCommand()
	cmd.SetArgs([]string{"--dialect", "sglang", "--configs", "../../../configs"})
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	require.EqualError(t, cmd.Execute(), `--dialect is "sglang": leave it out for each stack's own, or say vllm`)
}

// What Dynamo's frontend does not know it drops if it is told to.
func TestServeIgnoresUnsupported(t *testing.T) {
	for lenient, want := range map[bool]int{false: http.StatusBadRequest, true: http.StatusOK} {
		s := &servers{out: &bytes.Buffer{}, bind: "127.0.0.1", limits: defaultLimits}
		o := options(t, stack(t, stackB))
		o.IgnoreUnsupported = lenient
		require.NoError(t, s.add(t.Context(), o))
		s.start(func() {})
		resp, err := http.Post("http://"+s.open[0].listener.Addr().String()+"/v1/completions", "application/json",
			strings.NewReader(`{"model":"nvidia/Llama-3.1-8B-Instruct-FP8","prompt":"Why?","max_tokens":1,"return_token_ids":true}`))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, want, resp.StatusCode)
		require.NoError(t, s.close())
	}
}
