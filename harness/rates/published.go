package rates

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/disk"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// publishedDir is the folder of the lines that a repository holds, a file a hypothesis.
func publishedDir(root string) string { return filepath.Join(root, "fixtures", "rates") }

func publishedPath(dir, h string) string { return filepath.Join(dir, strings.ToLower(h)+".jsonl") }

// Publish writes the lines that Rates has counted into the repository: those of this program's rules on its machine. What stands
// there of other ones is replaced; worlds and seeds that were not asked for stay.
func (c *Count) Publish(all []verdict.Hypothesis) error {
	var faults []error
	for _, h := range all {
		path := publishedPath(publishedDir(c.Root), h.ID)
		before, err := linesOf(path, false)
		if err != nil {
			return err
		}
		newest := map[string]line{}
		for _, l := range before {
			newest[l.name()] = l
		}
		for _, j := range c.asked {
			if l := c.line(j); l != nil && l.Hypothesis == h.ID {
				newest[l.name()] = *l
			}
		}
		var lines []line
		for _, l := range newest {
			lines = append(lines, l)
		}
		slices.SortFunc(lines, func(a, b line) int { return cmp.Or(strings.Compare(a.World, b.World), cmp.Compare(a.Seed, b.Seed)) })
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
	Earlier      []string          // hypotheses with lines by other rules than today's
}

// ReadPublished counts the lines in a repository, and tells those by rules that have changed since; rules are the digests of
// today's sources. Worlds that no configuration names are refused.
func ReadPublished(all []verdict.Hypothesis, root string, rules func(id string) (string, error)) (out Published, err error) {
	folder, err := config.OpenFolder(filepath.Join(root, "configs"))
	if err != nil {
		return out, err
	}
	ofWorlds, ofNear := rows{all: all}, rows{all: all}
	byCommit := map[string][]string{} // hypotheses
	var commits []string
	for _, h := range all {
		hc, err := config.LoadHypothesis(folder, folder.Path("hypotheses/"+h.Config))
		if err != nil {
			return out, err
		}
		lines, err := linesOf(publishedPath(publishedDir(root), h.ID), false)
		if err != nil {
			return out, err
		}
		for _, check := range h.Deciding {
			out.Checks = append(out.Checks, decidingCheck(h.ID, check, hc))
		}
		sources, err := rules(h.ID)
		if err != nil {
			return out, err
		}
		today, err := rulesOf(hc, sources)
		if err != nil {
			return out, err
		}
		if slices.ContainsFunc(lines, func(l line) bool { return l.Rules != today }) {
			out.Earlier = append(out.Earlier, h.ID)
		}
		var of []string
		for i := range lines {
			l := &lines[i]
			jobs, err := jobsOf(h, hc, l)
			if err != nil {
				return out, err
			}
			for _, j := range jobs {
				if j.near != nil {
					ofNear.add(j, l)
				} else {
					ofWorlds.add(j, l)
				}
			}
			if !slices.Contains(of, l.Commit) {
				of = append(of, l.Commit)
			}
		}
		for _, commit := range of {
			if byCommit[commit] == nil {
				commits = append(commits, commit)
			}
			byCommit[commit] = append(byCommit[commit], h.ID)
		}
	}
	out.Worlds = report.ErrorRates{Schema: report.ErrorRatesSchema, Rates: ofWorlds.inOrder()}
	out.Near = report.ErrorRates{Schema: report.ErrorRatesSchema, Rates: ofNear.inOrder()}
	for i, commit := range commits {
		if i > 0 {
			out.Commits += "; "
		}
		out.Commits += commit + " (" + strings.Join(byCommit[commit], ", ") + ")"
	}
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
