package rates

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// job is a run that is due.
type job struct {
	Run
	key   key
	exp   *config.Experiment // nil until a run of the world was planned
	facts record.Facts
	// expected is the outcome that is due in the default world, by what a control world must contradict or fail.
	expected verdict.Outcome
	by       config.Shown
	near     *config.Near // a world near a threshold
	permuted bool         // judged with the windows of each arm permuted
}

// permutedRuns are counted of each check whose windows are permuted.
const permutedRuns = 40

// permuted marks the world of runs whose windows are permuted, in lines and tables.
const permuted = ".permuted"

// world is that of the job in lines and tables.
func (j job) world() string {
	if j.permuted {
		return j.World + permuted
	}
	return j.World
}

// name is that of the job's line.
func (j job) name() string { return nameOf(j.Hypothesis.ID, j.world(), j.Seed) }

// permutedOf is how often a check holds where the windows of the default world's arms are permuted: there is nothing then.
func permutedOf(run Run, check string) job {
	return job{Run: run, permuted: true, near: &config.Near{World: run.World, Check: check, Runs: permutedRuns}}
}

// defaultWorld is the calibrated machine.
const defaultWorld = "default"

// worldsOf are the default world and the hypothesis's control worlds, or those near its thresholds, as jobs without a seed.
func (c *Count) worldsOf(h verdict.Hypothesis) ([]job, error) {
	exp, err := c.Door.Load(h)
	if err != nil {
		return nil, err
	}
	if c.Near {
		var out []job
		for _, n := range exp.Hypothesis.Near {
			out = append(out, job{Run: Run{Hypothesis: h, World: n.World}, near: &n})
		}
		for _, check := range exp.Hypothesis.Permuted {
			out = append(out, permutedOf(Run{Hypothesis: h, World: defaultWorld}, check))
		}
		return c.wantedOf(out), nil
	}
	out := []job{{Run: Run{Hypothesis: h, World: defaultWorld}}}
	for _, world := range slices.Sorted(maps.Keys(exp.Hypothesis.Controls)) {
		out = append(out, job{Run: Run{Hypothesis: h, World: world}, by: exp.Hypothesis.Controls[world]})
	}
	return c.wantedOf(out), nil
}

// wantedOf are the jobs of the worlds that are asked for.
func (c *Count) wantedOf(all []job) []job {
	if len(c.Worlds) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(j job) bool { return !slices.Contains(c.Worlds, j.world()) })
}

// seeded is the run of a world under a seed. Of the configuration only that is another one under another seed, so that it is
// read once a world.
func (c *Count) seeded(j job, seed uint64) (job, error) {
	j.Seed = seed
	if j.exp == nil {
		exp, facts, err := c.Door.Plan(j.Run)
		if err != nil {
			return j, err
		}
		j.exp, j.facts = exp, facts
		if j.expected, err = verdict.ParseOutcome(exp.Expected()[0]); err != nil {
			return j, err
		}
	}
	exp, hypothesis := *j.exp, *j.exp.Hypothesis
	hypothesis.Run.Seed = seed
	exp.Hypothesis = &hypothesis
	j.exp = &exp
	var err error
	if j.key.Design, err = c.Door.design(j.exp, j.facts); err != nil {
		return j, err
	}
	rules, err := c.Door.Rules(j.Hypothesis.ID)
	if err != nil {
		return j, err
	}
	j.key.Rules, err = rulesOf(j.exp.Hypothesis, rules)
	return j, err
}

// jobsOf are the rows that a line in the repository belongs to: one a check where windows are permuted, else one.
func jobsOf(h verdict.Hypothesis, hc *config.Hypothesis, l *line) (of []job, err error) {
	j := job{Run: Run{Hypothesis: h, World: l.World, Seed: l.Seed}}
	if j.expected, err = verdict.ParseOutcome(cmp.Or(hc.Expected, string(verdict.Supported))); err != nil {
		return nil, err
	}
	if l.Hypothesis != h.ID {
		return nil, fmt.Errorf("%s: a line of %s", publishedPath("fixtures/rates", h.ID), l.Hypothesis)
	}
	if l.World == defaultWorld {
		return []job{j}, nil
	}
	if by, ok := hc.Controls[l.World]; ok {
		j.by = by
		return []job{j}, nil
	}
	for i := range hc.Near {
		if hc.Near[i].World == l.World {
			j.near = &hc.Near[i]
			return []job{j}, nil
		}
	}
	if world, ok := strings.CutSuffix(l.World, permuted); ok && len(hc.Permuted) > 0 {
		for _, check := range hc.Permuted {
			of = append(of, permutedOf(Run{Hypothesis: h, World: world, Seed: l.Seed}, check))
		}
		return of, nil
	}
	return nil, fmt.Errorf("%s: world %s, which %s names neither as a control nor as near a threshold: remove its lines",
		publishedPath("fixtures/rates", h.ID), l.World, h.Config)
}

// wanted is how many runs of a world near a threshold are, 0 of others.
func (j job) wanted() int {
	if j.near == nil {
		return 0
	}
	return j.near.Runs
}

// row is the empty row that the job belongs to.
func (j job) row() report.ErrorRate {
	row := report.ErrorRate{Hypothesis: j.Hypothesis.ID, World: j.world(), Control: j.World != defaultWorld && j.near == nil,
		FirstSeed: j.Seed, LastSeed: j.Seed, Other: []report.OtherVerdict{}}
	if j.World == defaultWorld && j.expected != verdict.Supported {
		row.Expected = j.expected
	}
	row.By = j.by
	if n := j.near; n != nil {
		row.Near = &report.Near{Check: n.Check, Truth: n.Truth, Measured: new(n.Measured), Power: n.Power, Permuted: j.permuted, Wanted: n.Runs}
	}
	return row
}
