package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/rig"
)

const root = "../.."

// program is cmd/sparkharness, compiled once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sparkharness-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sparkharness")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/sparkharness").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	if os.Getenv("LAUNCH_AND_WAIT") != "" {
		os.Exit(launchAndWait())
	}
	status := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path)) // a file too many does no harm
	}
	os.Exit(status)
}

// said is what is told, by several goroutines.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// noting is a journal in memory.
type noting struct {
	mu          sync.Mutex
	noted, done []string
	pids        []int
	marked      []bool // whether those carried the mark
	fails       error  // of Started
}

func (n *noting) Begin(of Noted, start func(Mark) error) (func(context.Context) error, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.noted = append(n.noted, of.What)
	return func(context.Context) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.done = append(n.done, of.What)
		return nil
	}, start(n)
}

func (n *noting) Env() string   { return "LAUNCH_TEST_MARK=7" }
func (n *noting) Label() string { return "launch.test=7" }

func (n *noting) Started(pid int) error {
	n.pids = append(n.pids, pid)
	for began := time.Now(); n.fails == nil; time.Sleep(10 * time.Millisecond) { // a new process shows none for a moment
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		marked := err == nil && strings.Contains(string(env), n.Env())
		if marked || time.Since(began) > time.Minute {
			n.marked = append(n.marked, marked)
			break
		}
	}
	return n.fails
}

// kindOf is a committed kind of server.
func kindOf(t *testing.T, name string) *config.Server {
	t.Helper()
	folder, err := config.OpenFolder(filepath.Join(root, "configs"))
	require.NoError(t, err)
	s, err := config.LoadServer(folder, name)
	require.NoError(t, err)
	require.NotNil(t, s.Launch, name)
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// environment answers with these variables and those of the test that programs need.
func environment(extra map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := extra[name]; ok {
			return v, true
		}
		if name == "PATH" || name == "TMPDIR" {
			return os.LookupEnv(name)
		}
		return "", false
	}
}

// script is a launch of a program that a test brings along.
func script(command ...string) *config.Launch {
	return &config.Launch{Process: &config.Process{Command: command}, Ready: config.Ready{Path: "/health", Limit: config.Duration(20 * time.Second)},
		Stop: config.Stop{Signal: "SIGTERM", Grace: config.Duration(5 * time.Second)}}
}

func options(t *testing.T, l *config.Launch) (Options, *said) {
	t.Helper()
	out := &said{}
	return Options{Name: "stack A (test)", Launch: l, Launched: &config.Launched{}, LogPath: filepath.Join(t.TempDir(), "servers", "A-1.log"),
		Place:   Place{Kind: "test", Host: "127.0.0.1", Port: 1, Folder: filepath.Join(t.TempDir(), "files"), Getenv: environment(nil)},
		Answers: func(context.Context) error { return nil }, Out: out, Journal: NoJournal{}}, out
}

// groupGone waits until no process of a group is left.
func groupGone(t *testing.T, pid int) {
	t.Helper()
	assert.Eventually(t, func() bool { return errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH) }, time.Minute, 20*time.Millisecond, "group %d", pid)
}

