package harness

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/disk"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// publishedDir is the folder of the lines that the repository holds, a file a hypothesis.
func publishedDir(root string) string { return filepath.Join(root, "fixtures", "rates") }

func publishedPath(dir, h string) string { return filepath.Join(dir, strings.ToLower(h)+".jsonl") }

// publish writes the counted lines into the repository. A run that is counted there under other rules, or on another machine, is
// replaced; those of worlds and seeds that were not asked for stay.
func (r *ratesRun) publish(all []Hypothesis) error {
	var faults []error
	for _, h := range all {
		path := publishedPath(r.published, h.ID)
		before, err := readRates(path, false)
		if err != nil {
			return err
		}
		newest := map[string]rateLine{}
		for _, l := range before {
			newest[rateName(l.Hypothesis, l.World, l.Seed)] = l
		}
		for name, lines := range r.lines {
			if l := lines[len(lines)-1]; l.Hypothesis == h.ID {
				newest[name] = l
			}
		}
		var lines []rateLine
		for _, l := range newest {
			lines = append(lines, l)
		}
		slices.SortFunc(lines, func(a, b rateLine) int { return cmp.Or(strings.Compare(a.World, b.World), cmp.Compare(a.Seed, b.Seed)) })
		if len(lines) == 0 {
			continue
		}
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		for _, l := range lines {
			if err := enc.Encode(l); err != nil {
				return err
			}
		}
		faults = append(faults, disk.Replace(path, text.Bytes()))
	}
	return errors.Join(faults...)
}

// Published is what the lines in the repository come to.
type Published struct {
	Worlds, Near report.ErrorRates // of default and control worlds, and of worlds near thresholds
	Checks       []report.Deciding // every check that can decide
	Commits      string            // of which commits the lines of each hypothesis are
}

// PublishedRates counts the lines in the repository. Worlds that no configuration names are refused.
func PublishedRates(all []Hypothesis, root string) (out Published, err error) {
	folder, err := config.OpenFolder(filepath.Join(root, "configs"))
	if err != nil {
		return out, err
	}
	ofWorlds, ofNear := rateCounter{all: all}, rateCounter{all: all}
	var stamps []string
	for _, h := range all {
		hc, err := config.LoadHypothesis(folder, folder.Path("hypotheses/"+h.Config))
		if err != nil {
			return out, err
		}
		lines, err := readRates(publishedPath(publishedDir(root), h.ID), false)
		if err != nil {
			return out, err
		}
		for _, check := range h.Deciding {
			out.Checks = append(out.Checks, decidingCheck(h.ID, check, hc))
		}
		var of []string
		for i := range lines {
			l := &lines[i]
			job, err := jobOf(h, hc, l)
			if err != nil {
				return out, err
			}
			counter := &ofWorlds
			if job.near != nil {
				counter = &ofNear
			}
			rate := counter.of(job.rate())
			rate.FirstSeed, rate.LastSeed = min(rate.FirstSeed, l.Seed), max(rate.LastSeed, l.Seed)
			l.count(rate)
			if !slices.Contains(of, l.Commit) {
				of = append(of, l.Commit)
			}
		}
		if len(of) > 0 {
			stamps = append(stamps, h.ID+" "+strings.Join(of, ", "))
		}
	}
	out.Worlds = report.ErrorRates{Schema: report.ErrorRatesSchema, Rates: ofWorlds.inOrder()}
	out.Near = report.ErrorRates{Schema: report.ErrorRatesSchema, Rates: ofNear.inOrder()}
	out.Commits = strings.Join(stamps, "; ")
	return out, nil
}

// decidingCheck is a check with the control worlds that the configuration names for it.
func decidingCheck(id, check string, hc *config.Hypothesis) report.Deciding {
	d := report.Deciding{Hypothesis: id, Check: check, Unshown: hc.Unshown[check]}
	for _, world := range slices.Sorted(maps.Keys(hc.Controls)) {
		if slices.Contains(hc.Controls[world], check) {
			d.Worlds = append(d.Worlds, world)
		}
	}
	return d
}

// jobOf is the run that a line is of.
func jobOf(h Hypothesis, hc *config.Hypothesis, l *rateLine) (j rateJob, err error) {
	j = rateJob{h: h, world: l.World, seed: l.Seed}
	if j.expected, err = verdict.ParseOutcome(cmp.Or(hc.Expected, string(verdict.Supported))); err != nil {
		return j, err
	}
	if l.Hypothesis != h.ID {
		return j, fmt.Errorf("%s: a line of %s", publishedPath("fixtures/rates", h.ID), l.Hypothesis)
	}
	if l.World == defaultWorld {
		return j, nil
	}
	if by, ok := hc.Controls[l.World]; ok {
		j.by = by
		return j, nil
	}
	for i := range hc.Near {
		if hc.Near[i].World == l.World {
			j.near = &hc.Near[i]
			return j, nil
		}
	}
	return j, fmt.Errorf("%s: world %s, which %s names neither as a control nor as near a threshold: remove its lines", publishedPath("fixtures/rates", h.ID),
		l.World, h.Config)
}
