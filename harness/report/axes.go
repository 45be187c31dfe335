package report

import (
	"fmt"
	"math"
	"slices"

	"sparkharness/harness/verdict"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

// axes is a panel made fit to draw: every number is finite and of a size that an axis can show, and positive where its
// axis is logarithmic.
type axes struct {
	verdict.Panel
	notPositive int // values that a logarithmic axis has no place for
	absurd      int // values that no axis has a place for
}

// Sizes that an axis can show. What is measured here is 1e-6 to 1e13, in ms, in tokens or in bytes; a scale of many more
// decades would show nothing else, and the largest numbers have no range at all.
const (
	largest  = 1e15
	smallest = 1e-15 // on a logarithmic axis
)

// newAxes takes from a panel what cannot be drawn and counts it.
func newAxes(p verdict.Panel) (axes, error) {
	a := axes{Panel: p}
	a.Series, a.Marks, a.Levels = nil, nil, nil
	for _, s := range p.Series {
		if err := checkSeries(s); err != nil {
			return a, err
		}
		kept := verdict.Series{Name: s.Name}
		for k := range s.X {
			if !a.keeps(s.X[k], p.LogX) || !a.keeps(s.Y[k], p.LogY) {
				continue
			}
			kept.X, kept.Y = append(kept.X, s.X[k]), append(kept.Y, s.Y[k])
			if len(s.Lo) > 0 {
				kept.Lo = append(kept.Lo, drawableBound(s.Lo[k], p.LogY))
			}
			if len(s.Hi) > 0 {
				kept.Hi = append(kept.Hi, drawableBound(s.Hi[k], p.LogY))
			}
		}
		a.Series = append(a.Series, kept)
	}
	for _, m := range p.Marks {
		if a.keeps(m.X, p.LogX) {
			a.Marks = append(a.Marks, m)
		}
	}
	for _, l := range p.Levels {
		if a.keeps(l.Y, p.LogY) {
			a.Levels = append(a.Levels, l)
		}
	}
	return a, nil
}

// keeps reports whether a value has a place on an axis, and counts it if it has none.
func (a *axes) keeps(v float64, log bool) bool {
	switch {
	case drawable(v, log):
		return true
	case drawable(v, false) && v <= 0:
		a.notPositive++
	default:
		a.absurd++
	}
	return false
}

func drawable(v float64, log bool) bool {
	return math.Abs(v) <= largest && (!log || v >= smallest) // no comparison is true of NaN
}

// drawableBound is b, or nil, which draws as open, where the axis has no place for it.
func drawableBound(b *float64, log bool) *float64 {
	if b == nil || !drawable(*b, log) {
		return nil
	}
	return b
}

// notes say what was not drawn, none if everything was. Those of values that nothing measured can have are warnings.
func (a axes) notes() (plain, warnings []string) {
	values := func(n int) string {
		if n == 1 {
			return "1 value"
		}
		return fmt.Sprint(n, " values")
	}
	if a.notPositive > 0 {
		plain = append(plain, values(a.notPositive)+" not drawn: not positive on a logarithmic axis")
	}
	if a.absurd > 0 {
		warnings = append(warnings, fmt.Sprintf("%s not drawn: not a number, or of a size that nothing here has (%g to %g)",
			values(a.absurd), smallest, largest))
	}
	return plain, warnings
}

// xs are the x of all points, sorted, each once.
func (a axes) xs() []float64 {
	var v []float64
	for _, s := range a.Series {
		v = append(v, s.X...)
	}
	slices.Sort(v)
	return slices.Compact(v)
}

// xRange is the range of the x axis, marks included.
func (a axes) xRange() (lo, hi float64) {
	v := a.xs()
	for _, m := range a.Marks {
		v = append(v, m.X)
	}
	return padded(v, a.LogX, 0.04, 0.04)
}

// yRange is the range of the y axis, bounds and levels included. A linear axis of values that are not negative starts
// at 0: a difference must not look larger than it is.
func (a axes) yRange() (lo, hi float64) {
	var v []float64
	for _, s := range a.Series {
		v = append(v, s.Y...)
		for _, list := range [][]*float64{s.Lo, s.Hi} {
			for _, b := range list {
				if b != nil {
					v = append(v, *b)
				}
			}
		}
	}
	for _, l := range a.Levels {
		v = append(v, l.Y)
	}
	lo, hi = padded(v, a.LogY, 0.06, 0.08)
	if !a.LogY && len(v) > 0 && slices.Min(v) >= 0 {
		lo = 0
	}
	return lo, hi
}

// padded is the range of v with a share of its length added below and above; a range without length is
// widened, and an empty one is 0 to 1, or 1 to 10 on a logarithmic axis.
func padded(v []float64, log bool, below, above float64) (lo, hi float64) {
	if len(v) == 0 {
		if log {
			return 1, 10
		}
		return 0, 1
	}
	lo, hi = slices.Min(v), slices.Max(v)
	if log {
		l, h := math.Log(lo), math.Log(hi)
		if h-l < 0.1 {
			l, h = l-math.Ln2, h+math.Ln2
		}
		return math.Exp(l - below*(h-l)), math.Exp(h + above*(h-l))
	}
	length := hi - lo
	if length <= 1e-9*math.Abs(hi) {
		length = math.Max(math.Abs(hi), 1)
	}
	return lo - below*length, hi + above*length
}

// setX and setY give p the panel's range, scale and ticks. length is that of the drawn axis.
func (a axes) setX(p *plot.Plot, length vg.Length) {
	p.X.Min, p.X.Max = a.xRange()
	ticks := linearTicks(p.X.Min, p.X.Max)
	if a.LogX {
		p.X.Scale = plot.LogScale{}
		ticks = logTicks(p.X.Min, p.X.Max)
	}
	width := func(s string) float64 { return float64(p.X.Tick.Label.Width(s)) }
	// The levels of a sweep say more than round numbers. On a linear axis they are used if all fit.
	if levels := levelTicks(a.xs()); len(levels) > 0 && len(levels) <= maxLevels &&
		(a.LogX || !crowded(levels, p.X.Norm, float64(length), width)) {
		ticks = levels
	}
	p.X.Tick.Marker = plot.ConstantTicks(thinned(ticks, p.X.Norm, float64(length), width))
}

func (a axes) setY(p *plot.Plot, length vg.Length) {
	p.Y.Min, p.Y.Max = a.yRange()
	ticks := linearTicks(p.Y.Min, p.Y.Max)
	if a.LogY {
		p.Y.Scale = plot.LogScale{}
		ticks = logTicks(p.Y.Min, p.Y.Max)
	}
	height := func(s string) float64 { return float64(p.Y.Tick.Label.Height(s)) }
	p.Y.Tick.Marker = plot.ConstantTicks(thinned(ticks, p.Y.Norm, float64(length), height))
}
