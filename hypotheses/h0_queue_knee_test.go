package hypotheses

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// H0: queue saturation defines usable concurrency.
//
// Mechanism: a server runs so many sequences at once; past that, requests wait for a slot, and the tail
// of TTFT leaves the median behind.
//
// Falsifier: no step from which p99 > 2 x p50 TTFT holds for two consecutive steps while requests wait
// for admission; throughput that goes on growing past it; or a place that moves between blocks.
//
// One block of a coarse sweep finds where to look; others then measure around it, finely, and decide.
//
// The 2 x rule alone has two blind spots, which is why a firing counts only with the server's own word
// that requests waited, and why two other knees stand beside it. With few users TTFT is a mix of "idle"
// and "a decode step is running", and the ratio passes 2 without any queue. And past saturation
// everybody waits alike, so that the ratio falls again. Think times and output lengths are random
// (configs/hypotheses/h0.yaml) so that users do not move in lockstep.
var h0 = harness.Hypothesis{
	ID:          "H0",
	Claim:       "Queue saturation defines usable concurrency",
	Mechanism:   "past the server's slots requests wait for admission, and p99 TTFT leaves p50 behind",
	Falsifier:   "no queue knee, throughput that keeps growing past it, or a knee that moves between repetitions",
	Config:      "h0.yaml",
	EitherStack: true,
	Waits:       true,
	Requires:    []string{"rule_ratio", "rule_consecutive", "queue_wait_share", "growth_ratio"},
	OneLevel:    []string{"ctx"},
	Overloads:   func(c record.Cell) bool { return c.Level("rate") != "" },
	Validate:    validH0,
	Refine:      refineH0,
	Deciding:    []string{"A.queue_knee", "A.growth_stops", "A.repetitions_agree", "B.queue_knee", "B.growth_stops", "B.repetitions_agree"},
	Foresees:    foreseenH0,
	Decide:      decideH0,
}

func TestH0(t *testing.T) { harness.Run(t, h0) }

// sweepLevel is one concurrency (or offered rate) of one stack.
type sweepLevel struct {
	group *evidence.Group
	x     float64
	p50   float64
	p99   float64
	rps   float64
	// shares are the parts of the answered requests that waited for admission, by repetition; share is
	// that of all together, and lo and hi are the least and the most of the repetitions. Waits come in
	// bursts, so that requests of a run are no sample; the repetitions are.
	shares        []float64
	share, lo, hi float64
	n             int
}

// levels reads a stack's sweep: the closed loop, or the open one. With rep > 0 only that repetition.
func levels(ev *evidence.Evidence, stack string, open bool, rep int) []sweepLevel {
	var out []sweepLevel
	for _, g := range ev.Groups() {
		if g.Stack() != stack || g.Open() != open {
			continue
		}
		cells := g.Cells
		if rep > 0 {
			cells = nil
			for _, c := range g.Cells {
				if c.Rep == rep {
					cells = append(cells, c)
				}
			}
			if len(cells) == 0 {
				continue
			}
		}
		sub := &evidence.Group{Cell: g.Cell, Cells: cells}
		l := sweepLevel{group: sub, x: float64(g.Users())}
		if open {
			l.x = *cells[0].RateRPS
		}
		p50, ok1 := sub.Percentile(0.5)
		p99, ok2 := sub.Percentile(0.99)
		if !ok1 || !ok2 {
			continue
		}
		l.p50, l.p99 = p50, p99
		for _, c := range cells {
			l.rps += c.RPS() / float64(len(cells))
			points, _ := c.Waits()
			waited := 0.0
			for _, p := range points {
				waited += p.V
			}
			if len(points) == 0 {
				continue
			}
			l.shares = append(l.shares, waited/float64(len(points)))
			l.share += waited
			l.n += len(points)
		}
		if l.n == 0 {
			continue
		}
		l.share /= float64(l.n)
		l.lo, l.hi = slices.Min(l.shares), slices.Max(l.shares)
		out = append(out, l)
	}
	return out
}

func ruleLevels(ls []sweepLevel) []stats.Level {
	out := make([]stats.Level, len(ls))
	for i, l := range ls {
		out[i] = stats.Level{X: l.x, P50: l.p50, P99: l.p99, Throughput: l.rps}
	}
	return out
}

