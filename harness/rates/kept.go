package rates

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"sparkharness/harness/config"
	"sparkharness/harness/disk"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/regular"
	"sparkharness/harness/verdict"
)

// keptPath is the file of what is kept of a run.
func keptPath(dir string, j job) string {
	return filepath.Join(dir, "evidence", fmt.Sprintf("%s.%s.%d.%s-%s.json.gz", j.Hypothesis.ID, j.World, j.Seed, j.key.Design, j.key.Machine))
}

// keep writes the reduced evidence of a run.
func keep(path string, ev *evidence.Evidence) error {
	packed, err := ev.Reduce()
	if err != nil {
		return err
	}
	return disk.Replace(path, packed)
}

// maxKept is the most bytes of what is kept of a run, which is some megabytes.
const maxKept = 64 << 20

// readKept is the inverse of keep; fs.ErrNotExist if nothing was kept.
func readKept(path string) (*evidence.Evidence, error) {
	packed, err := regular.Read(path, maxKept)
	if err != nil {
		return nil, err
	}
	return evidence.Expand(path, packed)
}

// judgeAgain judges runs by their kept evidence, and returns those that have to be run.
func (c *Count) judgeAgain(missing []job) (left []job, judged int) {
	done := make([]bool, len(missing))
	c.sideBySide(len(missing), func(i int) {
		ok, err := c.again(missing[i])
		if err != nil {
			c.Door.Fail(err)
		}
		done[i] = ok
	})
	for i, j := range missing {
		if done[i] {
			judged++
			continue
		}
		left = append(left, j)
	}
	return left, judged
}

// again judges one run by its kept evidence; false if there is none, or not enough.
func (c *Count) again(j job) (bool, error) {
	kept, err := readKept(keptPath(c.Dir, j))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if j.permuted {
		kept = kept.Permuted()
	}
	rep, err := judge(j.Hypothesis, j.exp, kept, c.Door.Extend, j.permuted)
	if rep == nil || err != nil {
		return false, err
	}
	return true, c.add(newLine(j, rep, c.Commit))
}

// Judge derives from the kept evidence of a run what it comes to under this program's rules and exp's thresholds, gates and
// looks, in the steps in which a run would: after the first block, at each look, at the end. It is nil where a run would need
// what was not measured: cells of another second stage, more blocks, a cell once more.
func Judge(h verdict.Hypothesis, exp *config.Experiment, kept *evidence.Evidence, extend Extend) (*verdict.Judgement, error) {
	return judge(h, exp, kept, extend, false)
}

// judge is Judge; asFar says that where a run would need more blocks the last look that it came to counts: permuted, a run is
// judged by what it measured, and one that ended early has nothing more.
func judge(h verdict.Hypothesis, exp *config.Experiment, kept *evidence.Evidence, extend Extend, asFar bool) (*verdict.Judgement, error) {
	plan := *kept.Plan
	plan.Ended = ""
	whole := *kept
	ev := &whole
	ev.Exp, ev.Plan = exp, &plan
	if len(ev.Cells) == 0 {
		return nil, nil
	}
	staged := h.Stages(exp)
	first := firstBlock(ev)
	if g := gate.Treatment(first, gate.Claim{}); !g.Passed {
		rep, _ := verdict.Judge(h, first)
		return rep, nil
	}
	if staged {
		same, err := sameStage(h, ev, extend)
		if !same || err != nil {
			return nil, err
		}
	}
	var last *verdict.Judgement // at the look before
	ats := exp.Hypothesis.Run.Looks()
	for i, at := range ats {
		until := ev.Until(at)
		planned := slices.ContainsFunc(plan.Cells, func(pc record.PlannedCell) bool { return pc.Rep == at })
		if !planned || !until.Look().Reached || until.Look().Blocks != at || len(gate.Again(until)) > 0 {
			if asFar {
				return last, nil
			}
			return nil, nil
		}
		rep, _ := verdict.Judge(h, until)
		last = rep
		if i == len(ats)-1 || rep.Verdict.Outcome != verdict.Inconclusive {
			return rep, nil
		}
	}
	return nil, nil
}

// firstBlock is the evidence of the block after which a run looks at nothing but its treatments.
func firstBlock(ev *evidence.Evidence) *evidence.Evidence {
	out := *ev
	out.Cells = nil
	for _, c := range ev.Cells {
		if c.Stage == 1 && c.Rep <= 1 {
			out.Cells = append(out.Cells, c)
		}
	}
	return &out
}

// sameStage says whether this program's rules would have planned the second stage that was measured.
func sameStage(h verdict.Hypothesis, ev *evidence.Evidence, extend Extend) (bool, error) {
	screened := *ev
	screened.Cells = slices.DeleteFunc(slices.Clone(ev.Cells), func(c *evidence.Cell) bool { return c.Stage != 1 })
	plan := *ev.Plan
	plan.Cells = slices.DeleteFunc(slices.Clone(ev.Plan.Cells), func(pc record.PlannedCell) bool { return pc.Stage != 1 })
	if err := extend(&plan, ev.Exp, h.Refine(&screened)); err != nil {
		return false, err
	}
	// Blocks that were planned beyond those of today are no difference, and the other way round is found at the looks.
	last := ev.Exp.Hypothesis.Run.Reps
	keys := func(cells []record.PlannedCell) (out []string) {
		for _, pc := range cells {
			if pc.Rep <= last {
				out = append(out, pc.Key)
			}
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(keys(plan.Cells), keys(ev.Plan.Cells)), nil
}
