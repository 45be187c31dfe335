package harness

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"sparkharness/harness/carried"
	"sparkharness/harness/cpus"
	"sparkharness/harness/disk"
	"sparkharness/harness/experiment"
	"sparkharness/harness/rates"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/runner"
)

// session is the test binary's one execution: its flags, the verdicts that have been reached, and
// whether it has been asked to stop.
var session = &sessionState{interrupt: newInterrupt(), options: &Options{Root: checkout()}, out: os.Stdout,
	spanning: []func(string) ([]string, error){report.WriteSummary, report.WriteIndex}}

type sessionState struct {
	*interrupt
	options *Options
	out     io.Writer
	program record.Program
	rules   *rates.Rules
	// spanning write what spans all runs of a results folder, and return warnings.
	spanning []func(results string) ([]string, error)

	due    []Hypothesis // that this execution runs
	one    []string     // of them, those that -run asks for one by one
	warned sync.Once    // of what it would wear

	uncontrolled sync.Once // it has been said that there are no control worlds

	mu      sync.Mutex
	lines   []report.Line
	passed  []report.Line         // of hypotheses that cannot be decided here, and that nobody asked for one by one
	resumed bool                  // an earlier run has been taken up
	runs    map[string][]string   // folders of runs that came to their end, by results folder
	known   experiment.Known      // the cells of planned
	planned []experiment.Expected // with -plan-only
	shown   []experiment.Bounds   // likewise, of plans without prices
}

// concluded notes a run of this execution that came to its end; earlierIn are those in a results folder, in their order.
func (s *sessionState) concluded(results, dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil {
		s.runs = map[string][]string{}
	}
	s.runs[results] = append(s.runs[results], dir)
}

func (s *sessionState) earlierIn(results string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.runs[results])
}

// expect notes what a plan that is only shown costs.
func (s *sessionState) expect(p planned) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x, ok := experiment.Expect(p.whole, p.exp.Hypothesis.Run, &s.known); ok {
		s.planned = append(s.planned, x)
		return
	}
	s.shown = append(s.shown, experiment.BoundsOf(p.whole, p.exp.Hypothesis.Run, &s.known))
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
	if err := session.options.standAlone(carried.Parent); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if session.options.alone {
		fmt.Println("no checkout here: configurations and inputs are those that this program carries,", session.options.Root)
	}
	if err := session.options.checkKinds(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if list := session.options.ClientCPUs; list != "" {
		if _, err := cpus.Pin(list); err != nil { // until this process ends
			fmt.Fprintln(os.Stderr, "-client-cpus:", err)
			return 2
		}
	}
	if err := checkRun(known); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	session.due = dueOf(all)
	session.one = askedOneByOne(flag.Lookup("test.run").Value.String(), known)
	if err := session.options.checkProfile(session.due); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var err error
	if session.program, err = identify(sources, rules, session.options.Root); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if session.rules, err = rates.NewRules(sources, rules); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	for _, parent := range []string{simrig.MemoryBacked(), ""} {
		disk.SweepScratch(parent)
	}
	say := func(why any) {
		fmt.Fprintf(os.Stderr, "interrupted (%v): ending what is under way; what has been measured stays (again to quit at once)\n", why)
	}
	unless := func(why string) func() {
		return func() {
			session.ask(func() { say(why) })
		}
	}
	session.out = heard{os.Stdout, unless("nobody reads the output any more")}
	finish := sync.OnceValue(session.finish)
	done, signals := make(chan struct{}), notify()
	var watchers sync.WaitGroup
	watchers.Go(func() { session.watch(signals, done, func(s os.Signal) { say(s) }, os.Exit) })
	watchers.Go(func() { watchStarter(done, session.options.VerifyResults != "", unless("what started this has ended")) })
	watchers.Go(func() {
		select {
		case <-session.quiet: // whatever the tests do now, it is not worth waiting for
			os.Exit(max(1, finish()))
		case <-done:
		}
	})
	// Millions of short-lived lines and chunks: a larger heap saves a sixth of the time.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	status := max(m.Run(), finish())
	close(done)
	watchers.Wait()
	return status
}

// gcPercent lets the heap, some 100 MB here, grow this much between collections.
const gcPercent = 1000

// finish closes the execution, and says what is kept if it ends before its time and nobody has said so.
func (s *sessionState) finish() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.close()
	if !s.stop.Load() {
		return status
	}
	if s.silent() {
		s.tell("interrupted: %d runs are complete and kept, and none was under way; the same flags and -resume go on", len(s.lines))
	}
	return max(1, status)
}

// closeWait bounds the wait for another execution that closes into the same results.
const closeWait = 30 * time.Second

// close prints the closing table and rebuilds what spans all runs.
func (s *sessionState) close() int {
	if len(s.planned) > 1 {
		experiment.PrintExpected(s.out, s.planned)
	}
	if len(s.shown) > 1 {
		experiment.PrintBounds(s.out, s.shown)
	}
	if len(s.lines) == 0 {
		return s.nothingDecided()
	}
	err := runner.Catch(func() error { return report.Closing(s.out, slices.Concat(s.lines, s.passed)) })
	if s.options.Replay != "" {
		return exitOf(err) // a replay writes nothing
	}
	// One after another: the last one to write has read the reports of all.
	lock, lerr := disk.TakeWithin(filepath.Join(s.options.results(), ".index.lock"), closeWait, s.asked)
	if lerr != nil {
		return exitOf(errors.Join(err, fmt.Errorf("index and summary are not rebuilt: %w", lerr)))
	}
	defer func() { _ = lock.Release() }() // a file too many does no harm
	disk.SweepReplaced(s.options.results())
	for _, write := range s.spanning {
		var warnings []string
		werr := runner.Catch(func() (err error) {
			warnings, err = write(s.options.results())
			return err
		})
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