// queueKnee is the first step from which the rule holds for consecutive steps and at which requests
// waited for admission: more than the threshold's share of them in every repetition. Earlier firings are
// blind spots. ok is false if there is none.
func queueKnee(ev *evidence.Evidence, ls []sweepLevel) (knee int, blind []int, ok bool) {
	for _, i := range stats.RuleFirings(ruleLevels(ls), ev.Threshold("rule_ratio"), int(ev.Threshold("rule_consecutive"))) {
		if ls[i].lo > ev.Threshold("queue_wait_share") {
			return i, blind, true
		}
		blind = append(blind, i)
	}
	return 0, blind, false
}

// endLevels are the levels that make up the end of a sweep without a knee: the last three of the coarse one, and the fine one
// before the last. A single step is too short to tell growth from scatter.
const endLevels = 4

// validH0 asks for a block that screens.
func validH0(ev *evidence.Evidence) error {
	if !ev.Exp.Hypothesis.Run.Screening {
		return errors.New("run.screening: must be true: the knee is looked for in one block and confirmed on others")
	}
	return nil
}

func decideH0(ev *evidence.Evidence) verdict.Conclusion {
	c := verdict.Conclusion{Gates: []gate.Gate{gate.WaitsKnown(ev)}}
	for _, stack := range ev.Exp.StackNames() {
		decideH0Stack(ev, stack, &c)
	}
	return c
}

func decideH0Stack(ev *evidence.Evidence, stack string, c *verdict.Conclusion) {
	ls := levels(ev, stack, false, 0)
	knee, blind, ok := queueKnee(ev, ls)
	for _, i := range blind {
		c.Checks = append(c.Checks, verdict.Check{Name: stack + ".blind_spot", State: verdict.Noted, Detail: fmt.Sprintf(
			"stack %s: the rule also fires at %.0f users, where %.1f %% of requests waited for admission (least of the repetitions: %.1f %%): no queue that every repetition shows", stack, ls[i].x, ls[i].share*100, ls[i].lo*100)})
	}
	saturation := saturationKnee(ev, stack, ls)
	open := openKnee(ev, stack)
	c.Findings = append(c.Findings, ruleFinding(stack, ls, knee, ok), saturation, open)
	c.Figures = append(c.Figures, h0Figure(ev, stack, ls, c.Findings[len(c.Findings)-3:]))
	switch {
	case !ok:
		c.Checks = append(c.Checks, noQueue(ev, stack, ls))
		// Without a knee growth is that of the sweep's end, where it would have stopped first. One that has not been looked at closely
		// has no such end.
		if len(ls) > endLevels {
			c.Checks = append(c.Checks, growthStops(ev, stack, ls, len(ls)-endLevels))
		}
		return
	case knee == 0:
		c.Checks = append(c.Checks, fromTheFirst(ev, stack, ls[0]))
		return
	}
	c.Checks = append(c.Checks, kneeIsQueue(ev, stack, ls, knee), growthStops(ev, stack, ls, knee), uworkKnown(ev, stack, ls, knee))
	c.Checks = append(c.Checks, disagreement(stack, ls[knee-1].x, saturation, open)...)
	c.UWork = append(c.UWork, verdict.UWork{Stack: stack, Model: ev.Exp.Hypothesis.Model,
		ContextTokens: ls[knee].group.Cells[0].ContextTokens, Users: int(ls[knee-1].x)})
	if c.Effect == nil {
		if tail, err := ev.Blocks(stats.Log, ls[knee].tail); err == nil {
			c.Effect = effectOf(fmt.Sprintf("p99/p50 TTFT at the knee (stack %s, %.0f users)", stack, ls[knee].x), "", tail, ls[knee].n, "requests")
		}
	}
}

func ruleFinding(stack string, ls []sweepLevel, knee int, ok bool) verdict.Finding {
	f := verdict.Finding{Name: "knee by the p99/p50 rule, " + stack, Unit: "users", Detail: "none"}
	if ok && knee > 0 {
		x, below := ls[knee].x, ls[knee-1].x
		f.Estimate = stats.Between(x, below, x)
		f.Detail = fmt.Sprintf("U_work is %.0f users, the step below", below)
	}
	return f
}

