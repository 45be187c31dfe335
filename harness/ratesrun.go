package harness

import (
	"bytes"
	"encoding/json"
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

	"sparkharness/harness/disk"
	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
	"sparkharness/harness/regular"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// rateLine is what one run of a hypothesis in a world under a seed came to.
type rateLine struct {
	Hypothesis string          `json:"hypothesis"`
	World      string          `json:"world"`
	Seed       uint64          `json:"seed"`
	Outcome    verdict.Outcome `json:"outcome"`
	Reason     string          `json:"reason"` // first one
	Effect     *float64        `json:"effect"`
	Commit     string          `json:"commit"`
	Program    string          `json:"program"`       // sha256 of the executable
	Digest     string          `json:"config_digest"` // of the effective configuration, the seed included
	Seconds    float64         `json:"wall_seconds"`
}

// rateJob is a run that is due.
type rateJob struct {
	h      Hypothesis
	world  string
	seed   uint64
	digest string
	// expected is the outcome that is due in the default world.
	expected verdict.Outcome
}

// ratesRun is one execution of RunErrorRates.
type ratesRun struct {
	t       *testing.T
	dir     string
	program string
	commit  string
	// execute runs a hypothesis; nil instead of a report fails or skips the run.
	execute func(*testing.T, Hypothesis, *Options) (*verdict.Judgement, string)

	mu   sync.Mutex
	done map[string]rateLine // by rateKey
}

// rates runs what is due and counts all runs that are there; runs is how many were asked for. Interrupted while it finds
// out what is due, it is errInterrupted.
func (r *ratesRun) rates(all []Hypothesis, seeds []uint64) (rates report.ErrorRates, runs int, err error) {
	jobs, err := r.jobs(all, seeds)
	if err != nil {
		return rates, 0, err
	}
	missing := slices.DeleteFunc(slices.Clone(jobs), func(j rateJob) bool { return r.has(j) })
	fmt.Fprintf(session.out, "error rates: %d runs, %d of them done before by this program (%.12s)\n", len(jobs), len(jobs)-len(missing), r.program)
	r.run(missing)
	return newErrorRates(r, jobs, all), len(jobs), nil
}

// jobs are all runs that are asked for; the lines of those that were done before are read.
func (r *ratesRun) jobs(all []Hypothesis, seeds []uint64) (jobs []rateJob, err error) {
	worlds := map[string][]string{}
	for _, seed := range seeds {
		for _, h := range all {
			for _, world := range r.worldsOf(h) {
				if session.stop.Load() {
					return nil, errInterrupted
				}
				if !slices.Contains(worlds[h.ID], world) {
					worlds[h.ID] = append(worlds[h.ID], world)
					if err := r.read(h.ID, world); err != nil {
						return nil, err
					}
				}
				job, err := r.newJob(h, world, seed)
				if err != nil {
					return nil, err
				}
				jobs = append(jobs, job)
			}
		}
	}
	return jobs, nil
}

func rateKey(h, world string, seed uint64) string { return fmt.Sprintf("%s/%s/%d", h, world, seed) }

func (r *ratesRun) has(j rateJob) bool {
	line, ok := r.done[rateKey(j.h.ID, j.world, j.seed)]
	return ok && line.Program == r.program && line.Digest == j.digest
}

// worldsOf are the default world and the hypothesis's control worlds.
func (r *ratesRun) worldsOf(h Hypothesis) []string {
	o := *session.options
	o.World = defaultWorld
	exp, err := experiment.Load(demand(h), o.choices())
	if err != nil {
		r.t.Fatal(err)
	}
	return append([]string{defaultWorld}, slices.Sorted(maps.Keys(exp.Hypothesis.Controls))...)
}

func (r *ratesRun) newJob(h Hypothesis, world string, seed uint64) (rateJob, error) {
	o := *session.options
	o.World, o.Seed = world, seed
	p, err := plan(r.t, h, &o)
	if err != nil {
		return rateJob{}, err
	}
	p.close()
	expected, err := new(Options).Expected(h.ID, p.exp.Expected())
	if err != nil {
		return rateJob{}, err
	}
	return rateJob{h: h, world: world, seed: seed, digest: p.plan.Digest, expected: expected[0]}, nil
}

func (r *ratesRun) path(h, world string) string {
	return filepath.Join(r.dir, strings.ToLower(h)+"."+world+".jsonl")
}

// read takes the lines of earlier executions. The last line of a run counts.
func (r *ratesRun) read(h, world string) error {
	torn, err := record.ReadLines(r.path(h, world), func(text []byte) error {
		var l rateLine
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("not a line of this file: %w", err)
		}
		if o, err := verdict.ParseOutcome(string(l.Outcome)); err != nil || o != l.Outcome {
			return fmt.Errorf("not a line of this file: outcome %q", l.Outcome)
		}
		r.done[rateKey(l.Hypothesis, l.World, l.Seed)] = l
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w (move the file away to start anew)", err)
	case torn:
		return cutTorn(r.path(h, world))
	}
	return nil
}

// maxRates is the most bytes of a file of error rates: a line of some hundred for each of ten thousand seeds.
const maxRates = 64 << 20

// cutTorn removes what stands after a file's last whole line: a killed process has left half a line, to
// which what follows must not be appended.
func cutTorn(path string) error {
	b, err := regular.Read(path, maxRates)
	if err != nil {
		return err
	}
	return os.Truncate(path, int64(bytes.LastIndexByte(b, '\n')+1))
}

// run executes the jobs side by side. Each runs its cells side by side too, but concludes on one processor:
// with as many jobs as processors none of them idles.
func (r *ratesRun) run(missing []rateJob) {
	next := make(chan rateJob)
	started := time.Now()
	var finished int
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for j := range next {
				line, ok := r.one(j)
				if !ok {
					continue
				}
				r.mu.Lock()
				finished++
				left := time.Since(started).Seconds() / float64(finished) * float64(len(missing)-finished)
				fmt.Fprintf(session.out, "%4d/%d  %-4s %-18s seed %-4d %-13s %5.1f s  about %.0f min left\n",
					finished, len(missing), j.h.ID, j.world, j.seed, line.Outcome, line.Seconds, left/60)
				r.mu.Unlock()
			}
		})
	}
	for _, j := range missing {
		if session.stop.Load() {
			break
		}
		next <- j
	}
	close(next)
	wg.Wait()
}

