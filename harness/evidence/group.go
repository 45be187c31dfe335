package evidence

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
	Cells []*Cell     // by repetition
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
		slices.SortFunc(g.Cells, func(a, b *Cell) int { return a.Rep - b.Rep })
	}
	return out
}

// InOrderOfSweep are the groups as tables show them: levels that are names or lengths of time come in the order
// in which the sweep lists them, such as none, moderate, heavy.
func (ev *Evidence) InOrderOfSweep() []*Group {
	listed := map[string][]string{}
	for _, f := range config.Factors() {
		if f.Listed {
			listed[f.Name] = f.Levels(ev.Exp)
		}
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

// E2E are the repetitions' end-to-end latencies for the bootstrap.
func (g *Group) E2E() []stats.Rep {
	out := make([]stats.Rep, 0, len(g.Cells))
	for _, c := range g.Cells {
		out = append(out, c.E2E())
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
	e, err := stats.EstimatePercentile(g.Observations(), p, Confidence)
	return e.Value, err == nil
}

// MeanE2E is the mean latency of the answered requests, ms; ok is false without any.
func (g *Group) MeanE2E() (ms float64, ok bool) {
	total, n := 0.0, 0
	for _, c := range g.Cells {
		for i := range c.Requests {
			if c.Requests[i].RC == record.RCOK && c.Requests[i].HasE2E {
				total += c.Requests[i].E2E
				n++
			}
		}
	}
	if n == 0 {
		return 0, false
	}
	return total / float64(n), true
}

// ReadReps are the NVMe reads/s of a group's measure phases, in bins of a second.
func (g *Group) ReadReps() []stats.Rep {
	out := make([]stats.Rep, 0, len(g.Cells))
	for _, c := range g.Cells {
		out = append(out, c.Sys.Measure.Reads)
	}
	return out
}

// TrafficReps are the bytes/s of a traffic of a group's measure phases, in bins of a second (Traffic.Bins), a repetition
// each; nil where one of them has none, because what is told of some repetitions alone is told of none.
func (g *Group) TrafficReps(of func(*PhaseSums) *Traffic) []stats.Rep {
	out := make([]stats.Rep, 0, len(g.Cells))
	for _, c := range g.Cells {
		t := of(&c.Sys.Measure)
		if t.Seconds == 0 {
			return nil
		}
		out = append(out, t.Bins)
	}
	return out
}

// completionBin is the length of the bins in which completions are counted, in s: long enough that the
// request rates of a 70B leave few of them empty.
const completionBin = 10

// CompletionReps are the answered requests per second of a group's measure phases, in bins of the time at
// which the answer was complete.
func (g *Group) CompletionReps() []stats.Rep {
	out := make([]stats.Rep, 0, len(g.Cells))
	for _, c := range g.Cells {
		rep := make(stats.Rep, int(c.Seconds()/completionBin+1e-9))
		for i := range rep {
			rep[i].T = float64(i) * completionBin
		}
		for i := range c.Requests {
			r := &c.Requests[i]
			if r.RC != record.RCOK || !r.HasE2E {
				continue
			}
			if at := int((r.At + r.E2E/1000) / completionBin); at < len(rep) {
				rep[at].V += 1.0 / completionBin
			}
		}
		out = append(out, rep)
	}
	return out
}

// UserLevels are the concurrencies of the closed loops, ascending.
func (ev *Evidence) UserLevels() []int {
	var out []int
	for _, c := range ev.Cells {
		if c.Users > 0 {
			out = append(out, c.Users)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
