package harness

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/runner"
)

// signalled runs watch over a run that does not end, in virtual time, and returns what it did about the signals, which
// come with the given distances.
func signalled(t *testing.T, signals []os.Signal, gaps ...time.Duration) (said []os.Signal, status int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		i := newInterrupt()
		require.True(t, i.begin())
		ch, done, ended := make(chan os.Signal, 8), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			i.watch(ch, done, func(s os.Signal) { said = append(said, s) }, func(n int) { status = n })
		}()
		for n, s := range signals {
			time.Sleep(gaps[n])
			ch <- s
			synctest.Wait()
		}
		assert.True(t, i.stop.Load())
		select {
		case <-i.quiet:
			t.Error("the run has not ended")
		default:
		}
		close(done)
		<-ended
	})
	return said, status
}

// The first signal asks, another one ends at once; those that come with the first one are the first one.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	for _, tc := range []struct {
		name    string
		signals []os.Signal
		gaps    []time.Duration
		status  int
	}{
		{"one", []os.Signal{os.Interrupt}, []time.Duration{time.Hour}, 0},
		{"two", []os.Signal{os.Interrupt, os.Interrupt}, []time.Duration{0, time.Second}, 130},
		{"another kind", []os.Signal{syscall.SIGHUP, syscall.SIGTERM}, []time.Duration{0, time.Minute}, 143},
		{"one, to the process and to its group", []os.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGHUP}, []time.Duration{0, time.Millisecond, 0}, 0},
		{"and then another", []os.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGHUP}, []time.Duration{0, time.Millisecond, time.Second}, 129},
	} {
		t.Run(tc.name, func(t *testing.T) {
			said, status := signalled(t, tc.signals, tc.gaps...)
			assert.Equal(t, tc.signals[:1], said, "once")
			assert.Equal(t, tc.status, status)
		})
	}
}

// Nothing is begun once the end is wished for, and the process may go when all that was begun has ended.
func TestQuietWhenAllHasEnded(t *testing.T) {
	quiet := func(i *interrupt) bool {
		select {
		case <-i.quiet:
			return true
		default:
			return false
		}
	}
	i := newInterrupt()
	require.True(t, i.begin())
	require.True(t, i.begin())
	i.end()
	require.True(t, i.begin())
	require.True(t, i.ask(func() {}))
	require.False(t, i.ask(func() {}), "only once")
	assert.False(t, i.begin())
	i.end()
	assert.False(t, quiet(i))
	i.end()
	assert.True(t, quiet(i))

	i = newInterrupt()
	i.ask(func() {})
	assert.True(t, quiet(i), "nothing was begun")
}

// An execution that was interrupted has not passed, whatever its tests say.
func TestInterruptedHasNotPassed(t *testing.T) {
	s := &sessionState{interrupt: newInterrupt(), options: testOptions(t), out: io.Discard}
	assert.Zero(t, s.finish())
	s.ask(func() {})
	assert.Equal(t, 1, s.finish())
}

// What is computed is not waited for, and its panic is an error.
func TestAwait(t *testing.T) {
	i := newInterrupt()
	n, err := await(i, func() (int, error) { return 3, io.EOF })
	assert.Equal(t, []any{3, io.EOF}, []any{n, err})
	_, err = await(i, func() (int, error) { panic("broken") })
	broke, ok := errors.AsType[*runner.PanicError](err)
	require.True(t, ok)
	assert.Equal(t, "broken", broke.Value)

	never, computing := make(chan struct{}), make(chan struct{})
	defer close(never)
	go func() {
		<-computing
		i.ask(func() {})
	}()
	_, err = await(i, func() (int, error) {
		close(computing)
		<-never
		return 0, nil
	})
	assert.Equal(t, errInterrupted, err)
}

// broken is a pipe that nobody reads, or another fault of a stream.
type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

// A reader that has left ends the run; a full disk, say, does not.
func TestReaderLeaves(t *testing.T) {
	left := 0
	for _, w := range []io.Writer{io.Discard, broken{&os.PathError{Err: syscall.ENOSPC}}, broken{&os.PathError{Err: syscall.EPIPE}}} {
		_, _ = heard{w, func() { left++ }}.Write([]byte("x"))
	}
	assert.Equal(t, 1, left)
}

// Who wishes for the end is said before anybody can know of the wish, and so before anybody tells what is kept.
func TestTheWishIsSaidFirst(t *testing.T) {
	i, said := newInterrupt(), false
	require.True(t, i.ask(func() {
		said = true
		select {
		case <-i.asked:
			t.Error("others know of it already")
		default:
		}
	}))
	assert.True(t, said)
	<-i.asked
	require.False(t, i.ask(func() { t.Error("it is said once") }))
}