// one executes a job in a folder of its own that is removed afterwards, and appends its line.
func (r *ratesRun) one(j rateJob) (line rateLine, ok bool) {
	scratch, err := disk.NewScratch(rigs[session.options.Rig].scratch())
	if err != nil {
		r.t.Error(err)
		return line, false
	}
	defer func() { _ = scratch.Close() }() // what is left is swept by the next run
	o := *session.options
	o.World, o.Seed, o.Results, o.Quiet, o.Resume, o.PlanOnly = j.world, j.seed, scratch.Dir(), true, false, false
	start := time.Now()
	var rep *verdict.Judgement
	r.t.Run(fmt.Sprintf("%s/%s/seed=%d", j.h.ID, j.world, j.seed), func(t *testing.T) { rep, _ = r.execute(t, j.h, &o) })
	if rep == nil || rep.Interrupted || session.stop.Load() {
		return line, false // not a verdict of the whole run
	}
	line = rateLine{Hypothesis: j.h.ID, World: j.world, Seed: j.seed, Outcome: rep.Verdict.Outcome, Reason: firstReason(rep),
		Commit: r.commit, Program: r.program, Digest: j.digest, Seconds: time.Since(start).Seconds()}
	if e := rep.Verdict.Effect; e != nil {
		line.Effect = e.Value
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := appendLine(r.path(j.h.ID, j.world), line); err != nil {
		r.t.Error(err)
		return line, false
	}
	r.done[rateKey(j.h.ID, j.world, j.seed)] = line
	return line, true
}

func appendLine(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Close())
}
