package rates

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"sparkharness/harness/disk"
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// Count is one execution of a count.
type Count struct {
	Dir     string // folder of its lines
	Root    string // of the repository, which holds lines, too
	Program record.Program
	Commit  string   // as lines name it
	Near    bool     // worlds near thresholds, instead of the default and the control worlds
	Worlds  []string // of them only these; empty: all
	Door    Door

	mu    sync.Mutex
	lines map[string][]line // by the name of the run, in the order in which they were counted
	asked []job             // that Rates was asked for
}

// ErrInterrupted says that the execution is to end, and that no run was begun.
var ErrInterrupted = errors.New("interrupted")

// Rates runs what is due and counts all runs that are there; runs is how many were asked for. Interrupted while it finds
// out what is due, it is ErrInterrupted.
func (c *Count) Rates(all []verdict.Hypothesis, seeds []uint64) (rates report.ErrorRates, runs int, err error) {
	jobs, err := c.jobs(all, seeds)
	if err != nil {
		return rates, 0, err
	}
	c.asked = jobs
	due := map[string]bool{} // one run may be counted for several checks
	missing := slices.DeleteFunc(slices.Clone(jobs), func(j job) bool {
		again := due[j.name()]
		due[j.name()] = true
		return again || c.line(j) != nil
	})
	fmt.Fprintf(c.Door.Out, "error rates: %d runs, %d of them counted before under the same rules, designs and machines\n",
		len(due), len(due)-len(missing))
	missing, again := c.judgeAgain(missing)
	if again > 0 {
		fmt.Fprintf(c.Door.Out, "error rates: %d runs judged again from what they left, by other rules than before\n", again)
	}
	c.run(missing)
	return c.count(jobs, all), len(jobs), nil
}

// count counts the verdicts of the jobs that are done.
func (c *Count) count(jobs []job, all []verdict.Hypothesis) report.ErrorRates {
	out := report.ErrorRates{Schema: report.ErrorRatesSchema, Commit: c.Commit, Program: c.Program.Judges}
	counted := rows{all: all}
	for _, j := range jobs {
		l := c.line(j)
		counted.add(j, l)
		if l == nil {
			out.Missing++
		}
	}
	out.Rates = counted.inOrder()
	return out
}

