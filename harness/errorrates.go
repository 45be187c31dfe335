package harness

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sparkharness/harness/disk"
	"sparkharness/harness/runner"
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
	r := &ratesRun{t: t, dir: dir, published: publishedDir(o.Root), program: session.program, commit: shortCommit(runner.Commit(o.Root)), near: near,
		execute: execute, print: takeFingerprint, lines: map[string][]rateLine{}}
	rates, runs, err := r.rates(all, seeds)
	switch {
	case errors.Is(err, errInterrupted):
		giveUp(t, o, "error rates: interrupted before a run was begun; what is counted is kept in %s: run again to go on", dir)
	case err != nil:
		t.Fatal(err)
	}
	if o.Update {
		if err := r.publish(all); err != nil {
			t.Fatal(err)
		}
	}
	if session.stop.Load() {
		giveUp(t, o, "error rates: interrupted; %d of %d runs are counted and kept in %s: run again to go on", runs-rates.Missing, runs, dir)
	}
	name := "error_rates"
	if near {
		name = "near_threshold"
	}
	if err := rates.Write(dir, name); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(session.out, rates.Text())
	switch {
	case rates.Missing > 0:
		t.Errorf("%d of %d runs are missing: run again to go on", rates.Missing, runs)
	case len(rates.Missed()) > 0:
		t.Errorf("targets missed: %s", strings.Join(rates.Missed(), "; "))
	}
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

// defaultWorld is the calibrated machine.
const defaultWorld = "default"
