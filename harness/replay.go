package harness

import (
	"fmt"
	"slices"

	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// Replay derives a run's report from the files in its folder alone.
func Replay(h Hypothesis, dir string) (*report.Report, error) {
	ev, err := loadEvidence(dir, nil)
	if err != nil {
		return nil, fmt.Errorf("replay %s: %w", dir, err)
	}
	if ev.Plan.Hypothesis != h.ID {
		return nil, fmt.Errorf("replay %s: a run of %s, not of %s", dir, ev.Plan.Hypothesis, h.ID)
	}
	r, _, err := ev.report(h)
	return r, err
}

// report applies gates and decision rule and gathers what is to be shown.
func (ev *Evidence) report(h Hypothesis) (*report.Report, Conclusion, error) {
	e := ev.Exp
	r := &report.Report{
		Schema: report.SchemaVersion, RunID: ev.Plan.RunID, Hypothesis: h.ID,
		Claim: h.Claim, Mechanism: h.Mechanism, Falsifier: h.Falsifier,
		Rig: e.Rig, Clock: clockOf(e.Rig), Model: e.Hypothesis.Model, Stacks: e.stackNames(),
		Seed: e.Hypothesis.Run.Seed, ConfigDigest: ev.Plan.Digest,
		CellsPlanned: len(ev.Plan.Cells), CellsMeasured: len(ev.Cells),
		Interrupted:  ev.Plan.Ended == "" && (len(ev.Cells) < len(ev.Plan.Cells) || ev.stageMissing(h)),
		Uncalibrated: []string{}, Findings: []report.Finding{}, Rows: []report.Row{}, Accounts: []report.Account{}, Figures: []report.Figure{},
	}
	if e.World != nil {
		r.World, r.WorldNote = e.World.World, e.World.Note
		for _, name := range e.stackNames() {
			list, err := e.simOptions(e.Stacks[name]).Uncalibrated()
			if err != nil {
				return nil, Conclusion{}, err
			}
			r.Uncalibrated = append(r.Uncalibrated, list...)
		}
		slices.Sort(r.Uncalibrated)
		r.Uncalibrated = slices.Compact(r.Uncalibrated)
	}
	for _, c := range ev.Cells {
		r.CellSeconds += c.Seconds()
	}
	shown := ev.InOrderOfSweep()
	for _, g := range shown {
		r.Rows = append(r.Rows, ev.Row(g))
	}
	r.Accounts = ev.accounts(shown)
	if len(ev.Cells) == 0 {
		gate := verdict.Fail("samples", verdict.Inconclusive, "cells_missing", fmt.Sprintf("none of %d planned cells was measured", len(ev.Plan.Cells)))
		r.Verdict = verdict.Settle([]verdict.Gate{gate}, []verdict.Check{}, nil)
		return r, Conclusion{}, nil
	}
	gates := ev.gates(h)
	c := h.Decide(ev)
	if c.Checks == nil {
		c.Checks = []verdict.Check{}
	}
	c.openEnds()
	r.Verdict = verdict.Settle(append(gates, c.Gates...), c.Checks, c.Effect)
	if r.Verdict.Outcome == verdict.Inconclusive {
		for _, f := range ev.more(c.Checks) {
			r.Findings = append(r.Findings, f)
			r.Verdict.Reasons = append(r.Verdict.Reasons, f.Name+": "+f.Detail)
		}
	}
	r.Findings = append(r.Findings, ev.Plan.endedEarly(r.Verdict, len(ev.Cells))...)
	r.Findings = append(append(r.Findings, c.Findings...), largestResidual(r.Accounts)...)
	r.Figures = append(r.Figures, c.Figures...)
	r.Sizing = c.Sizing
	return r, c, nil
}

// stageMissing reports whether the run ended before the second stage of its sweep was planned.
func (ev *Evidence) stageMissing(h Hypothesis) bool {
	return h.Refine != nil && ev.Exp.Hypothesis.Sweep.FineStep > 0 && !ev.Plan.Refined
}