// kneeIsQueue tests the knee that was found: p99 over p50 is above the rule's ratio there or one step later, a larger share of the
// requests than the threshold waits for admission, and a larger one than one step below.
func kneeIsQueue(ev *evidence.Evidence, stack string, ls []sweepLevel, knee int) verdict.Check {
	at, below := ls[knee], ls[knee-1]
	name, a := stack+".queue_knee", verdict.AlphaOf(ev)
	share, err := ev.Blocks(stats.Log, at.waiting)
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("stack %s: %v", stack, err))
	}
	// A difference of arcsines of the roots, on which shares near 0 scatter as much as others (Freeman & Tukey 1950): below the
	// knee hardly anybody waits, so that a ratio scatters without end, and at it a plain difference does.
	more, err := ev.Blocks(stats.Linear, func(rep int) (float64, error) {
		x, err := at.waiting(rep)
		if err != nil {
			return 0, err
		}
		y, err := below.waiting(rep)
		return math.Asin(math.Sqrt(x)) - math.Asin(math.Sqrt(y)), err
	})
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("stack %s: %v", stack, err))
	}
	c := verdict.Check{N: at.n, Of: "requests", Detail: fmt.Sprintf("stack %s: at %.0f users p99/p50 TTFT is %.1f and %.1f %% (blocks %.1f to %.1f) of requests waited for admission; one step below, at %.0f users, %.1f and %.1f %% (%.1f to %.1f) (n %d and %d)",
		stack, at.x, at.p99/at.p50, at.share*100, at.lo*100, at.hi*100, below.x, below.p99/below.p50, below.share*100, below.lo*100, below.hi*100, at.n, below.n)}
	var tails []verdict.Check
	for _, l := range ls[knee:min(len(ls), knee+2)] {
		tail, err := ev.Blocks(stats.Log, l.tail)
		if err != nil {
			return verdict.Open(name, fmt.Sprintf("stack %s: %v", stack, err))
		}
		tails = append(tails, a.Above(c, tail, ev.Threshold("rule_ratio")))
	}
	return a.All(name, []verdict.Check{a.Any(name, tails, ""), a.Above(c, share, ev.Threshold("queue_wait_share")), a.Above(c, more, 0)}, "")
}

// noQueue is the check of a knee where none was found: it is contradicted if every level from which the rule could fire misses the
// share of requests that wait, or at one of its consecutive steps the ratio, by an interval.
func noQueue(ev *evidence.Evidence, stack string, ls []sweepLevel) verdict.Check {
	name, a := stack+".queue_knee", verdict.AlphaOf(ev)
	c := verdict.Check{Name: name, Of: "requests", Detail: fmt.Sprintf("stack %s: the rule fires nowhere with requests waiting for admission", stack)}
	var shares, tails []verdict.Check
	for _, l := range ls {
		share, err := ev.Blocks(stats.Log, l.waiting)
		if err != nil {
			return verdict.Open(name, fmt.Sprintf("stack %s: %v", stack, err))
		}
		tail, err := ev.Blocks(stats.Log, l.tail)
		if err != nil {
			return verdict.Open(name, fmt.Sprintf("stack %s: %v", stack, err))
		}
		c.N += l.n
		shares = append(shares, a.Below(verdict.Check{}, share, ev.Threshold("queue_wait_share")))
		tails = append(tails, a.Below(verdict.Check{}, tail, ev.Threshold("rule_ratio")))
	}
	steps := int(ev.Threshold("rule_consecutive"))
	var missed []verdict.Check
	for i := 0; i+steps <= len(ls); i++ {
		missed = append(missed, a.Any("", append([]verdict.Check{shares[i]}, tails[i:i+steps]...), ""))
	}
	none := a.All(name, missed, "the sweep has no consecutive steps")
	if none.P == nil {
		return none
	}
	c.Bounds = []float64{}
	return a.Tested(c, 1, *none.P)
}

// fromTheFirst is the check of a knee at the lowest level of the sweep, below which nothing is usable: it is contradicted if that
// is confirmed.
func fromTheFirst(ev *evidence.Evidence, stack string, l sweepLevel) verdict.Check {
	name, a := stack+".queue_knee", verdict.AlphaOf(ev)
	share, err := ev.Blocks(stats.Log, l.waiting)
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("stack %s: %v", stack, err))
	}
	c := verdict.Check{Name: name, N: l.n, Of: "requests", Bounds: []float64{},
		Detail: fmt.Sprintf("stack %s: the rule fires at the lowest concurrency, so no usable level lies below", stack)}
	return a.Tested(c, 1, *a.Above(c, share, ev.Threshold("queue_wait_share")).P)
}

