package harness

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"sparkharness/harness/record"
	"sparkharness/harness/report"
)

// session is the test binary's one execution: its flags, the verdicts that have been reached, and
// whether it has been asked to stop.
var session = &sessionState{options: &Options{Root: checkout()}, out: os.Stdout}

type sessionState struct {
	options *Options
	out     io.Writer
	program record.Program
	stop    atomic.Bool

	mu    sync.Mutex
	lines []report.Line
}

func (s *sessionState) add(l report.Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, l)
}

// Main is the body of TestMain for a package of hypotheses, all of which are given, with the sources of the package, which
// are rules: it registers the flags, refuses those that mean nothing, runs the tests, ends the run in order when
// interrupted, and closes with the verdict table. It returns the exit status.
func Main(m *testing.M, rules fs.FS, all ...Hypothesis) int {
	session.options.Register(flag.CommandLine)
	flag.Parse()
	var known []string
	for _, h := range all {
		known = append(known, h.ID)
	}
	if err := session.options.check(flag.CommandLine, known); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if err := checkRun(known); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var err error
	if session.program, err = identify(sources, rules, session.options.Root); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		select {
		case <-signals:
			session.stop.Store(true)
			fmt.Fprintln(os.Stderr, "interrupted: ending the cells under way and writing what is there (again to quit at once)")
		case <-done:
			return
		}
		select {
		case <-signals:
			os.Exit(130)
		case <-done:
		}
	})
	// Millions of short-lived lines and chunks: a larger heap saves a sixth of the time.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	status := m.Run()
	close(done)
	watcher.Wait()
	return max(status, session.close())
}

// gcPercent lets the heap, some 100 MB here, grow this much between collections.
const gcPercent = 1000

// close prints the closing table and rebuilds what spans all runs.
func (s *sessionState) close() int {
	if len(s.lines) == 0 {
		return 0
	}
	err := report.Closing(s.out, s.lines)
	if s.options.Replay != "" {
		return exitOf(err) // a replay writes nothing
	}
	for _, write := range []func(string) ([]string, error){report.WriteSummary, report.WriteIndex} {
		warnings, werr := write(s.options.results())
		for _, w := range warnings {
			fmt.Fprintln(s.out, "warning:", w)
		}
		err = errors.Join(err, werr)
	}
	return exitOf(err)
}

// exitOf is the exit status of an error, which is printed.
func exitOf(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// Updating reports whether golden files are to be rewritten (-update).
func Updating() bool { return session.options.Update }

// Root is the folder that holds configs/, inputs/ and fixtures/.
func Root() string { return session.options.Root }
