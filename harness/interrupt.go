package harness

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sparkharness/harness/runner"
)

// interrupt is the wish that the execution ends before all is done, and what has to end in order before it does.
type interrupt struct {
	stop  atomic.Bool   // asked is closed. Cells poll it: a channel from outside a bubble of virtual time stops its clock
	asked chan struct{} // closed at the first wish
	quiet chan struct{} // closed when asked is and nothing is under way any more

	mu    sync.Mutex
	under int  // how many are under way
	told  bool // somebody has said what is kept and how to go on
}

func newInterrupt() *interrupt {
	return &interrupt{asked: make(chan struct{}), quiet: make(chan struct{})}
}

// errInterrupted says that something has not been done because the execution is to end.
var errInterrupted = errors.New("interrupted")

// ask wishes for the end; false if that has been wished before. say tells who wishes, before anybody tells what is kept.
func (i *interrupt) ask(say func()) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stop.Swap(true) {
		return false
	}
	say()
	close(i.asked)
	if i.under == 0 {
		close(i.quiet)
	}
	return true
}

// begin says that something is under way that has to end in order, until end; false if it is not to begin.
func (i *interrupt) begin() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stop.Load() {
		return false
	}
	i.under++
	return true
}

func (i *interrupt) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.under--
	if i.stop.Load() && i.under == 0 {
		close(i.quiet)
	}
}

// tell says in a line what is kept and how to go on.
func (i *interrupt) tell(format string, args ...any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.told = true
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// silent says that nobody has said what is kept.
func (i *interrupt) silent() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return !i.told
}

// await is what f returns, or errInterrupted as soon as the end is wished for. f computes and writes nothing, so that
// nothing is lost when the process ends without waiting for it. A panic of f is a *runner.PanicError.
func await[T any](i *interrupt, f func() (T, error)) (T, error) {
	type result struct {
		out T
		err error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		r.err = runner.Catch(func() (err error) {
			r.out, err = f()
			return err
		})
		done <- r
	}()
	select {
	case r := <-done:
		return r.out, r.err
	case <-i.asked:
		return result{}.out, errInterrupted
	}
}

// oneWish is how long after the first signal others are taken for the same one: timeout(1), make and a shell that
// hangs up send theirs to the process and to its group.
const oneWish = 500 * time.Millisecond

// watch turns signals into the wish until done: say is called with what asked, once; exit, with the status of a shell,
// when a second one finds the process still there.
func (i *interrupt) watch(signals <-chan os.Signal, done <-chan struct{}, say func(os.Signal), exit func(int)) {
	var first time.Time
	for {
		select {
		case s := <-signals:
			switch {
			case i.ask(func() { say(s) }):
				first = time.Now()
			case time.Since(first) > oneWish:
				exit(statusOf(s))
				return
			}
		case <-done:
			return
		}
	}
}

// statusOf is the exit status that shells give to a process that a signal has ended.
func statusOf(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return 128 + int(n)
	}
	return 1
}

// notify relays the signals that ask for the end. A hangup that was ignored when the process began stays so (nohup).
func notify() chan os.Signal {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	// By default a write to a pipe that nobody reads kills the process with no order at all: see heard.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return signals
}

// heard is a stream whose reader may leave, as that of a pipe does: then the end is wished for.
type heard struct {
	io.Writer
	left func()
}

func (h heard) Write(p []byte) (int, error) {
	n, err := h.Writer.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		h.left()
	}
	return n, err
}

// lookForStarter is how often a process looks whether what started it is still there.
const lookForStarter = 200 * time.Millisecond

// watchStarter calls gone when the go command, or the test binary, that started this process has ended, until done; with
// whoever, when anybody has who did. SIGTERM and SIGHUP end go test at once, and it passes neither on.
func watchStarter(done <-chan struct{}, whoever bool, gone func()) {
	starter := os.Getppid()
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", starter))
	comm := strings.TrimSpace(string(name))
	if goes := err == nil && (comm == "go" || strings.HasSuffix(comm, ".test")); !goes && !whoever {
		return // a shell may leave: what it started in the background goes on
	}
	ticker := time.NewTicker(lookForStarter)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if os.Getppid() != starter {
				gone()
				return
			}
		case <-done:
			return
		}
	}
}

// begun says that something is under way that ends in order when the execution is interrupted, until end is called. The
// test is skipped if that has happened.
func begun(t *testing.T) (end func()) {
	t.Helper()
	if !session.begin() {
		t.Skip("not begun: interrupted")
	}
	return session.end
}

// refused ends the test of a run that is not to be.
func refused(t *testing.T, h Hypothesis, err error) {
	t.Helper()
	if broke, ok := errors.AsType[*runner.PanicError](err); ok {
		t.Fatalf("%s: cannot be planned (panic: %v); nothing has been measured\n%s", h.ID, broke.Value, broke.Stack)
	}
	t.Fatal(err)
}

// stopped ends the test of a run that could not be brought to its end, and says what is kept and how to go on.
func stopped(t *testing.T, h Hypothesis, r *runner.Run, o *Options, err error) {
	t.Helper()
	kept, of := r.Kept()
	broke, panicked := errors.AsType[*runner.PanicError](err)
	switch {
	case errors.Is(err, errInterrupted) && kept == 0:
		giveUp(t, o, "%s: interrupted before a cell of %s was complete: the same flags and -resume go on", h.ID, r.Dir())
	case errors.Is(err, errInterrupted):
		giveUp(t, o, "%s: interrupted; %d of %d cells are complete and kept in %s: the same flags and -resume go on, -replay %s judges what is there",
			h.ID, kept, of, r.Dir(), r.Dir())
	case panicked:
		t.Fatalf("%s: a gate or a rule of it has a fault (panic: %v); %d of %d cells are complete and kept in %s: when it is mended, the same flags and -resume go on, "+
			"-replay %s judges what is there\n%s", h.ID, broke.Value, kept, of, r.Dir(), r.Dir(), broke.Stack)
	case onFullDisk(r, err):
		t.Fatalf("%s: %v (%d of %d cells are complete)", h.ID, runner.FullDisk(r.Dir(), err), kept, of)
	default:
		t.Fatalf("%s: %v (%d of %d cells are complete and kept in %s: -resume goes on)", h.ID, err, kept, of, r.Dir())
	}
}

// onFullDisk says that an error is that of a full disk under a run's folder.
func onFullDisk(r *runner.Run, err error) bool {
	_, is := errors.AsType[*runner.FullDiskError](runner.FullDisk(r.Dir(), err))
	return is
}

// giveUp ends an interrupted test and says so in a line; not for a run among many, of which nothing is kept.
func giveUp(t *testing.T, o *Options, format string, args ...any) {
	t.Helper()
	if o.Quiet {
		t.Skipf(format, args...)
	}
	session.tell(format, args...)
	t.FailNow()
}
