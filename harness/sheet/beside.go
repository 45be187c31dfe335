package sheet

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// Apart is from which difference on two figures are marked, as a share of the real one.
const Apart = 0.20

// armPair is an arm of the real run and the same one of each simulated run.
type armPair struct {
	real *Arm
	sims []*Arm
}

// Beside writes, cell by cell, what the run on a real drive showed and what the same one on the modelled drive does, with the ratio of
// the two, as Markdown. Of several simulated runs, with other seeds, it is their mean, with the least and the most. It refuses runs of
// other hypotheses, plans, models, stacks or machines: their figures differ by more than the drive.
func (r *Run) Beside(w io.Writer, simulated ...*Run) error {
	if len(simulated) == 0 {
		return errors.New("no simulated run to compare with")
	}
	for _, s := range simulated {
		if err := r.like(s); err != nil {
			return err
		}
		if err := simulated[0].sameDrive(s); err != nil {
			return err
		}
	}
	pairs, alone := r.pairs(simulated)
	if len(pairs) == 0 {
		return fmt.Errorf("%s and %s have no cell in common: %s", r.Evidence.Plan.RunID, simulated[0].Evidence.Plan.RunID, strings.Join(alone, "; "))
	}
	var b strings.Builder
	r.besideHead(&b, simulated)
	b.WriteString("\n\n## Latencies\n\n")
	g := grid{heads: besideHeads("figure"), keys: 2}
	marked := 0
	for _, p := range pairs {
		for _, f := range besideFigures {
			l := besideLine{name: f.name}
			x := r.Evidence.Row(p.real.Group)
			l.real, l.realPct = f.of(&x)
			for i, a := range p.sims {
				y := simulated[i].Evidence.Row(a.Group)
				v, pct := f.of(&y)
				l.sims, l.simPct = append(l.sims, v), pct
			}
			if l.add(&g, p.real.Name()) {
				marked++
			}
		}
	}
	g.write(&b)
	fmt.Fprintf(&b, "\nMarked (<>) are figures of which the simulated one is more than %.0f %% above or below the real one; there are %d. In brackets: "+
		"of a run 95 %%, by order statistics; of several simulated runs, whose mean it is, the least and the most.\n", 100*Apart, marked)
	for _, a := range alone {
		b.WriteString("\nLeft out: " + escaped(a) + ".\n")
	}
	b.WriteString("\n## What a fetch is made of\n\n")
	besideFetches(&b, pairs)
	_, err := io.WriteString(w, b.String())
	return err
}

// besideFigures are those that are compared.
var besideFigures = []struct {
	name string
	of   func(*evidence.Row) (*float64, *evidence.Percentile)
}{
	{"tier-2 fetch p50, ms", func(r *evidence.Row) (*float64, *evidence.Percentile) { return r.FetchP50MS, nil }},
	{"tier-2 fetch p95, ms", func(r *evidence.Row) (*float64, *evidence.Percentile) { return r.FetchP95MS, nil }},
	{"TTFT p50, ms", func(r *evidence.Row) (*float64, *evidence.Percentile) { return value(r.TTFT.P50), r.TTFT.P50 }},
	{"TTFT p99, ms", func(r *evidence.Row) (*float64, *evidence.Percentile) { return value(r.TTFT.P99), r.TTFT.P99 }},
}

func value(p *evidence.Percentile) *float64 {
	if p == nil {
		return nil
	}
	return p.Value
}

// besideFetches prints what fetches are made of, of the arms that fetch in all runs.
func besideFetches(b *strings.Builder, pairs []armPair) {
	g := grid{heads: besideHeads("figure, mean"), keys: 2}
	for _, p := range pairs {
		real := p.real.fetch()
		var sims [][]part
		for _, a := range p.sims {
			sims = append(sims, a.fetch())
		}
		if slices.ContainsFunc(sims, func(of []part) bool { return len(of) != len(real) }) {
			continue
		}
		for i, f := range real {
			l := besideLine{name: f.name, real: f.value}
			for _, s := range sims {
				l.sims = append(l.sims, s[i].value)
			}
			l.add(&g, p.real.Name())
		}
	}
	if len(g.rows) == 0 {
		b.WriteString("No cell fetched from tier 2 in all runs.\n")
		return
	}
	g.write(b)
	b.WriteString("\nOf a read beside its software the wait for a limit is part, the kernel's CPU time is not: that is the loader's. r_await is the drive's own time " +
		"of a request: where the two differ, the drive was another one when it was measured, or it is no such queue. A read on the idle drive is the median of " +
		"those before and after cells, CPU time included, to be held against what the drive's file says. Fetches wait while the loader works for others, so " +
		"that whatever makes a transfer longer makes the wait longer still.\n")
}

