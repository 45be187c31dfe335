package harness

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sparkharness/harness/config"
	"sparkharness/harness/disk"
	"sparkharness/harness/evidence"
	"sparkharness/harness/experiment"
	"sparkharness/harness/rates"
	"sparkharness/harness/record"
	"sparkharness/harness/runner"
	"sparkharness/harness/verdict"
)

// errorRatesDir is where the lines of error rates lie below the results folder.
const errorRatesDir = "error_rates"

// RunErrorRates runs every hypothesis in its default world and in each of its control worlds under many
// seeds, and writes how often each verdict came out, with exact binomial intervals. A run leaves one line and its reduced
// evidence: one that was counted before, by the same rules on the same machine and design, is not run again, and by other rules
// it is judged again without a run, where it has what they ask for. It fails if a
// hypothesis is Supported in more than 5 % of the runs in a control world, or comes out as its configuration expects in fewer
// than 90 % of those in the default world. With -update the lines are published in fixtures/rates.
func RunErrorRates(t *testing.T, all []Hypothesis) { countRates(t, all, false) }

// RunNearThreshold does the same in the worlds that configurations name as near a threshold. It fails where a claim that is
// false there is Supported in more than 5 % of the runs.
func RunNearThreshold(t *testing.T, all []Hypothesis) { countRates(t, all, true) }

func countRates(t *testing.T, all []Hypothesis, near bool) {
	o := session.options
	seeds, err := parseSeeds(o.Seeds)
	if err != nil {
		t.Fatal(err)
	}
	if seeds == nil {
		t.Skip("give -seeds 1-40, or run make error-rates")
	}
	if !rigs[o.Rig].worlds {
		t.Fatalf("error rates are those of simulated worlds: rig %s has none", o.Rig)
	}
	if all, err = onlyThose(all, o.Only); err != nil {
		t.Fatal(err)
	}
	defer begun(t)()
	dir := filepath.Join(o.results(), errorRatesDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatalf("results cannot be written: %v (choose another folder with -results)", err)
	}
	lock, err := disk.Take(filepath.Join(dir, ".lock"))
	if err != nil {
		t.Fatalf("error rates in %s: %v (wait for it, or choose another folder with -results)", dir, err)
	}
	defer func() { _ = lock.Release() }() // a file too many does no harm
	disk.SweepReplaced(dir)
	count := &rates.Count{Dir: dir, Root: o.Root, Program: session.program, Commit: shortCommit(runner.Commit(o.Root)), Near: near, Worlds: namesIn(o.Worlds),
		Door: doorOf(t)}
	counted, runs, err := count.Rates(all, seeds)
	switch {
	case errors.Is(err, rates.ErrInterrupted):
		giveUp(t, o, "error rates: interrupted before a run was begun; what is counted is kept in %s: run again to go on", dir)
	case err != nil:
		t.Fatal(err)
	}
	if o.Update {
		if err := count.Publish(all); err != nil {
			t.Fatal(err)
		}
	}
	if session.stop.Load() {
		giveUp(t, o, "error rates: interrupted; %d of %d runs are counted and kept in %s: run again to go on", runs-counted.Missing, runs, dir)
	}
	name := "error_rates"
	if near {
		name = "near_threshold"
	}
	if err := counted.Write(dir, name); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(session.out, counted.Text())
	switch {
	case counted.Missing > 0:
		t.Errorf("%d of %d runs are missing: run again to go on", counted.Missing, runs)
	case len(counted.Missed()) > 0:
		t.Errorf("targets missed: %s", strings.Join(counted.Missed(), "; "))
	}
}

// PublishedRates are those of the lines that the repository below root holds.
func PublishedRates(all []Hypothesis, root string) (rates.Published, error) {
	return rates.ReadPublished(all, root, session.rules.Of)
}

