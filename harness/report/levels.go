package report

import (
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// drawLevels draws a horizontal line through data for each level. Its label is above the line, and below the
// lowest of several, because what they enclose is where the points are expected; at the right end, or at the
// left one where less of the data would lie behind it.
func (p panel) drawLevels(data draw.Canvas) {
	style := typeface(9, false, faint)
	line := draw.LineStyle{Color: faint, Width: vg.Points(0.9), Dashes: []vg.Length{3, 2.5}}
	_, toY := p.plot.Transforms(&data)
	lowest := math.Inf(1)
	for _, l := range p.Levels {
		lowest = min(lowest, l.Y)
	}
	for _, l := range p.Levels {
		y := toY(l.Y)
		data.StrokeLine2(line, data.Min.X, y, data.Max.X, y)
		text := fit(style, l.Label, data.Size().X)
		right := vg.Rectangle{Min: vg.Point{X: data.Max.X - style.Width(text), Y: y + 3}, Max: vg.Point{X: data.Max.X, Y: y + 12}}
		if len(p.Levels) > 1 && l.Y == lowest {
			right = right.Add(vg.Point{Y: -13})
		}
		left := right.Add(vg.Point{X: data.Min.X + 2 - right.Min.X})
		box := right
		if p.behind(data, left) < p.behind(data, right) {
			box = left
		}
		data.FillText(style, box.Min, text)
	}
}

// behind counts how much of the panel's points, lines and marks lies in a rectangle.
func (p panel) behind(data draw.Canvas, r vg.Rectangle) int {
	const steps = 50 // of a line between two points
	toX, toY := p.plot.Transforms(&data)
	n := 0
	count := func(x, y vg.Length) {
		if x >= r.Min.X-3 && x <= r.Max.X+3 && y >= r.Min.Y-3 && y <= r.Max.Y+3 {
			n++
		}
	}
	for _, s := range p.Series {
		joined := curve{Series: s}.isLine()
		for i := range s.X {
			x, y := toX(s.X[i]), toY(s.Y[i])
			count(x, y)
			if !joined || i == 0 {
				continue
			}
			fromX, fromY := toX(s.X[i-1]), toY(s.Y[i-1])
			for k := range steps {
				t := vg.Length(k) / steps
				count(fromX+t*(x-fromX), fromY+t*(y-fromY))
			}
		}
	}
	for _, m := range p.Marks {
		count(toX(m.X), (r.Min.Y+r.Max.Y)/2)
	}
	return n
}
