package harness

import (
	"slices"
	"strconv"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// Group is a cell with its repetitions.
type Group struct {
	Cell  record.Cell // without rep
	Cells []*CellData // by repetition
}

// Groups returns the cells grouped over repetitions, in the order of stack, context and load.
func (ev *Evidence) Groups() []*Group {
	byKey := map[string]*Group{}
	var out []*Group
	for _, c := range ev.Cells {
		key := c.Cell.Without("rep")
		g := byKey[key.String()]
		if g == nil {
			g = &Group{Cell: key}
			byKey[key.String()] = g
			out = append(out, g)
		}
		g.Cells = append(g.Cells, c)
	}
	slices.SortFunc(out, func(a, b *Group) int { return compareCells(a.Cell, b.Cell) })
	for _, g := range out {
		slices.SortFunc(g.Cells, func(a, b *CellData) int { return a.Rep - b.Rep })
	}
	return out
}

// InOrderOfSweep are the groups as tables show them: levels that are names or lengths of time come in the order
// in which the sweep lists them, such as none, moderate, heavy.
func (ev *Evidence) InOrderOfSweep() []*Group {
	s := ev.Exp.Hypothesis.Sweep
	listed := map[string][]string{factorPhase: s.Phase, factorPolicy: s.Policy, factorFio: s.Fio}
	for _, c := range s.Cadence {
		listed[factorCadence] = append(listed[factorCadence], c.String())
	}
	place := func(c record.Cell) record.Cell {
		out := slices.Clone(c)
		for i, f := range out {
			if at := slices.Index(listed[f.Name], f.Level); at >= 0 {
				out[i].Level = strconv.Itoa(at)
			}
		}
		return out
	}
	groups := ev.Groups()
	slices.SortStableFunc(groups, func(a, b *Group) int { return compareCells(place(a.Cell), place(b.Cell)) })
	return groups
}

// compareCells orders cells factor by factor, numbers and sizes by their value. Cells with other factors
// (open and closed loops) sort by the factor's name.
func compareCells(a, b record.Cell) int {
	for i := range min(len(a), len(b)) {
		if a[i].Name != b[i].Name {
			return compareStrings(a[i].Name, b[i].Name)
		}
		x, xok := magnitude(a[i].Level)
		y, yok := magnitude(b[i].Level)
		switch {
		case xok && yok && x != y:
			if x < y {
				return -1
			}
			return 1
		case a[i].Level != b[i].Level && !(xok && yok):
			return compareStrings(a[i].Level, b[i].Level)
		}
	}
	return len(a) - len(b)
}

// magnitude is the value of a level that is a number or a size.
func magnitude(level string) (float64, bool) {
	if v, err := strconv.ParseFloat(level, 64); err == nil {
		return v, true
	}
	if size, err := config.ParseSize(level); err == nil {
		return float64(size), true
	}
	return 0, false
}

func compareStrings(a, b string) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// Stack is the group's stack.
func (g *Group) Stack() string { return g.Cells[0].Stack }

// Users is the number of users of a closed loop, 0 in an open one.
func (g *Group) Users() int { return g.Cells[0].Users }

// Open reports whether the load is an open loop.
func (g *Group) Open() bool { return g.Cells[0].RateRPS != nil }

// TTFT are the repetitions' TTFT values for the bootstrap.
func (g *Group) TTFT() []stats.Rep {
	out := make([]stats.Rep, 0, len(g.Cells))
	for _, c := range g.Cells {
		out = append(out, c.TTFT())
	}
	return out
}

// Observations are the pooled TTFT values.
func (g *Group) Observations() []stats.Obs {
	var out []stats.Obs
	for _, c := range g.Cells {
		for _, p := range c.TTFT() {
			out = append(out, stats.Obs{V: p.V, Censored: p.Censored})
		}
	}
	return out
}

// Percentile is the pooled TTFT percentile, ms; ok is false without any observation.
func (g *Group) Percentile(p float64) (v float64, ok bool) {
	e, err := stats.EstimatePercentile(g.Observations(), p, confidence)
	return e.Value, err == nil
}