// Our own server as a process of its own: started, waited for, read back, started again and stopped.
func TestSimulatedServer(t *testing.T) {
	path, err := program()
	require.NoError(t, err)
	kind := kindOf(t, "sim-trtllm")
	port := freePort(t)
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	client := outgoing.New(outgoing.Options{})
	defer client.CloseIdleConnections()
	o, out := options(t, kind.Launch)
	configs, err := filepath.Abs(filepath.Join(root, "configs"))
	require.NoError(t, err)
	journal := &noting{}
	o.Journal = journal
	o.Launched = &config.Launched{StackFile: "stackA_llama70b_baseline.yaml"}
	o.Place = Place{Kind: "sim-trtllm", Host: "127.0.0.1", Port: port, Root: root, Configs: configs, Folder: t.TempDir(), ModelName: "L8B",
		Getenv: environment(map[string]string{"SPARKHARNESS_BIN": path})}
	o.Answers = func(ctx context.Context) error {
		id, err := load.ServedModel(ctx, client, base)
		if err != nil {
			return err
		}
		return rig.Answers(ctx, client, base, id)
	}
	for range 2 {
		s, err := Start(t.Context(), o)
		require.NoError(t, err)
		assert.NoError(t, s.Died())
		assert.Equal(t, 4096.0, *s.log.Number("kv_blocks"), "16 GiB of 4 MiB")
		id, err := load.ServedModel(t.Context(), client, base)
		require.NoError(t, err)
		assert.Equal(t, "Llama-3.1-8B-Instruct-FP8", id, "as trtllm-serve names a folder")
		assert.WithinDuration(t, time.Now(), s.Served(), 10*time.Second)
		pid := s.parts[0].cmd.Process.Pid
		require.NoError(t, s.Stop())
		groupGone(t, pid)
		_, err = load.ServedModel(t.Context(), client, base)
		require.Error(t, err)
		require.NoError(t, s.Stop(), "twice")
	}
	assert.Contains(t, out.String(), "serves after ")
	assert.Contains(t, out.String(), "serve --bind 127.0.0.1 --port "+fmt.Sprint(port))
	require.Len(t, journal.noted, 2)
	assert.Equal(t, []string{"server " + path, "server " + path}, journal.noted)
	assert.Len(t, journal.pids, 2)
	assert.Equal(t, []bool{true, true}, journal.marked)
	assert.Equal(t, journal.noted, journal.done)
	text, err := os.ReadFile(o.LogPath)
	require.NoError(t, err)
	assert.Contains(t, string(text), "trtllm: tier=device blocks=4096")
	assert.Contains(t, string(text), "stopping", "it was asked, not killed")
}

// One that dies says how, and what its log ends with, long before the limit; whoever asks it is not waited for.
func TestDiesAtStart(t *testing.T) {
	path, err := program()
	require.NoError(t, err)
	o, _ := options(t, script(path, "serve", "--no-such-flag"))
	o.Answers = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	began := time.Now()
	_, err = Start(t.Context(), o)
	require.ErrorContains(t, err, "stack A (test): the server ended (exit status 1) by itself: look at its log, "+o.LogPath)
	require.ErrorContains(t, err, "sparkharness: unknown flag: --no-such-flag")
	assert.Less(t, time.Since(began), 10*time.Second)

	o.Launch = script("/no/such/program")
	_, err = Start(t.Context(), o)
	require.ErrorContains(t, err, "/no/such/program cannot be started: fork/exec /no/such/program: no such file or directory: correct the command")
}

// One that never serves is given up when its time is over, and stopped.
func TestNeverReady(t *testing.T) {
	o, out := options(t, script("sh", "-c", "echo loading shard 3 of 15; exec sleep 60"))
	o.Launch.Ready.Limit = config.Duration(1500 * time.Millisecond)
	o.Answers = func(context.Context) error { return errors.New("connection refused") }
	journal := &noting{}
	o.Journal = journal
	_, err := Start(t.Context(), o)
	require.ErrorContains(t, err, "it does not serve after 1.5s (launch.ready.limit): connection refused: look at its log")
	require.ErrorContains(t, err, "loading shard 3 of 15")
	assert.Len(t, journal.done, 1, "stopped")
	assert.NotContains(t, out.String(), "serves")
}

// Whoever interrupts the start has nothing left running.
func TestStartIsInterrupted(t *testing.T) {
	o, _ := options(t, script("sleep", "60"))
	journal := &noting{}
	o.Journal = journal
	ctx, cancel := context.WithCancel(t.Context())
	o.Answers = func(context.Context) error { cancel(); return errors.New("no") }
	_, err := Start(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	assert.Len(t, journal.done, 1)
}

// A process that could not be noted does not stay.
func TestNotNoted(t *testing.T) {
	o, _ := options(t, script("sleep", "64"))
	journal := &noting{fails: errors.New("no room")}
	o.Journal = journal
	_, err := Start(t.Context(), o)
	require.ErrorContains(t, err, "no room")
	require.Len(t, journal.pids, 1)
	groupGone(t, journal.pids[0])
}

// A server that ignores the signal is killed after the grace, with what it has started.
func TestIgnoresSIGTERM(t *testing.T) {
	o, _ := options(t, script("sh", "-c", `trap "" TERM; sleep 61 & echo up; while :; do sleep 0.1; done`))
	o.Launch.Stop.Grace = config.Duration(300 * time.Millisecond)
	o.Answers = func(context.Context) error { return nil }
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.log.last() == "up" }, time.Minute, 10*time.Millisecond)
	pid := s.parts[0].cmd.Process.Pid
	began := time.Now()
	require.NoError(t, s.Stop())
	assert.GreaterOrEqual(t, time.Since(began), 300*time.Millisecond)
	assert.Less(t, time.Since(began), 40*time.Second, "it does not wait for a child that sleeps for a minute")
	groupGone(t, pid)
}