// besideHead says which runs they are.
func (r *Run) besideHead(b *strings.Builder, simulated []*Run) {
	real, first := r.Evidence, simulated[0].Evidence
	fmt.Fprintf(b, "# %s on a real drive and on a modelled one\n\nReal: %s, %s, %d cells. Simulated, drive %s: ", escaped(real.Plan.Hypothesis),
		escaped(real.Plan.RunID), escaped(real.Plan.Facts.Origin), len(real.Cells), escaped(modelled(first.Exp)))
	for i, s := range simulated {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(b, "%s, %d cells", escaped(s.Evidence.Plan.RunID), len(s.Evidence.Cells))
	}
	b.WriteString(".")
	if t := first.Exp.Twin; t != nil && t.Drive != nil {
		fmt.Fprintf(b, " Of that drive: %s.", escaped(t.Drive.Note))
	}
	for _, s := range simulated {
		for _, n := range r.otherRun(s) {
			b.WriteString("\n\nNote: " + n)
		}
	}
}

// besideHeads are the headings of a table; figures name their unit.
func besideHeads(figure string) []string {
	return []string{"cell", figure, "real", "simulated", "simulated / real, ratio", "apart"}
}

// besideLine is a figure of all runs, nil where one does not have it, with its interval where there is one.
type besideLine struct {
	name            string
	real            *float64
	sims            []*float64
	realPct, simPct *evidence.Percentile
}

// add adds it if one of the runs has the figure, and tells whether it is marked.
func (l *besideLine) add(g *grid, cell string) (marked bool) {
	sim, shown := l.simulated()
	if l.real == nil && sim == nil {
		return false
	}
	mark := ""
	if l.real != nil && sim != nil && *l.real > 0 && math.Abs(*sim / *l.real - 1) > Apart {
		mark, marked = "<>", true
	}
	g.add(cell, l.name, l.shown(l.real, l.realPct), shown, ratio(sim, l.real, 1), mark)
	return marked
}

// simulated is the figure of the simulated runs, their mean if they are several, and how it is shown.
func (l *besideLine) simulated() (*float64, string) {
	if len(l.sims) == 1 {
		return l.sims[0], l.shown(l.sims[0], l.simPct)
	}
	var told []float64
	sum := 0.0
	for _, v := range l.sims {
		if v != nil {
			told = append(told, *v)
			sum += *v
		}
	}
	mean := record.Over(&sum, float64(len(told)))
	if mean == nil {
		return nil, none
	}
	least, most := slices.Min(told), slices.Max(told)
	return mean, l.shown(mean, nil) + " [" + l.shown(&least, nil) + ", " + l.shown(&most, nil) + "]"
}

func (l *besideLine) shown(v *float64, p *evidence.Percentile) string {
	switch {
	case p != nil:
		return percentile(p)
	case v != nil && strings.HasSuffix(l.name, ", count"):
		return count(int(math.Round(*v)))
	}
	return opt(v, 1)
}

// part is a mean of an arm's fetches.
type part struct {
	name  string
	value *float64
}

// fetch are the parts of an arm's fetches, none without any; a value is nil where it is not told.
func (a *Arm) fetch() []part {
	m := &a.Measure
	if m.Fetches == nil || *m.Fetches == 0 {
		return nil
	}
	each := func(sum *float64, factor float64) *float64 {
		if sum == nil {
			return nil
		}
		return new(*sum / *m.Fetches * factor)
	}
	var await *float64
	if m.DeviceRead.ios > 0 {
		await = record.Over(&m.DeviceRead.ms, m.DeviceRead.ios)
	}
	return []part{{"fetches, count", m.Fetches}, {"KV of a fetch, MiB", each(m.KVRead, 1.0/(1<<20))}, {"wait for the loader, ms", each(m.FetchWait, 1)},
		{"transfer, ms", each(m.FetchMove, 1)}, {"of it a read beside its software, ms", a.besideSoftware()}, {"r_await of the drive, ms", await},
		{"read of 128 KiB on the idle drive, ms", a.idleRead()}}
}

// besideSoftware is what of a transfer falls on each of the loader's reads beside its software time, ms: they come one after another, as
// many at a time as configured. The manager that keeps files has threads in place of that.
func (a *Arm) besideSoftware() *float64 {
	m, d := &a.Measure, a.Stack.Dynamo
	if d == nil || d.Offload != nil || m.KVRead == nil || *m.KVRead == 0 || m.FetchMove == nil {
		return nil
	}
	at := a.reading()
	return new(*m.FetchMove/(*m.KVRead/at.request)*at.depth - d.Loader.SoftwareTimePerIO.Seconds()*1e3)
}

// idleRead is the median of what reads of the idle real drive took before cells and after them, ms, its mean over cells; nil without any.
func (a *Arm) idleRead() *float64 {
	var sum float64
	n := 0
	for _, c := range a.Cells {
		if u := c.Info.Storage; u != nil {
			for _, idle := range u.Idle {
				sum, n = sum+idle.P50US/1e3, n+1
			}
		}
	}
	return record.Over(&sum, float64(n))
}
