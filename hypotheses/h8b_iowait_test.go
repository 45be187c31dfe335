package hypotheses

import (
	"fmt"
	"strings"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// H8B: on Stack B r_await and iowait or pressure track p99 once the NVMe is engaged.
//
// Mechanism: the loader's task blocks in the drive while it reads, which /proc/stat calls iowait and PSI a
// stall; reads that take longer show in r_await. All three rise with what requests wait for.
//
// Falsifier: r_await that does not follow p99 over windows with fetches, or neither iowait nor pressure
// following it. iowait can be uninformative by its definition: one blocked task is at most one CPU's share,
// a busy CPU hides it, and asynchronous reads block no task at all. The report says which of the three
// explains the tail best, and which says nothing.
var h8b = harness.Hypothesis{
	ID:        "H8B",
	Claim:     "r_await, and iowait or I/O pressure, track p99 TTFT once the NVMe is in the path",
	Mechanism: "the loader blocks in the drive while it reads; slower reads block it longer",
	Falsifier: "r_await that does not follow p99, or neither iowait nor I/O pressure following it",
	Config:    "h8b.yaml",
	Requires:  []string{"r_await_ratio", "tier2_hit_share", "r_await_spearman", "stall_spearman", "stall_floor_pct"},
	OneLevel:  []string{"conc"},
	Windows:   true,
	Validate:  twoFioArms,
	Decide:    decideH8B,
}

func TestH8B(t *testing.T) { harness.Run(t, h8b) }

// attributed are the readings among which the tail is to be attributed.
var attributed = []evidence.Reading{evidence.RAwait, evidence.IOWait, evidence.IOPressure}

func decideH8B(ev *evidence.Evidence) verdict.Conclusion {
	groups := ev.Groups()
	set := ev.Windows(groups, attributed...)
	out := verdict.Conclusion{Gates: []gate.Gate{gate.FioReached(ev, ev.Threshold("r_await_ratio")), gate.Tier2Engaged(ev, ev.Threshold("tier2_hit_share")), gate.Windows(ev, set)}}
	await := tracks(ev, set, evidence.RAwait, "r_await_tracks", ev.Threshold("r_await_spearman"), 0.95)
	out.Checks = []verdict.Check{await, stallTracks(ev, set)}
	if await.Value != nil {
		out.Effect = &verdict.Effect{Name: "Spearman of window p99 TTFT and r_await", Estimate: await.Estimate, Confidence: 0.95, N: set.N(), Of: "windows"}
	}
	best, rows := attribution(ev, set)
	out.Checks = append(out.Checks, best)
	out.Findings = append(out.Findings, rows...)
	out.Findings = append(out.Findings, withinArms(ev, set))
	out.Figures = []verdict.Figure{h8bFigure(ev, groups)}
	return out
}

// stall tests one of the two. A rank correlation knows no amounts: the operating system's own few reads, which
// a busy drive slows down too, make a pressure of some hundredths of a percent that follows p99 while nobody waits
// for it. Below a floor all values therefore count as alike.
func stall(ev *evidence.Evidence, set *evidence.WindowSet, r evidence.Reading, need, floor, confidence float64) verdict.Check {
	above := 0
	for _, rep := range set.Values(r, false) {
		for _, p := range rep {
			if p.V > floor {
				above++
			}
		}
	}
	if n := set.N(); n > 0 && above < n/20 {
		return verdict.Check{State: verdict.Contradicted, N: n, Of: "windows", Detail: fmt.Sprintf("%s is above %.2g %% in %d of %d windows", r.Name, floor, above, n)}
	}
	return tracks(ev, set, r.Above(floor), "", need, confidence)
}

// stallTracks holds if iowait or pressure follows p99. There are two chances, so each has an interval of
// 97.5 % (Bonferroni).
func stallTracks(ev *evidence.Evidence, set *evidence.WindowSet) verdict.Check {
	const confidence = 0.975
	need, floor := ev.Threshold("stall_spearman"), ev.Threshold("stall_floor_pct")
	wait := stall(ev, set, evidence.IOWait, need, floor, confidence)
	psi := stall(ev, set, evidence.IOPressure, need, floor, confidence)
	better := wait
	if wait.Value == nil || psi.Value != nil && *psi.Value > *wait.Value {
		better = psi
	}
	c := better
	c.Name = "stall_tracks"
	switch {
	case wait.State == verdict.Holds || psi.State == verdict.Holds:
		c.State = verdict.Holds
	case wait.State == verdict.Contradicted && psi.State == verdict.Contradicted:
		c.State = verdict.Contradicted
	default:
		c.State = verdict.Undecided
	}
	c.Detail = fmt.Sprintf("Spearman's rank correlation of window p99 TTFT with iowait: %s; with I/O pressure: %s (97.5 %% intervals; one must lie above %.2f)",
		correlation(wait), correlation(psi), need)
	if c.State != verdict.Holds {
		c.Detail += "; " + uninformative(wait, psi, need)
	}
	return c
}

func correlation(c verdict.Check) string {
	if c.Value == nil {
		return "none (" + c.Detail + ")"
	}
	return fmt.Sprintf("%.2f [%.2f, %.2f]", *c.Value, *c.Lo, *c.Hi)
}

// uninformative says which of the two says nothing about the tail.
func uninformative(wait, psi verdict.Check, need float64) string {
	var names []string
	for _, x := range []struct {
		name string
		c    verdict.Check
	}{{"iowait", wait}, {"I/O pressure", psi}} {
		if x.c.Value == nil || x.c.Hi != nil && *x.c.Hi <= need {
			names = append(names, x.name)
		}
	}
	if len(names) == 0 {
		return "neither is settled"
	}
	return strings.Join(names, " and ") + " uninformative here: the tail grows without them"
}

// attribution ranks the readings by the share of log window p99 that each alone explains in repetitions not
// seen.
func attribution(ev *evidence.Evidence, set *evidence.WindowSet) (verdict.Check, []verdict.Finding) {
	c := verdict.Check{Name: "explains_most", State: verdict.Noted, N: set.N(), Of: "windows"}
	var rows []verdict.Finding
	best := ""
	var most float64
	for _, r := range attributed {
		f := verdict.Finding{Name: "R2 of " + r.Name + " alone", Detail: "of log window p99 TTFT, cross-validated over repetitions"}
		models, err := ev.Bootstrap().CrossValidatedR2(set.P99(true), stats.FoldRepetition, [][]stats.Rep{set.Values(r, true)})
		if err != nil {
			f.Detail += ": " + err.Error()
		} else {
			r2 := models[0].R2
			f.Estimate = r2.Estimate(evidence.Confidence)
			if f.Hi != nil && *f.Hi <= 0 {
				f.Detail += "; no better than the mean: uninformative"
			}
			if best == "" || r2.Value > most {
				best, most = r.Name, r2.Value
			}
		}
		rows = append(rows, f)
	}
	if best == "" {
		c.Detail = "none of r_await, iowait and I/O pressure can be tested"
		return c, rows
	}
	c.Value = &most
	c.Detail = fmt.Sprintf("of r_await, iowait and I/O pressure, %s explains most: R2 %.2f of log window p99 TTFT by itself; %s", best, most, set.LeftOut())
	return c, rows
}

// withinArms is how r_await follows p99 inside an arm, where fio does the same all the time: what is left when the
// arms do not tell one from another.
func withinArms(ev *evidence.Evidence, set *evidence.WindowSet) verdict.Finding {
	f := verdict.Finding{Name: "Spearman of p99 and r_await inside an arm", Detail: "both less the mean of their arm; the check above is mostly between arms"}
	d, err := ev.Bootstrap().Spearman(set.Within(set.Values(evidence.RAwait, true)), set.Within(set.P99(true)))
	if err != nil {
		f.Detail += ": " + err.Error()
		return f
	}
	f.Estimate = d.Estimate(evidence.Confidence)
	return f
}

func h8bFigure(ev *evidence.Evidence, groups []*evidence.Group) verdict.Figure {
	wait := verdict.Panel{XLabel: "iowait of a window, % of all CPU time", YLabel: "TTFT p99 of a window, ms", LogY: true}
	await := verdict.Panel{XLabel: "r_await of a window, ms", YLabel: "TTFT p99 of a window, ms", LogX: true, LogY: true}
	for _, level := range fioLevels(ev) {
		var arm []*evidence.Group
		for _, g := range groups {
			if g.Cells[0].Fio == level {
				arm = append(arm, g)
			}
		}
		set := ev.Windows(arm, attributed...)
		wait.Series = append(wait.Series, scatter("fio "+level, set, evidence.IOWait))
		await.Series = append(await.Series, scatter("fio "+level, set, evidence.RAwait))
	}
	return verdict.Figure{Name: "p99_and_waits", Title: "H8B: window p99 against iowait and r_await", Panels: []verdict.Panel{wait, await}}
}
