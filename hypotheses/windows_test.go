package hypotheses

import (
	"fmt"
	"strings"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// relation is how the slowest request of a window goes with a reading.
type relation struct {
	verdict.Check
	blocks   *stats.Blocks   // one rank correlation a block, inside arms; nil where a block has none
	together verdict.Finding // over all arms of a block, where the arm's label counts as well
}

// tracks tests that, inside an arm, the slowest TTFT of a window follows a reading: Spearman's rank correlation in each arm
// of a block, averaged over its arms (stats.RelateWithinArms), and Student's t on Fisher's z over blocks, above a threshold.
// Over arms together anything that differs between them goes with anything else that does. Beside it stands what comes out
// with the windows of each arm turned against each other. It cannot hold where an arm says nothing or has lost most of its
// windows; it can be contradicted by the others.
func tracks(ev *evidence.Evidence, set *evidence.WindowSet, r evidence.Reading, name string, need float64) relation {
	a, out := verdict.AlphaOf(ev), relation{together: armsTogether(ev, set, r)}
	x, y := set.Values(r, false), set.Slowest(false)
	w, err := within(ev, set.Strata(x, y))
	if err != nil {
		out.Check = verdict.Open(name, fmt.Sprintf("the slowest TTFT of a window cannot be related to %s: %v", r.Name, err))
		return out
	}
	b, err := ev.Blocks(stats.Atanh, evidence.InBlock(w.Blocks, w.Correlations))
	if err != nil {
		out.Check = verdict.Open(name, fmt.Sprintf("the slowest TTFT of a window cannot be related to %s: %v", r.Name, err))
		return out
	}
	c := a.Above(verdict.Check{Name: name, N: w.Windows, Of: "windows"}, b, need)
	lo, hi := ends(c)
	c.Detail = fmt.Sprintf("inside an arm the slowest TTFT of a window follows %s with Spearman's rank correlation %.2f [%.2f, %.2f] "+
		"(%s interval over %d blocks, need above %.2f); %s; %s", r.Name, *c.Value, lo, hi, percent(a), c.Blocks, need, permuted(w.Null), set.LeftOut())
	for _, lack := range []struct{ what, where string }{
		{"most windows are missing of ", set.Lacks()}, {"too few windows, or nothing that varies, in ", strings.Join(w.Flat, ", ")},
	} {
		if lack.where == "" {
			continue
		}
		c.Detail += "; " + lack.what + lack.where
		if c.State == verdict.Holds {
			c.State = verdict.Undecided
		}
		c.P = new(1.0) // a claim about several relations asks this
	}
	out.Check, out.blocks = c, &b
	return out
}

// within relates values inside arms.
func within(ev *evidence.Evidence, strata []stats.Stratum) (stats.WithinArms, error) {
	return stats.RelateWithinArms(strata, ev.Bootstrap().Draws, ev.Exp.Hypothesis.Run.Seed)
}

// permuted says what chance makes of a relation inside arms.
func permuted(n stats.Null) string {
	return fmt.Sprintf("permuted inside arms %.2f [%.2f, %.2f], p %.2g", n.Mean, n.Lo, n.Hi, n.Above)
}

// armsTogether is the relation over all arms of a block.
func armsTogether(ev *evidence.Evidence, set *evidence.WindowSet, r evidence.Reading) verdict.Finding {
	f := verdict.Finding{Name: "Spearman of slowest TTFT and " + r.Name + ", arms together",
		Detail: "windows of all arms of a block ranked together: the arm's label is enough for it"}
	d, err := ev.Bootstrap().Spearman(set.Values(r, false), set.Slowest(false))
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	f.Estimate = d.Estimate(evidence.Confidence)
	return f
}

// scatter is the slowest request of a window against a reading, a point a window.
func scatter(name string, set *evidence.WindowSet, r evidence.Reading) verdict.Series {
	s := verdict.NewSeries(name)
	x, y := set.Values(r, false), set.Slowest(false)
	for i := range x {
		for k := range x[i] {
			v := y[i][k].V
			s.Value(x[i][k].V, &v)
		}
	}
	return *s
}
