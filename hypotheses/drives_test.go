package hypotheses

import (
	"fmt"
	"slices"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// DRIVES: of two drives one gives this workload another TTFT p99.
//
// It is a comparison for somebody who has two drives, and none of the hypotheses H0 to H8B: -rig disk -dir A,B, or the simulated
// machine's own drive and a second one.
//
// Mechanism: a prefix that does not fit the RAM tiers is read from tier 2 before its request can go on, and requests that share
// the loader wait for each other's fetch, so that the queue multiplies what one drive takes longer than the other.
//
// Falsifier: a TTFT p99 that is the same on both within the margin that was declared before.
//
// Tier 2 lies on one drive or the other, cell by cell, in blocks of one cell each in random order, with the same users, think
// times and prompts. The ratio is one value a block, B over A, Student's t on its logarithm. Supported: the interval lies beyond
// the margin, in whichever direction; Refuted: it lies inside, so that the choice does not matter here. What the drives
// themselves take stands beside it, the fetch p50, which decides nothing: a drive may be slower and no request notice.
// Gates: in every cell the counters of the arm's own drive moved by what the KV manager loaded, and those of the other did not;
// tier 2 serves a fifth of the prefix lookups.
var drives = harness.Hypothesis{
	ID:        "DRIVES",
	Claim:     "The choice between two drives for tier 2 changes TTFT p99 by more than the margin",
	Mechanism: "fetches wait for the drive and for each other; the queue multiplies what one drive takes longer",
	Falsifier: "a TTFT p99 that is the same on both drives within the margin",
	Config:    "drives.yaml",
	Tier2:     gate.Tier2Read,
	Requires:  []string{"p99_margin", "fetch_margin", "tier2_hit_share", "own_drive_share", "other_drive_share"},
	OneLevel:  []string{"ctx", "conc"},
	Validate:  twoDrives,
	Deciding:  []string{"p99_differs"},
	Decide:    decideDrives,
}

// TestDRIVES is left out of what has one drive: it is passed over there, with the reason, unless it is asked for by itself.
func TestDRIVES(t *testing.T) { harness.Run(t, drives) }

// twoDrives refuses a sweep in which nothing can be compared.
func twoDrives(ev *evidence.Evidence) error {
	if n := len(ev.Exp.Hypothesis.Sweep.Drive); n != 2 {
		return fmt.Errorf("sweep.drive: %d levels; tier 2 on one drive is compared with tier 2 on another: [A, B]", n)
	}
	for _, margin := range []string{"p99_margin", "fetch_margin"} {
		if v := ev.Threshold(margin); !(v > 1) {
			return fmt.Errorf("thresholds.%s: %g is no ratio above 1, such as 1.1", margin, v)
		}
	}
	return nil
}

func decideDrives(ev *evidence.Evidence) verdict.Conclusion {
	out := verdict.Conclusion{Gates: []gate.Gate{gate.Drives(ev, ev.Threshold("own_drive_share"), ev.Threshold("other_drive_share")),
		gate.Tier2Engaged(ev, ev.Threshold("tier2_hit_share"))}}
	a, b := driveArm(ev, record.DriveA), driveArm(ev, record.DriveB)
	if a == nil || b == nil || !slices.EqualFunc(a.Cells, b.Cells, func(x, y *evidence.Cell) bool { return x.Rep == y.Rep }) {
		out.Checks = []verdict.Check{verdict.Open("p99_differs", "an arm or a repetition was not measured")}
		return out
	}
	p99 := driveRatio{a, b, "p99_differs", "TTFT p99", "requests", 0.99, (*evidence.Cell).TTFT}
	fetch := driveRatio{a, b, "fetch_p50", "tier-2 fetch p50", "fetches", 0.5, fetchesOf}
	decides, effect, found := p99.check(ev, ev.Threshold("p99_margin"))
	beside, _, faster := fetch.check(ev, ev.Threshold("fetch_margin"))
	beside.State = verdict.Noted
	out.Checks, out.Effect = []verdict.Check{decides, beside}, effect
	out.Findings = []verdict.Finding{{Name: "better drive", Detail: fmt.Sprintf("by TTFT p99: %s; by the fetch itself: %s", found, faster)}}
	for _, more := range []driveRatio{
		{a, b, "", "TTFT p50", "requests", 0.5, (*evidence.Cell).TTFT},
		{a, b, "", "tier-2 fetch p95", "fetches", 0.95, fetchesOf},
	} {
		out.Findings = append(out.Findings, more.finding(ev))
	}
	out.Findings = append(out.Findings, loaderFinding(ev))
	out.Figures = []verdict.Figure{drivesFigure(ev, a, b)}
	return out
}

// driveArm is the group of an arm, nil if it was not measured.
func driveArm(ev *evidence.Evidence, arm string) *evidence.Group {
	groups := ev.Groups()
	if i := slices.IndexFunc(groups, func(g *evidence.Group) bool { return g.Cells[0].Drive == arm }); i >= 0 {
		return groups[i]
	}
	return nil
}

// fetchesOf are the tier-2 fetches of a cell's measure phase, ms.
func fetchesOf(c *evidence.Cell) stats.Rep {
	if c.KV == nil {
		return nil
	}
	return c.KV.Fetches
}

// driveRatio is a percentile of some latencies on drive B over that on drive A.
type driveRatio struct {
	a, b     *evidence.Group
	name     string
	what, of string
	p        float64
	values   func(*evidence.Cell) stats.Rep
}

func (r driveRatio) blocks(ev *evidence.Evidence) (stats.Blocks, error) {
	return percentileRatio(ev, r.b, r.a, r.p, r.values)
}

// check is whether the ratio lies beyond the margin, and in words which drive is the better one by it.
func (r driveRatio) check(ev *evidence.Evidence, margin float64) (c verdict.Check, effect *verdict.Effect, better string) {
	b, err := r.blocks(ev)
	if err != nil {
		return verdict.Open(r.name, fmt.Sprintf("the ratio of %s is not known: %v", r.what, err)), nil, "not known"
	}
	alpha := verdict.AlphaOf(ev)
	n := latencies(r.a, r.values) + latencies(r.b, r.values)
	c = alpha.Outside(verdict.Check{Name: r.name, N: n, Of: r.of}, b, 1/margin, margin)
	lo, hi := ends(c)
	switch {
	case c.State == verdict.Contradicted:
		better = fmt.Sprintf("neither, alike within %.0f %%", 100*(margin-1))
	case lo > 1:
		better = r.than("A", "B", lo, margin)
	case hi < 1:
		better = r.than("B", "A", 1/hi, margin)
	default:
		better = "not known"
	}
	c.Detail = fmt.Sprintf("%s on drive B is %.3f [%.3f, %.3f] times that on drive A (%s interval over %d blocks; margin %.0f %%): better is %s",
		r.what, *c.Value, lo, hi, percent(alpha), c.Blocks, 100*(margin-1), better)
	return c, effectOf(r.what+", drive B / A", "", b, n, r.of), better
}

// than says by how much at least a drive is the better one, and whether that is more than the margin.
func (r driveRatio) than(better, worse string, least, margin float64) string {
	by := fmt.Sprintf("%s: on %s it is at least %.2f times as long", better, worse, least)
	if least <= margin {
		by += fmt.Sprintf(", which may be less than the margin of %.2f", margin)
	}
	return by
}

// finding is the ratio as a figure that decides nothing.
func (r driveRatio) finding(ev *evidence.Evidence) verdict.Finding {
	f := verdict.Finding{Name: r.what + ", drive B / A", Detail: "one ratio a block"}
	if b, err := r.blocks(ev); err != nil {
		f.Detail = err.Error()
	} else {
		f.Estimate = b.Estimate(evidence.OneSided)
	}
	return f
}

// drivesFigure is each block's pair, in the order in which blocks were measured.
func drivesFigure(ev *evidence.Evidence, a, b *evidence.Group) verdict.Figure {
	p99 := verdict.Panel{XLabel: "block", YLabel: "TTFT p99, ms", LogY: true}
	fetch := verdict.Panel{XLabel: "block", YLabel: "tier-2 fetch p50, ms", LogY: true}
	for _, g := range []*evidence.Group{a, b} {
		name := "drive " + g.Cells[0].Drive
		tail, loads := verdict.NewSeries(name), verdict.NewSeries(name)
		for _, c := range g.Cells {
			if v, err := evidence.PercentileOf(c.TTFT(), 0.99); err == nil {
				tail.Value(float64(c.Rep), &v)
			}
			if v, err := evidence.PercentileOf(fetchesOf(c), 0.5); err == nil {
				loads.Value(float64(c.Rep), &v)
			}
		}
		p99.Series, fetch.Series = append(p99.Series, *tail), append(fetch.Series, *loads)
	}
	return verdict.Figure{Name: "drives", Title: "DRIVES: two drives under the same load, block by block", Panels: []verdict.Panel{p99, fetch}}
}
