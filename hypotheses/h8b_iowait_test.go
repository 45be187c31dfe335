package hypotheses

import (
	"errors"
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
// Falsifier: r_await that does not follow the slowest request of a window, or neither iowait nor pressure following it.
//
// Judged inside fio arms, by one rank correlation a block: between arms whatever fio changes follows whatever else it changes,
// and the arm's name would do as well as r_await. iowait can be uninformative by its definition: one blocked task is at most one CPU's share,
// a busy CPU hides it, and asynchronous reads block no task at all. The report says which of the three
// explains the tail best, and which says nothing.
var h8b = harness.Hypothesis{
	ID:        "H8B",
	Claim:     "r_await, and iowait or I/O pressure, track p99 TTFT once the NVMe is in the path",
	Mechanism: "the loader blocks in the drive while it reads; slower reads block it longer",
	Falsifier: "r_await that does not follow p99 inside a fio arm, or neither iowait nor I/O pressure following it",
	Config:    "h8b.yaml",
	Tier2:     gate.Tier2Read,
	Requires:  []string{"r_await_ratio", "tier2_hit_share", "r_await_spearman", "stall_spearman", "stall_floor_pct"},
	OneLevel:  []string{"conc"},
	Windows:   true,
	Validate:  twoFioArms,
	Deciding:  []string{"r_await_tracks", "stall_tracks"},
	Decide:    decideH8B,
}

func TestH8B(t *testing.T) { harness.Run(t, h8b) }

// attributed are the readings among which the tail is to be attributed.
var attributed = []evidence.Reading{evidence.RAwait, evidence.IOWait, evidence.IOPressure}

func decideH8B(ev *evidence.Evidence) verdict.Conclusion {
	groups := ev.Groups()
	set := ev.Windows(groups, attributed...)
	out := verdict.Conclusion{Gates: []gate.Gate{gate.FioReached(ev, ev.Threshold("r_await_ratio")), gate.Tier2Engaged(ev,
		ev.Threshold("tier2_hit_share")), gate.Windows(ev, set)}}
	await := tracks(ev, set, evidence.RAwait, "r_await_tracks", ev.Threshold("r_await_spearman"))
	stalled, together := stallTracks(ev, set)
	best, rows := attribution(ev, set)
	out.Checks = []verdict.Check{await.Check, stalled, best}
	if await.blocks != nil {
		out.Effect = effectOf("Spearman of slowest TTFT and r_await in an arm", "", *await.blocks, await.N, await.Of)
	}
	out.Findings = append(append(append(out.Findings, await.together), together...), rows...)
	out.Figures = []verdict.Figure{h8bFigure(ev, groups)}
	return out
}

// stallShare is the least share of windows in which somebody has to be stalled for a stall to be there at all.
const stallShare = 0.05

// stall is one of the two: how it follows the slowest request, and whether it does and is there at all. A rank correlation
// knows no amounts: the operating system's own few reads, which a busy drive slows down too, make a pressure of some hundredths
// of a percent that follows p99 while nobody waits for it. Below a floor all values therefore count as alike.
type stall struct {
	name    string
	there   verdict.Check // above the floor in enough windows
	follows relation
	both    verdict.Check
}

func newStall(ev *evidence.Evidence, set *evidence.WindowSet, r evidence.Reading) stall {
	a, floor := verdict.AlphaOf(ev), ev.Threshold("stall_floor_pct")
	s := stall{name: r.Name, follows: tracks(ev, set, r.Above(floor), r.Name, ev.Threshold("stall_spearman"))}
	values := set.Values(r, false)
	above, all := 0, 0
	b, err := ev.Blocks(stats.Linear, func(rep int) (float64, error) {
		if rep > len(values) || len(values[rep-1]) == 0 {
			return 0, errors.New("no window can be used")
		}
		n := 0
		for _, p := range values[rep-1] {
			if p.V > floor {
				n++
			}
		}
		above, all = above+n, all+len(values[rep-1])
		return float64(n) / float64(len(values[rep-1])), nil
	})
	if err != nil {
		s.there = verdict.Open(r.Name, fmt.Sprintf("%s is not known: %v", r.Name, err))
	} else {
		s.there = a.Above(verdict.Check{Name: r.Name, N: set.N(), Of: "windows"}, b, stallShare)
		s.there.Detail = fmt.Sprintf("%s is above %.2g %% in %d of %d windows", r.Name, floor, above, all)
	}
	s.both = a.All(r.Name, []verdict.Check{s.there, s.follows.Check}, "")
	return s
}

// says is the stall's part of a sentence.
func (s stall) says(a verdict.Alpha) string {
	if s.there.State == verdict.Contradicted || s.follows.blocks == nil {
		return fmt.Sprintf("none (%s; %s)", s.there.Detail, s.follows.Detail)
	}
	c := s.follows.Check
	lo, hi := ends(c)
	return fmt.Sprintf("%.2f [%.2f, %.2f]", *c.Value, lo, hi)
}

// uninformative says that the stall was measured in every block and does not follow.
func (s stall) uninformative() bool {
	return s.there.Blocks > 0 && s.both.State == verdict.Contradicted
}

// stallTracks holds if iowait or pressure follows the slowest request of a window inside an arm.
func stallTracks(ev *evidence.Evidence, set *evidence.WindowSet) (verdict.Check, []verdict.Finding) {
	a := verdict.AlphaOf(ev)
	wait, psi := newStall(ev, set, evidence.IOWait), newStall(ev, set, evidence.IOPressure)
	either := a.Any("stall_tracks", []verdict.Check{wait.both, psi.both}, "")
	c := wait.follows.Check
	if wait.follows.blocks == nil || psi.follows.P != nil && *psi.follows.P < *wait.follows.P {
		c = psi.follows.Check
	}
	c.Name, c.State, c.P, c.PAgainst = either.Name, either.State, either.P, either.PAgainst
	c.Detail = fmt.Sprintf("inside an arm the slowest TTFT of a window follows iowait with Spearman's rank correlation "+
		"%s, and I/O pressure with %s "+
		"(%s intervals, one must lie above %.2f, with p doubled for two chances)", wait.says(a), psi.says(a), percent(a),
		ev.Threshold("stall_spearman"))
	var names []string
	for _, s := range []stall{wait, psi} {
		if s.uninformative() {
			names = append(names, s.name)
		}
	}
	if len(names) > 0 {
		c.Detail += "; " + strings.Join(names, " and ") + " uninformative here: the tail grows without"
	}
	return c, []verdict.Finding{permutedFinding(wait), permutedFinding(psi), wait.follows.together, psi.follows.together}
}

// permutedFinding is a stall's relation in full, with what permutation makes of it.
func permutedFinding(s stall) verdict.Finding {
	return verdict.Finding{Name: "Spearman of slowest TTFT and " + s.name + " in an arm", Estimate: s.follows.Estimate, Detail: s.follows.Detail}
}

// attribution ranks the readings by the share of the log of a window's slowest TTFT that each alone explains inside arms, in
// blocks not seen.
func attribution(ev *evidence.Evidence, set *evidence.WindowSet) (verdict.Check, []verdict.Finding) {
	c := verdict.Check{Name: "explains_most", State: verdict.Noted, N: set.N(), Of: "windows"}
	var rows []verdict.Finding
	best := ""
	var most float64
	for _, r := range attributed {
		f := verdict.Finding{Name: "R2 of " + r.Name + " alone", Detail: "of the log of a window's slowest TTFT, inside arms, in blocks not seen"}
		b, null, err := alone(ev, set, r)
		if err != nil {
			f.Detail += ": " + err.Error()
			rows = append(rows, f)
			continue
		}
		r2, lo, hi := r2Of(b, evidence.OneSided)
		f.Estimate = stats.Between(r2, lo, hi)
		f.Detail += "; " + permuted(null)
		if f.Hi != nil && *f.Hi <= 0 {
			f.Detail += "; no better than the mean: uninformative"
		}
		if best == "" || r2 > most {
			best, most = r.Name, r2
		}
		rows = append(rows, f)
	}
	if best == "" {
		c.Detail = "none of r_await, iowait and I/O pressure can be tested"
		return c, rows
	}
	c.Value = &most
	c.Detail = fmt.Sprintf("of r_await, iowait and I/O pressure, %s explains most inside arms: R2 %.2f of the log of a "+
		"window's slowest TTFT by itself; %s", best, most, set.LeftOut())
	return c, rows
}

// alone is what a reading leaves unexplained by itself, one share a block.
func alone(ev *evidence.Evidence, set *evidence.WindowSet, r evidence.Reading) (stats.Blocks, stats.Null, error) {
	rows := set.Rows(set.Slowest(true), [][]stats.Rep{set.Values(r, true)})
	fit, err := stats.FitOutOfBlock(rows, []int{1}, ev.Bootstrap().Draws, ev.Exp.Hypothesis.Run.Seed)
	if err != nil {
		return stats.Blocks{}, stats.Null{}, err
	}
	b, err := ev.Blocks(stats.Log, evidence.InBlock(fit.Blocks, fit.Models[0].Unexplained))
	return b, fit.Models[0].NullR2, err
}

func h8bFigure(ev *evidence.Evidence, groups []*evidence.Group) verdict.Figure {
	wait := verdict.Panel{XLabel: "iowait of a window, % of all CPU time", YLabel: "slowest TTFT of a window, ms", LogY: true}
	await := verdict.Panel{XLabel: "r_await of a window, ms", YLabel: "slowest TTFT of a window, ms", LogX: true, LogY: true}
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
	return verdict.Figure{Name: "p99_and_waits", Title: "H8B: slowest TTFT of a window against iowait and r_await",
		Panels: []verdict.Panel{wait, await}}
}
