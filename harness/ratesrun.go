package harness

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/disk"
	"sparkharness/harness/evidence"
	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// rateJob is a run that is due.
type rateJob struct {
	h     Hypothesis
	world string
	seed  uint64
	key   rateKey
	exp   *config.Experiment // nil until a run of the world was planned
	facts record.Facts
	// expected is the outcome that is due in the default world, by what a control world must contradict or fail.
	expected verdict.Outcome
	by       config.Shown
	near     *config.Near // a world near a threshold
}

func (j rateJob) name() string { return rateName(j.h.ID, j.world, j.seed) }

func rateName(h, world string, seed uint64) string { return fmt.Sprintf("%s/%s/%d", h, world, seed) }

// ratesRun is one execution of RunErrorRates or RunNearThreshold.
type ratesRun struct {
	t         *testing.T
	dir       string
	published string // folder of the lines that the repository holds
	program   record.Program
	commit    string
	near      bool // worlds near thresholds, instead of the default and the control worlds
	// execute runs a hypothesis; nil instead of a report fails or skips the run. It leaves the run below o.Results.
	execute func(*testing.T, Hypothesis, *Options) (*verdict.Judgement, string)
	// print takes a machine's fingerprint.
	print func(*testing.T, Hypothesis, *Options) (string, error)

	mu    sync.Mutex
	lines map[string][]rateLine // by rateName, in the order in which they were counted
}

// rates runs what is due and counts all runs that are there; runs is how many were asked for. Interrupted while it finds
// out what is due, it is errInterrupted.
func (r *ratesRun) rates(all []Hypothesis, seeds []uint64) (rates report.ErrorRates, runs int, err error) {
	jobs, err := r.jobs(all, seeds)
	if err != nil {
		return rates, 0, err
	}
	missing := slices.DeleteFunc(slices.Clone(jobs), func(j rateJob) bool { return r.line(j) != nil })
	fmt.Fprintf(session.out, "error rates: %d runs, %d of them counted before under the same rules, designs and machines\n", len(jobs), len(jobs)-len(missing))
	missing, again := r.judgeAgain(missing)
	if again > 0 {
		fmt.Fprintf(session.out, "error rates: %d runs judged again from what they left, by other rules than before\n", again)
	}
	r.run(missing)
	return newErrorRates(r, jobs, all), len(jobs), nil
}