// jobs are all runs that are asked for; the lines of those that were done before are read.
func (c *Count) jobs(all []verdict.Hypothesis, seeds []uint64) (jobs []job, err error) {
	c.lines = map[string][]line{}
	known, err := readMachines(filepath.Join(c.Dir, "machines.json"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(c.Dir, "evidence"), 0o755); err != nil {
		return nil, err
	}
	var worlds []job
	for _, h := range all {
		of, err := c.worldsOf(h)
		if err != nil {
			return nil, err
		}
		worlds = append(worlds, of...)
	}
	for _, name := range c.Worlds {
		if !slices.ContainsFunc(worlds, func(j job) bool { return j.world() == name }) {
			return nil, fmt.Errorf("-worlds %s: no hypothesis that is counted has a world of that name: those named in controls, or in near, of their configurations", name)
		}
	}
	prints := make([]string, len(worlds))
	faults := make([]error, len(worlds))
	c.sideBySide(len(worlds), func(i int) {
		if i == 0 || worlds[i].name() != worlds[i-1].name() { // several checks of one world lie behind each other
			prints[i], faults[i] = c.fingerprint(known, worlds[i])
		}
	})
	for i := 1; i < len(worlds); i++ {
		if worlds[i].name() == worlds[i-1].name() {
			prints[i] = prints[i-1]
		}
	}
	switch {
	case c.Door.Stopping():
		return nil, ErrInterrupted
	case errors.Join(faults...) != nil:
		return nil, errors.Join(faults...)
	}
	if err := known.save(); err != nil {
		return nil, err
	}
	for i, w := range worlds {
		if err := c.read(w.Hypothesis.ID, w.world()); err != nil {
			return nil, err
		}
		for n, seed := range seeds {
			if c.Door.Stopping() {
				return nil, ErrInterrupted
			}
			if w.near != nil && n >= w.near.Runs {
				break
			}
			job, err := c.seeded(w, seed)
			if err != nil {
				return nil, err
			}
			w = job
			job.key.Machine = prints[i]
			jobs = append(jobs, job)
		}
	}
	// Seed by seed, so that what an interruption leaves is even; and first the worlds of which most runs are wanted.
	slices.SortStableFunc(jobs, func(a, b job) int {
		return cmp.Or(-cmp.Compare(a.wanted(), b.wanted()), cmp.Compare(a.Seed, b.Seed))
	})
	return jobs, nil
}

// sideBySide calls f for 0 to n-1 on as many goroutines as processors, until the execution is to end.
func (c *Count) sideBySide(n int, f func(int)) {
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
		if c.Door.Stopping() {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
}

// line is what a run has come to under the job's rules, design and machine; nil if that is not known.
func (c *Count) line(j job) *line {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := c.lines[j.name()]
	for i := len(lines) - 1; i >= 0; i-- {
		if lines[i].key == j.key {
			return &lines[i]
		}
	}
	return nil
}

func (c *Count) path(h, world string) string {
	return filepath.Join(c.Dir, strings.ToLower(h)+"."+world+".jsonl")
}

// read takes the lines of earlier executions, and those that the repository holds.
func (c *Count) read(h, world string) error {
	published, err := linesOf(publishedPath(publishedDir(c.Root), h), false)
	if err != nil {
		return err
	}
	published = slices.DeleteFunc(published, func(l line) bool { return l.World != world })
	own, err := linesOf(c.path(h, world), true)
	if err != nil {
		return err
	}
	for _, l := range append(published, own...) {
		c.lines[l.name()] = append(c.lines[l.name()], l)
	}
	return nil
}

// add appends a line.
func (c *Count) add(l line) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := appendLine(c.path(l.Hypothesis, l.World), l); err != nil {
		return err
	}
	c.lines[l.name()] = append(c.lines[l.name()], l)
	return nil
}

// run executes the jobs side by side. Each runs its cells side by side too, but concludes on one processor:
// with as many jobs as processors none of them idles.
func (c *Count) run(missing []job) {
	started := time.Now()
	finished := 0
	c.sideBySide(len(missing), func(i int) {
		j, began := missing[i], time.Now()
		l, err := c.one(j)
		if err != nil {
			c.Door.Fail(err)
		}
		if l == nil {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		finished++
		left := time.Since(started).Seconds() / float64(finished) * float64(len(missing)-finished)
		fmt.Fprintf(c.Door.Out, "%4d/%d  %-4s %-18s seed %-4d %-13s %5.1f s  about %.0f min left\n",
			finished, len(missing), j.Hypothesis.ID, j.world(), j.Seed, l.Outcome, time.Since(began).Seconds(), left/60)
	})
}

// one executes a job in a folder of its own that is removed afterwards, and keeps its line and its reduced evidence; nil if that
// was not a verdict of the whole run.
func (c *Count) one(j job) (*line, error) {
	scratch, err := disk.NewScratch(c.Door.Scratch())
	if err != nil {
		return nil, err
	}
	defer func() { _ = scratch.Close() }() // what is left is swept by the next run
	rep, folder := c.Door.Execute(j.Run, scratch.Dir())
	if rep == nil || rep.Interrupted || c.Door.Stopping() {
		return nil, nil
	}
	if folder != "" {
		ev, err := evidence.Load(folder, nil)
		if err == nil {
			err = keep(keptPath(c.Dir, j), ev)
		}
		if err != nil {
			return nil, err
		}
	}
	if j.permuted { // this was the run that the world's own count lacks, too
		if ok, err := c.again(j); !ok || err != nil {
			return nil, err
		}
		return c.line(j), nil
	}
	l := newLine(j, rep, c.Commit)
	if err := c.add(l); err != nil {
		return nil, err
	}
	return &l, nil
}