// doorOf is what a count asks of this package.
func doorOf(t *testing.T) rates.Door {
	return rates.Door{
		Load: func(h Hypothesis) (*config.Experiment, error) {
			o := *session.options
			o.World = "default"
			return experiment.Load(demand(h), o.choices())
		},
		Plan: func(r rates.Run) (*config.Experiment, record.Facts, error) {
			o := *session.options
			o.World, o.Seed = r.World, r.Seed
			p, err := plan(t, r.Hypothesis, &o)
			if err != nil {
				return nil, record.Facts{}, err
			}
			defer p.close()
			return p.exp, p.rig.Facts(), nil
		},
		Digest: func(exp *config.Experiment, facts record.Facts) (string, error) {
			return experiment.Digest(exp, session.options.Root, facts)
		},
		Rules:      session.rules.Of,
		Extend:     experiment.Extend,
		FirstBlock: func(r rates.Run, results string) (*evidence.Evidence, error) { return firstBlock(t, r, results) },
		Execute: func(r rates.Run, results string) (rep *verdict.Judgement, folder string) {
			t.Run(fmt.Sprintf("%s/%s/seed=%d", r.Hypothesis.ID, r.World, r.Seed), func(t *testing.T) {
				var path string
				if rep, path = execute(t, r.Hypothesis, oneOfMany(r, results)); path != "" {
					folder = filepath.Dir(path)
				}
			})
			return rep, folder
		},
		Stopping: func() bool { return session.stop.Load() },
		Scratch:  rigs[session.options.Rig].scratch,
		Out:      session.out,
		Fail:     func(err error) { t.Error(err) },
	}
}

// oneOfMany are the options of a run of which only its verdict and its evidence are wanted.
func oneOfMany(r rates.Run, results string) *Options {
	o := *session.options
	o.World, o.Seed, o.Results, o.Quiet, o.Resume, o.PlanOnly = r.World, r.Seed, results, true, false, false
	return &o
}

// firstBlock measures the first block of a run, and reads it.
func firstBlock(t *testing.T, of rates.Run, results string) (*evidence.Evidence, error) {
	o := oneOfMany(of, results)
	p, err := plan(t, of.Hypothesis, o)
	if err != nil {
		return nil, err
	}
	defer p.close()
	r, err := runner.Open(runner.Options{Exp: p.exp, Plan: p.plan, Rig: p.rig, Parts: p.parts, Root: o.Root, Dir: o.results(),
		Stop: &session.stop, Out: io.Discard})
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // the folder is thrown away
	if err := r.Walk(func(string, runner.Asked) (runner.Answer, error) {
		return runner.Answer{Stop: "after the first block"}, nil
	}); err != nil {
		return nil, err
	}
	if r.Failed() || session.stop.Load() {
		return nil, fmt.Errorf("%s in world %s: its first block could not be measured", of.Hypothesis.ID, of.World)
	}
	return evidence.Load(r.Dir(), nil)
}

// shortCommit is a commit as tables show it, with the mark of a changed checkout.
func shortCommit(commit string) string {
	const shown = 12
	hash, changed, dirty := strings.Cut(commit, "-")
	hash = hash[:min(shown, len(hash))]
	if dirty {
		return hash + "-" + changed
	}
	return hash
}

// namesIn are the names of a list, as flags take one.
func namesIn(names string) (out []string) {
	for name := range strings.SplitSeq(names, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// parseSeeds reads a range of seeds such as 1-40, or a single one; nil for an empty text.
func parseSeeds(s string) ([]uint64, error) {
	if s == "" {
		return nil, nil
	}
	first, last, ranged := strings.Cut(s, "-")
	if !ranged {
		last = first
	}
	a, aerr := strconv.ParseUint(first, 10, 64)
	b, berr := strconv.ParseUint(last, 10, 64)
	if aerr != nil || berr != nil || a == 0 || b < a || b-a >= 10_000 {
		return nil, fmt.Errorf("-seeds %s: give a range such as 1-40, from 1 on", s)
	}
	out := make([]uint64, b-a+1)
	for i := range out {
		out[i] = a + uint64(i)
	}
	return out, nil
}

// onlyThose are the hypotheses that a list of ids names, in their own order; all for an empty list.
func onlyThose(all []Hypothesis, ids string) ([]Hypothesis, error) {
	if ids == "" {
		return all, nil
	}
	wanted := map[string]bool{}
	for id := range strings.SplitSeq(ids, ",") {
		wanted[strings.ToUpper(strings.TrimSpace(id))] = true
	}
	var out []Hypothesis
	var known []string
	for _, h := range all {
		known = append(known, h.ID)
		if id := strings.ToUpper(h.ID); wanted[id] {
			out = append(out, h)
			delete(wanted, id)
		}
	}
	if left := slices.Sorted(maps.Keys(wanted)); len(left) > 0 {
		return nil, fmt.Errorf("-only %s: there is no hypothesis %q; there are %s", ids, left[0], strings.Join(known, ", "))
	}
	return out, nil
}