// jobs are all runs that are asked for; the lines of those that were done before are read.
func (r *ratesRun) jobs(all []Hypothesis, seeds []uint64) (jobs []rateJob, err error) {
	prints, err := readFingerprints(filepath.Join(r.dir, "machines.json"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(r.dir, "evidence"), 0o755); err != nil {
		return nil, err
	}
	var worlds []rateJob
	for _, h := range all {
		of, err := r.worldsOf(h)
		if err != nil {
			return nil, err
		}
		worlds = append(worlds, of...)
	}
	machines := make([]string, len(worlds))
	faults := make([]error, len(worlds))
	sideBySide(len(worlds), func(i int) { machines[i], faults[i] = r.machine(prints, worlds[i]) })
	switch {
	case session.stop.Load():
		return nil, errInterrupted
	case errors.Join(faults...) != nil:
		return nil, errors.Join(faults...)
	}
	if err := prints.save(); err != nil {
		return nil, err
	}
	for i, w := range worlds {
		if err := r.read(w.h.ID, w.world); err != nil {
			return nil, err
		}
		for n, seed := range seeds {
			if session.stop.Load() {
				return nil, errInterrupted
			}
			if w.near != nil && n >= w.near.Runs {
				break
			}
			job, err := r.newJob(w, seed)
			if err != nil {
				return nil, err
			}
			w = job
			job.key.Machine = machines[i]
			jobs = append(jobs, job)
		}
	}
	// Seed by seed, so that what an interruption leaves is even; and first the worlds of which most runs are wanted.
	slices.SortStableFunc(jobs, func(a, b rateJob) int {
		return cmp.Or(-cmp.Compare(a.wanted(), b.wanted()), cmp.Compare(a.seed, b.seed))
	})
	return jobs, nil
}

func (j rateJob) wanted() int {
	if j.near == nil {
		return 0
	}
	return j.near.Runs
}

// sideBySide calls f for 0 to n-1 on as many goroutines as processors.
func sideBySide(n int, f func(int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		if session.stop.Load() {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
}

// line is what a run has come to under the job's rules, design and machine; nil if that is not known.
func (r *ratesRun) line(j rateJob) *rateLine {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines[j.name()]
	for i := len(lines) - 1; i >= 0; i-- {
		if lines[i].rateKey == j.key {
			return &lines[i]
		}
	}
	return nil
}

// worldsOf are the default world and the hypothesis's control worlds, or those near its thresholds, as jobs without a seed.
func (r *ratesRun) worldsOf(h Hypothesis) ([]rateJob, error) {
	o := *session.options
	o.World = defaultWorld
	exp, err := experiment.Load(demand(h), o.choices())
	if err != nil {
		return nil, err
	}
	if r.near {
		var out []rateJob
		for _, n := range exp.Hypothesis.Near {
			out = append(out, rateJob{h: h, world: n.World, near: &n})
		}
		return out, nil
	}
	out := []rateJob{{h: h, world: defaultWorld}}
	for _, world := range slices.Sorted(maps.Keys(exp.Hypothesis.Controls)) {
		out = append(out, rateJob{h: h, world: world, by: exp.Hypothesis.Controls[world]})
	}
	return out, nil
}

// machine is the fingerprint of a world's machine, taken if this program has not taken it.
func (r *ratesRun) machine(prints *fingerprints, w rateJob) (string, error) {
	seeded, err := r.newJob(w, fingerprintSeed)
	if err != nil {
		return "", err
	}
	name := w.h.ID + "/" + w.world
	r.mu.Lock()
	known, ok := prints.known[name]
	r.mu.Unlock()
	if ok && known.Program == r.program && known.Design == seeded.key.Design && known.Machine != "" {
		return known.Machine, nil
	}
	fmt.Fprintf(session.out, "error rates: fingerprint of %s\n", name)
	o, done, err := r.quiet(w.world, fingerprintSeed)
	if err != nil {
		return "", err
	}
	defer done()
	print, err := r.print(r.t, w.h, o)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	prints.known[name] = fingerprint{r.program, seeded.key.Design, print}
	return print, nil
}

// quiet are the options of a run of which only a line is kept, in a folder of its own that done removes.
func (r *ratesRun) quiet(world string, seed uint64) (o *Options, done func(), err error) {
	scratch, err := disk.NewScratch(rigs[session.options.Rig].scratch())
	if err != nil {
		return nil, nil, err
	}
	own := *session.options
	own.World, own.Seed, own.Results, own.Quiet, own.Resume, own.PlanOnly = world, seed, scratch.Dir(), true, false, false
	return &own, func() { _ = scratch.Close() }, nil // what is left is swept by the next run
}

// newJob is the run of a world under a seed. Of the configuration only that is another one under another seed, so that it is
// read once a world.
func (r *ratesRun) newJob(w rateJob, seed uint64) (rateJob, error) {
	if w.exp == nil {
		o := *session.options
		o.World, o.Seed = w.world, seed
		p, err := plan(r.t, w.h, &o)
		if err != nil {
			return w, err
		}
		w.exp, w.facts = p.exp, p.rig.Facts()
		p.close()
		expected, err := new(Options).Expected(w.h.ID, w.exp.Expected())
		if err != nil {
			return w, err
		}
		w.expected = expected[0]
	}
	exp, hypothesis := *w.exp, *w.exp.Hypothesis
	hypothesis.Run.Seed = seed
	exp.Hypothesis = &hypothesis
	w.seed, w.exp = seed, &exp
	var err error
	if w.key.Design, err = designOf(w.exp, w.facts, session.options.Root); err != nil {
		return w, err
	}
	w.key.Rules, err = rulesOf(w.exp, r.program)
	return w, err
}

func (r *ratesRun) path(h, world string) string {
	return filepath.Join(r.dir, strings.ToLower(h)+"."+world+".jsonl")
}

// read takes the lines of earlier executions, and those that the repository holds.
func (r *ratesRun) read(h, world string) error {
	published, err := readRates(publishedPath(r.published, h), false)
	if err != nil {
		return err
	}
	published = slices.DeleteFunc(published, func(l rateLine) bool { return l.World != world })
	own, err := readRates(r.path(h, world), true)
	if err != nil {
		return err
	}
	for _, l := range append(published, own...) {
		name := rateName(l.Hypothesis, l.World, l.Seed)
		r.lines[name] = append(r.lines[name], l)
	}
	return nil
}

// judgeAgain judges runs by their kept evidence, and returns those that have to be run.
func (r *ratesRun) judgeAgain(missing []rateJob) (left []rateJob, judged int) {
	keep := make([]bool, len(missing))
	sideBySide(len(missing), func(i int) {
		ok, err := r.again(missing[i])
		if err != nil {
			r.t.Error(err)
		}
		keep[i] = ok
	})
	for i, j := range missing {
		if keep[i] {
			judged++
			continue
		}
		left = append(left, j)
	}
	return left, judged
}

// again judges one run by its kept evidence; false if there is none, or not enough.
func (r *ratesRun) again(j rateJob) (bool, error) {
	kept, err := evidence.ReadReduced(keptPath(r.dir, j))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	rep, err := judgeKept(j.h, j.exp, kept)
	if rep == nil || err != nil {
		return false, err
	}
	return true, r.keep(newRateLine(j, rep, r.commit))
}

// keep appends a line.
func (r *ratesRun) keep(l rateLine) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := appendLine(r.path(l.Hypothesis, l.World), l); err != nil {
		return err
	}
	name := rateName(l.Hypothesis, l.World, l.Seed)
	r.lines[name] = append(r.lines[name], l)
	return nil
}

// run executes the jobs side by side. Each runs its cells side by side too, but concludes on one processor:
// with as many jobs as processors none of them idles.
func (r *ratesRun) run(missing []rateJob) {
	started := time.Now()
	finished := 0
	sideBySide(len(missing), func(i int) {
		j, began := missing[i], time.Now()
		line, ok := r.one(j)
		if !ok {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		finished++
		left := time.Since(started).Seconds() / float64(finished) * float64(len(missing)-finished)
		fmt.Fprintf(session.out, "%4d/%d  %-4s %-18s seed %-4d %-13s %5.1f s  about %.0f min left\n",
			finished, len(missing), j.h.ID, j.world, j.seed, line.Outcome, time.Since(began).Seconds(), left/60)
	})
}

// one executes a job in a folder of its own that is removed afterwards, and keeps its line and its reduced evidence.
func (r *ratesRun) one(j rateJob) (line rateLine, ok bool) {
	o, done, err := r.quiet(j.world, j.seed)
	if err != nil {
		r.t.Error(err)
		return line, false
	}
	defer done()
	var rep *verdict.Judgement
	var path string
	r.t.Run(fmt.Sprintf("%s/%s/seed=%d", j.h.ID, j.world, j.seed), func(t *testing.T) { rep, path = r.execute(t, j.h, o) })
	if rep == nil || rep.Interrupted || session.stop.Load() {
		return line, false // not a verdict of the whole run
	}
	if path != "" {
		ev, err := evidence.Load(filepath.Dir(path), nil)
		if err == nil {
			err = ev.WriteReduced(keptPath(r.dir, j))
		}
		if err != nil {
			r.t.Error(err)
			return line, false
		}
	}
	line = newRateLine(j, rep, r.commit)
	if err := r.keep(line); err != nil {
		r.t.Error(err)
		return line, false
	}
	return line, true
}
