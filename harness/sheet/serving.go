package sheet

import (
	"fmt"
	"math"
	"strings"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// serving prints what requests saw, for each load the arm without a tier first, and each tiered arm's change against it.
func (r *Run) serving(b *strings.Builder) {
	g := grid{heads: []string{"arm", "tiers", "n, requests", "failed or timed out, requests", "TTFT p50, ms", "TTFT p50 against no tier, %",
		"TTFT p99, ms", "TTFT p99 against no tier, %", "p99 CoV over repetitions, %", "repetitions", "ITL p50, ms", "output, tokens/s", "output against no tier, %",
		"cached prompt tokens, %", "tier-2 hits, % of prompt blocks"}, keys: 2}
	used := map[*Arm]bool{}
	row := func(a, base *Arm) {
		used[a] = true
		l := r.Evidence.Row(a.Group)
		tiers := "no tier"
		if a.tiered() {
			tiers = "tier 2"
		}
		var itl, cov *float64
		if l.ITL != nil {
			itl = &l.ITL.P50
		}
		if l.CoV != nil {
			cov = new(*l.CoV * 100)
		}
		g.add(a.Name(), tiers, count(l.Samples), count(l.Censored+l.Failed+l.Rejected), percentile(l.TTFT.P50), a.change(base, ttft(0.5)),
			percentile(l.TTFT.P99), a.change(base, ttft(0.99)), opt(cov, 1), count(l.Reps), opt(itl, 1), number(l.TokS), a.change(base, outputRate),
			opt(l.CachedShare, 100), opt(l.Tier2Hit, 100))
	}
	bases := 0
	for _, a := range r.Arms {
		if a.tiered() {
			continue
		}
		bases++
		row(a, nil)
		for _, t := range r.Arms {
			if t.tiered() && likeness(t) == likeness(a) {
				row(t, a)
			}
		}
	}
	for _, a := range r.Arms {
		if !used[a] {
			row(a, nil)
		}
	}
	if bases == 0 {
		b.WriteString("This run has no arm without a tier (all recomputed), so nothing is compared with it: H2B of the whole plan has one (stack A).\n\n")
	}
	leftOut(b, g.write(b))
	if bases > 0 {
		b.WriteString("\nAgainst no tier: the mean of the blocks' ratios on the logarithm, with Student's interval (95 %) over blocks; a single block has none. " +
			"The block that only screens the levels (repetition 0) counts where there is no other.\n")
	}
}

// likeness is what an arm shares with that of another stack: all other factors.
func likeness(a *Arm) string { return a.Cell.Without("stack").String() }

// percentile prints an estimate with its interval.
func percentile(p *evidence.Percentile) string {
	if p == nil || p.Value == nil {
		return none
	}
	s := number(*p.Value)
	if p.AtLeast {
		s = ">= " + s
	}
	return s + " " + ends(p.Lo, p.Hi)
}

// ends prints an interval; a nil bound is open.
func ends(lo, hi *float64) string {
	side := func(v *float64) string {
		if v == nil {
			return "open"
		}
		return number(*v)
	}
	return "[" + side(lo) + ", " + side(hi) + "]"
}

// figure is a number of a cell; an error where it has none.
type figure func(*evidence.Cell) (float64, error)

func ttft(p float64) figure {
	return func(c *evidence.Cell) (float64, error) { return evidence.PercentileOf(c.TTFT(), p) }
}

// outputRate is the rate of output tokens of complete answers, 1/s.
func outputRate(c *evidence.Cell) (float64, error) {
	n := 0
	for i := range c.Requests {
		if c.Requests[i].RC == record.RCOK {
			n += c.Requests[i].Output
		}
	}
	if c.Seconds() == 0 {
		return 0, fmt.Errorf("%s has no measured load", c.Key)
	}
	return float64(n) / c.Seconds(), nil
}

// change is by how many percent a figure of the arm is above that of another, block by block, with its interval; a dash
// without another one, or where a block has no such figure.
func (a *Arm) change(base *Arm, of figure) string {
	if base == nil {
		return none
	}
	var ratios []float64
	for _, deciding := range []bool{true, false} {
		for _, c := range a.Cells {
			other, err := base.In(c.Rep)
			if err != nil || deciding != (c.Rep > 0) {
				continue
			}
			v, err := of(c)
			w, werr := of(other)
			if err != nil || werr != nil || w == 0 {
				return none
			}
			ratios = append(ratios, v/w)
		}
		if len(ratios) > 0 {
			break
		}
	}
	blocks, err := stats.NewBlocks(ratios, stats.Log)
	if err != nil {
		return none
	}
	percent := func(v *float64) *float64 {
		if v == nil || math.IsInf(*v, 0) {
			return nil
		}
		return new((*v - 1) * 100)
	}
	e := blocks.Estimate((1 - evidence.Confidence) / 2)
	return fmt.Sprintf("%s %s", signed(*percent(e.Value)), ends(percent(e.Lo), percent(e.Hi)))
}

func signed(v float64) string {
	if v > 0 {
		return "+" + number(v)
	}
	return number(v)
}
