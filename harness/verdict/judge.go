package verdict

import (
	"fmt"
	"math"
	"strings"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// Judge applies gates and decision rule to the evidence and gathers what is to be shown. The evidence is all that it
// asks: no rig, and no knowledge of what measured.
func Judge(h Hypothesis, ev *evidence.Evidence) (*Judgement, Conclusion) {
	e := ev.Exp
	claim, look := h.claim(e), ev.Look()
	r := &Judgement{
		Schema: Schema, RunID: ev.Plan.RunID, Hypothesis: h.ID,
		Claim: h.Claim, Mechanism: h.Mechanism, Falsifier: h.Falsifier,
		Rig: ev.Plan.Facts.Rig, Clock: ev.Plan.Facts.Clock, Origin: ev.Plan.Facts.Origin, Simulated: ev.Plan.Facts.Simulated, Model: e.Hypothesis.Model, Stacks: e.StackNames(),
		Seed: e.Hypothesis.Run.Seed, ConfigDigest: ev.Plan.Digest, Expected: e.Expected(),
		CellsPlanned: len(ev.Plan.Cells), CellsMeasured: len(ev.Cells), CellsAgain: len(again(ev.Quarantined)),
		Look:         look,
		Interrupted:  ev.Plan.Ended == "" && (len(ev.Cells) < len(ev.Plan.Cells) || claim.Staged && !ev.Plan.Refined),
		Uncalibrated: append([]string{}, ev.Plan.Facts.Uncalibrated...), Findings: []Finding{}, Rows: []evidence.Row{}, Accounts: []evidence.Account{}, Figures: []Figure{},
	}
	if e.Plan != nil {
		r.Profile = e.Plan.Plan
	}
	if e.World != nil {
		r.World, r.WorldNote = e.World.World, e.World.Note
	}
	for _, c := range ev.Cells {
		r.CellSeconds += c.Seconds()
	}
	shown := ev.InOrderOfSweep()
	for _, g := range shown {
		r.Rows = append(r.Rows, ev.Row(g))
	}
	r.Accounts = ev.Accounts(shown)
	deciding := ev.Deciding()
	if len(deciding.Cells) == 0 {
		// Of no cells every gate would say something, and much of it that all is well.
		r.Verdict = Settle([]gate.Gate{undecided(ev)}, []Check{}, nil, Alpha(look.Level))
		r.Verdict.Scope = scope(ev)
		r.Findings = append(append(r.Findings, endedEarly(ev.Plan, r.Verdict, len(ev.Cells))...), costs(ev.Cells)...)
		r.keepFinite()
		return r, Conclusion{}
	}
	gates := gate.Common(deciding, claim)
	c := h.Decide(deciding)
	h.decidesByNamed(c.Checks)
	if c.Checks == nil {
		c.Checks = []Check{}
	}
	r.Verdict = Settle(append(gates, c.Gates...), c.Checks, c.Effect, Alpha(look.Level))
	r.Verdict.Scope = scope(ev)
	if r.Verdict.Outcome == Inconclusive && look.Reached && look.Last() {
		for _, f := range smallestSeen(r.Verdict.Checks) {
			r.Findings = append(r.Findings, f)
			r.Verdict.Reasons = append(r.Verdict.Reasons, f.Name+": "+f.Detail)
		}
	}
	r.Findings = append(r.Findings, measuredAgain(ev.Quarantined)...)
	r.Findings = append(r.Findings, endedEarly(ev.Plan, r.Verdict, len(ev.Cells))...)
	r.Findings = append(append(r.Findings, c.Findings...), largestResidual(r.Accounts)...)
	r.Findings = append(append(r.Findings, storageUse(ev.Cells)...), costs(ev.Cells)...)
	r.Findings = append(append(r.Findings, clientUse(ev.Cells)...), observerEffect(ev.Cells)...)
	r.Figures = append(r.Figures, c.Figures...)
	r.Sizing = c.Sizing
	r.keepFinite()
	return r, c
}

// smallestSeen says, for each check that the run's blocks leave open, which effect they would have shown. A run ends at its
// last look: more blocks for a check that looked promising would be a look that nobody declared.
func smallestSeen(checks []Check) []Finding {
	var out []Finding
	for _, c := range checks {
		if c.State != Undecided || c.Seen == nil {
			continue
		}
		out = append(out, Finding{Name: "smallest effect seen, " + c.Name, Estimate: stats.Alone(*c.Seen), Unit: c.Unit, Detail: fmt.Sprintf(
			"%d blocks that scatter like these show %.4g in four of five runs (it has to clear %s); a new run with more blocks or longer cells shows less",
			c.Blocks, *c.Seen, bounds(c.Bounds))})
	}
	return out
}

func bounds(values []float64) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprintf("%.4g", v)
	}
	return strings.Join(texts, " and ")
}

// endedEarly is the finding of a run that did not measure all of its plan, on purpose.
func endedEarly(p *record.Plan, v Verdict, measured int) []Finding {
	if p.Ended == "" {
		return nil
	}
	return []Finding{{Name: "ended early", Detail: fmt.Sprintf("after %d of %d cells: %s", measured, len(p.Cells), p.Ended)}}
}

// undecided is the gate of a run that has measured no cell which decides.
func undecided(ev *evidence.Evidence) gate.Gate {
	detail := fmt.Sprintf("none of %d planned cells was measured", len(ev.Plan.Cells))
	if n := len(ev.Cells); n > 0 {
		detail = fmt.Sprintf("%d of %d planned cells were measured, all of them of the block that finds where to look, which decides nothing", n, len(ev.Plan.Cells))
		if ev.Plan.Ended == "" {
			detail += ": continue with -resume"
		} else {
			detail += ": it ended " + ev.Plan.Ended
		}
	}
	return gate.Fail("samples", Inconclusive, "cells_missing", detail)
}

// largestResidual is the byte account of many groups in one finding: how far it stays open at most, where the
// KV manager says that it moved ten gigabytes or more. Below that the edges of the phase decide.
func largestResidual(accounts []evidence.Account) []Finding {
	const least = 10.0 // GB: a fetch or a write that lies across an edge of the phase is one or two
	var where string
	var value float64
	n := 0
	for i := range accounts {
		a := &accounts[i]
		if a.KVGB == nil || *a.KVGB < least || a.ResidualPct == nil {
			continue
		}
		n++
		if n == 1 || math.Abs(*a.ResidualPct) > math.Abs(value) {
			value, where = *a.ResidualPct, fmt.Sprintf("%s, %s: the KV manager moved %.1f GB, the device %.1f GB", a.Cell, a.Direction, *a.KVGB, a.DeviceGB)
		}
	}
	if n == 0 {
		return nil
	}
	return []Finding{{Name: "byte account, largest residual", Estimate: stats.Alone(value), Unit: "%",
		Detail: fmt.Sprintf("of the device's bytes, over %d accounts of ten gigabytes of KV or more; %s", n, where)}}
}
