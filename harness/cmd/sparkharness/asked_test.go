package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// commandMark stands in the environment of a process that a test started: there the test binary is the command.
const commandMark = "SPARKHARNESS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(commandMark) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// command starts the command as a process of its own, and gives what it prints when it has ended.
func command(t *testing.T, args ...string) (cmd *exec.Cmd, printed func() string) {
	t.Helper()
	var out strings.Builder
	cmd = exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), commandMark+"=1")
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended if all went well
	return cmd, func() string {
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-ended: //nolint:errcheck // how is in the state
		case <-time.After(patience):
			t.Error("it goes on")
			_ = cmd.Process.Kill()
			<-ended //nolint:errcheck // the same
		}
		return out.String()
	}
}

// The first signal ends the context and says which it was, another one the process; those that come with the first one
// are the first one.
func TestWatch(t *testing.T) {
	for _, tc := range []struct {
		name    string
		signals []os.Signal
		gaps    []time.Duration
		status  int
	}{
		{"one", []os.Signal{syscall.SIGHUP}, []time.Duration{time.Hour}, 0},
		{"two", []os.Signal{os.Interrupt, os.Interrupt}, []time.Duration{0, time.Second}, 130},
		{"one, to the process and to its group", []os.Signal{syscall.SIGTERM, syscall.SIGTERM}, []time.Duration{0, time.Millisecond}, 0},
		{"and then another", []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGTERM}, []time.Duration{0, time.Millisecond, time.Second}, 143},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				signals, done, ended := make(chan os.Signal, 8), make(chan struct{}), make(chan struct{})
				status := 0
				go func() {
					defer close(ended)
					watch(signals, done, cancel, func(n int) { status = n })
				}()
				for n, s := range tc.signals {
					time.Sleep(tc.gaps[n])
					signals <- s
					synctest.Wait()
				}
				close(done)
				<-ended
				assert.Equal(t, asked{tc.signals[0]}, context.Cause(ctx))
				assert.Equal(t, tc.status, status)
			})
		})
	}
}

// A replay that a signal ends prints its table, keeps its lines, and has the status of a process that the signal ended.
func TestReplayIsAskedToEnd(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			if signal.Ignored(s) {
				t.Skip("started by something that has this signal ignored, as nohup has, and so does the command")
			}
			url, reached := endless(t)
			dir := filepath.Join(t.TempDir(), "out")
			cmd, printed := command(t, "trace", "replay", chatSmall, "--url", url, "--dialect", "dynamo", "--out", dir)
			select {
			case <-reached:
			case <-time.After(patience):
				t.Fatal("nothing was sent")
			}
			require.NoError(t, cmd.Process.Signal(s))
			out := printed()
			assert.Equal(t, 128+int(s), cmd.ProcessState.ExitCode(), out)
			assert.Contains(t, out, "\nrequests ", "the table")
			assert.Contains(t, out, fmt.Sprintf("sparkharness: interrupted (%v): the table is of what was sent until then, its lines are kept in %s", s, dir))
			n := 0
			torn, err := record.Read(filepath.Join(dir, metricsFile), func(r *record.Request) error {
				assert.Equal(t, record.RCCancelled, r.RC)
				n++
				return nil
			})
			require.NoError(t, err)
			assert.False(t, torn)
			assert.Positive(t, n)
		})
	}
}

// endless is a server whose answers never come; it says when it is asked for one.
func endless(t *testing.T) (url string, reached <-chan struct{}) {
	t.Helper()
	asked, gone := make(chan struct{}, 1<<10), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/models" {
			fmt.Fprint(w, `{"data":[{"id":"slow"}]}`)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // only a request that was read is seen to be given up
		asked <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-gone:
		}
	}))
	t.Cleanup(func() {
		close(gone)
		server.Close()
	})
	return server.URL, asked
}

// What computes and has nothing to end in order is ended by the signal itself, and leaves no half file.
func TestComputingIsAskedToEnd(t *testing.T) {
	dir := t.TempDir()
	cmd, printed := command(t, "trace", "generate", "--rate", "15", "--span", "24h", "--out", filepath.Join(dir, "trace.jsonl"))
	time.Sleep(50 * time.Millisecond) // whether it has begun does not matter: it takes half a minute
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	out := printed()
	assert.Equal(t, syscall.SIGTERM, cmd.ProcessState.Sys().(syscall.WaitStatus).Signal(), out)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// A look at runs that a signal ends takes what looks with it, and leaves nothing; what one that was killed has left is
// swept by the next.
func TestVerifyIsAskedToEnd(t *testing.T) {
	bin, tmp, run := t.TempDir(), t.TempDir(), t.TempDir()
	there, ended := filepath.Join(bin, "there"), filepath.Join(bin, "ended")
	// It stands for go test, which looks; killed alone, verify leaves it, and it ends with this test.
	script := "#!/bin/sh\ntrap 'echo >" + ended + "; exit 1' TERM\necho >" + there + "\nwhile [ -d " + bin + " ]; do sleep 0.05; done\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(run, "cells"), 0o755))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("TMPDIR", tmp)
	wait := func(path string) {
		require.Eventually(t, func() bool { _, err := os.Stat(path); return err == nil }, patience, 10*time.Millisecond, path)
	}
	left := func() int {
		entries, err := os.ReadDir(tmp)
		require.NoError(t, err)
		return len(entries)
	}
	cmd, printed := command(t, "verify", run)
	wait(there)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	out := printed()
	assert.Equal(t, 128+int(syscall.SIGTERM), cmd.ProcessState.ExitCode(), out)
	assert.Contains(t, out, "interrupted (terminated)")
	wait(ended)
	assert.Zero(t, left())

	require.NoError(t, errors.Join(os.Remove(there), os.Remove(ended)))
	cmd, printed = command(t, "verify", run)
	wait(there)
	require.NoError(t, cmd.Process.Kill())
	require.NoError(t, os.WriteFile(filepath.Join(bin, "go"), []byte("#!/bin/sh\nexit 1\n"), 0o755))
	printed()
	assert.Equal(t, 1, left())
	_, printed = command(t, "verify", run)
	assert.Contains(t, printed(), "it left no result")
	assert.Zero(t, left())
}