// waiting is the share of a block's requests that waited for admission. Half a request is added to them, because nobody who waits
// has no logarithm.
func (l sweepLevel) waiting(rep int) (float64, error) {
	c, err := l.group.In(rep)
	if err != nil {
		return 0, err
	}
	points, _ := c.Waits()
	if len(points) == 0 {
		return 0, fmt.Errorf("%s: nobody tells who waited for admission", c.Key)
	}
	waited := 0.5
	for _, p := range points {
		waited += p.V
	}
	return waited / float64(len(points)+1), nil
}

// tail is p99 over p50 of a block's TTFT.
func (l sweepLevel) tail(rep int) (float64, error) {
	p99, err := percentileIn(l.group, rep, 0.99, (*evidence.Cell).TTFT)
	if err != nil {
		return 0, err
	}
	p50, err := percentileIn(l.group, rep, 0.5, (*evidence.Cell).TTFT)
	return p99 / p50, err
}

// growthStops holds if completed requests per second grow less than growth_ratio times as fast as
// concurrency from a level, that of the knee if there is one, to the end of the sweep.
func growthStops(ev *evidence.Evidence, stack string, ls []sweepLevel, knee int) verdict.Check {
	at, last := ls[knee], ls[len(ls)-1]
	name, a, need := stack+".growth_stops", verdict.AlphaOf(ev), ev.Threshold("growth_ratio")
	if last.x == at.x {
		return verdict.Open(name, fmt.Sprintf("stack %s: no level lies beyond the knee", stack))
	}
	growth, err := ev.Blocks(stats.Linear, func(rep int) (float64, error) {
		x, err := at.group.In(rep)
		if err != nil {
			return 0, err
		}
		y, err := last.group.In(rep)
		if err != nil {
			return 0, err
		}
		if x.RPS() == 0 {
			return 0, fmt.Errorf("nothing was completed in %s", x.Key)
		}
		return (y.RPS()/x.RPS() - 1) / (last.x/at.x - 1), nil
	})
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("stack %s: %v", stack, err))
	}
	c := a.Below(verdict.Check{Name: name, N: at.n + last.n, Of: "requests"}, growth, need)
	lo, hi := ends(c)
	c.Detail = fmt.Sprintf("stack %s: from %.0f to %.0f users completed requests grow from %.2f to %.2f per s, %.2f [%.2f, %.2f] times as fast as concurrency (%s interval over %d blocks, need below %.2f)",
		stack, at.x, last.x, at.rps, last.rps, *c.Value, lo, hi, percent(a), growth.N(), need)
	return c
}

// uworkKnown tests that U_work is known within one fine step: the interval of its mean over blocks, each with a knee of its own, lies
// within that step of the one of all blocks together. The step is the distance between the knee and the level below it.
func uworkKnown(ev *evidence.Evidence, stack string, pooled []sweepLevel, knee int) verdict.Check {
	name, a := stack+".repetitions_agree", verdict.AlphaOf(ev)
	below := pooled[knee-1].x
	step := pooled[knee].x - below
	var users []string
	b, err := ev.Blocks(stats.Linear, func(rep int) (float64, error) {
		ls := levels(ev, stack, false, rep)
		if len(ls) != len(pooled) {
			return 0, errors.New("a level is missing")
		}
		k, _, ok := queueKnee(ev, ls)
		if !ok || k == 0 {
			return 0, errors.New("alone it shows no queue knee")
		}
		users = append(users, fmt.Sprintf("%.0f", ls[k-1].x))
		return ls[k-1].x, nil
	})
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("stack %s: %v", stack, err))
	}
	c := a.Inside(verdict.Check{Name: name, Unit: "users", N: b.N(), Of: "blocks"}, b, below-step, below+step)
	lo, hi := ends(c)
	c.Detail = fmt.Sprintf("stack %s: U_work by block is %s users, mean %.0f [%.0f, %.0f] (%s interval; must lie within a fine step, %.0f, of %.0f)",
		stack, strings.Join(users, ", "), *c.Value, lo, hi, percent(a), step, below)
	return c
}