// What a server has started goes with it, also where the server itself ends in order.
func TestGroupGoesWithIt(t *testing.T) {
	o, _ := options(t, script("sh", "-c", `sleep 62 & echo up; trap 'exit 0' TERM; while :; do sleep 0.1; done`))
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.log.last() == "up" }, time.Minute, 10*time.Millisecond)
	pid := s.parts[0].cmd.Process.Pid
	began := time.Now()
	require.NoError(t, s.Stop())
	assert.Less(t, time.Since(began), 40*time.Second, "its child is not waited for, though it holds the output open")
	groupGone(t, pid)
}

// One that dies while it serves is noticed, with its log.
func TestDiesLater(t *testing.T) {
	o, _ := options(t, script("sh", "-c", "sleep 0.3; echo CUDA error: out of memory; exit 7"))
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.Died() != nil }, time.Minute, 10*time.Millisecond)
	require.ErrorContains(t, s.Died(), "the server ended (exit status 7) by itself")
	require.ErrorContains(t, s.Died(), "CUDA error: out of memory")
	require.NoError(t, s.Stop())
}

// A line that says that nothing can be measured ends the start, with what to do.
func TestFaultInTheLog(t *testing.T) {
	o, _ := options(t, script("sh", "-c", "echo 'WARNING fs.py: O_DIRECT is not supported on /tmp, using buffered I/O'; exec sleep 60"))
	o.Launch.Log = kindOf(t, "vllm-fs").Launch.Log
	o.Answers = func(context.Context) error { // once the line is in the log
		text, err := os.ReadFile(o.LogPath)
		if err == nil && !strings.Contains(string(text), "O_DIRECT") {
			err = errors.New("not yet")
		}
		return err
	}
	_, err := Start(t.Context(), o)
	require.ErrorContains(t, err, "its log has a fault, o_direct: the tier goes through the page cache")
	require.ErrorContains(t, err, "O_DIRECT is not supported on /tmp, using buffered I/O, 1 times")
}

// launchAndWait is another process, which starts a server, says its number, and is killed.
func launchAndWait() int {
	s, err := Start(context.Background(), Options{Name: "orphan", Launch: script("sleep", "63"), Launched: &config.Launched{}, LogPath: os.Getenv("LAUNCH_AND_WAIT"),
		Place: Place{Folder: filepath.Dir(os.Getenv("LAUNCH_AND_WAIT")), Getenv: os.LookupEnv}, Answers: func(context.Context) error { return nil }, Out: &said{}, Journal: NoJournal{}})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(s.parts[0].cmd.Process.Pid)
	select {}
}

// A harness that is killed leaves no process behind.
func TestDiesWithTheHarness(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LAUNCH_AND_WAIT="+filepath.Join(t.TempDir(), "log"))
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var pid int
	_, err = fmt.Fscan(pipe, &pid)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(-pid, 0))
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	groupGone(t, pid)
}

// Progress is told with the newest line.
func TestProgress(t *testing.T) {
	if testing.Short() {
		t.Skip("waits ten seconds: left out with -short")
	}
	o, out := options(t, script("sh", "-c", `printf 'Loading safetensors:  10%%\rLoading safetensors:  20%%\r'; exec sleep 60`))
	began := time.Now()
	o.Answers = func(context.Context) error {
		if time.Since(began) < tellEvery+time.Second {
			return errors.New("not yet")
		}
		return nil
	}
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, s.Stop())
	assert.Contains(t, out.String(), "stack A (test): starting, 10 s: Loading safetensors:  20%\n")
	assert.Equal(t, 1, strings.Count(out.String(), "starting,"))
}