// saturationKnee is N* = X_max (R_0 + Z), where the asymptotes of a closed system cross.
func saturationKnee(ev *evidence.Evidence, stack string, ls []sweepLevel) verdict.Finding {
	f := verdict.Finding{Name: "saturation knee, " + stack, Unit: "users", Detail: "no closed-loop level"}
	if len(ls) == 0 {
		return f
	}
	xmax, z, cells := 0.0, 0.0, 0
	for _, l := range ls {
		xmax = max(xmax, l.rps)
		for _, c := range l.group.Cells {
			if c.Info.Load.MeanThink != nil {
				z += c.Info.Load.MeanThink.Seconds()
				cells++
			}
		}
	}
	r0, ok := ls[0].group.MeanE2E()
	if cells == 0 || !ok {
		f.Detail = "not known: the lowest level has no answered request or no think time"
		return f
	}
	z /= float64(cells)
	r0 /= 1e3
	n := stats.SaturationKnee(xmax, r0, z)
	f.Value = &n
	f.Detail = fmt.Sprintf("X_max %.2f/s x (R_0 %.2f s + Z %.2f s)", xmax, r0, z)
	return f
}

// openKnee is the rule's knee under Poisson arrivals, put into users by N = rate x (R + Z).
func openKnee(ev *evidence.Evidence, stack string) verdict.Finding {
	f := verdict.Finding{Name: "open-loop knee, " + stack, Unit: "users"}
	ls := levels(ev, stack, true, 0)
	if len(ls) == 0 {
		f.Detail = "not measured: the sweep has no open loop"
		return f
	}
	knee, _, ok := queueKnee(ev, ls)
	if !ok {
		f.Detail = fmt.Sprintf("the rule fires at none of the offered rates, %.4g to %.4g requests per s", ls[0].x, ls[len(ls)-1].x)
		return f
	}
	at := ls[knee]
	think, err := ev.Exp.Hypothesis.Load.ThinkTime.Seconds()
	e2e, known := at.group.MeanE2E()
	if err != nil || !known {
		f.Detail = "not known: no answered request at the knee"
		return f
	}
	n := at.x * (e2e/1e3 + think.Mean())
	f.Value = &n
	f.Detail = fmt.Sprintf("p99/p50 TTFT is %.1f at %.4g offered requests per s, as many as this number of users send", at.p99/at.p50, at.x)
	return f
}

// disagreement says where the three knees differ by more than a tenth.
func disagreement(stack string, uwork float64, others ...verdict.Finding) []verdict.Check {
	var out []verdict.Check
	for _, f := range others {
		if f.Value == nil {
			out = append(out, verdict.Check{Name: stack + ".knees_differ", State: verdict.Noted, Detail: fmt.Sprintf("stack %s: U_work is %.0f users; %s: %s", stack, uwork, f.Name, f.Detail)})
			continue
		}
		if math.Abs(*f.Value/uwork-1) > 0.1 {
			out = append(out, verdict.Check{Name: stack + ".knees_differ", State: verdict.Noted, Detail: fmt.Sprintf(
				"stack %s: the knees disagree: U_work by the rule is %.0f users, the %s is at %.0f (%+.0f %%)", stack, uwork, f.Name, *f.Value, (*f.Value/uwork-1)*100)})
		}
	}
	return out
}

func h0Figure(ev *evidence.Evidence, stack string, ls []sweepLevel, knees []verdict.Finding) verdict.Figure {
	p := verdict.Panel{XLabel: "users", YLabel: "TTFT, ms", LogX: true, LogY: true}
	x := verdict.Panel{XLabel: "users", YLabel: "completed requests, 1/s", LogX: true}
	p50, p95, p99, rps := verdict.NewSeries("p50"), verdict.NewSeries("p95"), verdict.NewSeries("p99"), verdict.NewSeries("completed")
	for _, l := range ls {
		row := ev.Row(l.group)
		p50.Percentile(l.x, row.TTFT.P50)
		p95.Percentile(l.x, row.TTFT.P95)
		p99.Percentile(l.x, row.TTFT.P99)
		rps.Value(l.x, &l.rps)
	}
	for i, label := range []string{"p99/p50 rule", "saturation", "open loop"} {
		if v := knees[i].Value; v != nil {
			p.Marks = append(p.Marks, verdict.Mark{X: *v, Label: label})
		}
	}
	x.Marks = p.Marks
	p.Series = []verdict.Series{*p50, *p95, *p99}
	x.Series = []verdict.Series{*rps}
	return verdict.Figure{Name: "knees_" + stack, Title: "H0: TTFT and throughput against concurrency, stack " + stack, Panels: []verdict.Panel{p, x}}
}
