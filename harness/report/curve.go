package report

import (
	"image/color"

	"sparkharness/harness/verdict"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// denseAt is the number of points from which a series is drawn without glyphs and with a band.
const denseAt = 40

// curve draws a series: its bounds, its line and its points. It is a plot.Plotter.
type curve struct {
	verdict.Series
	look
}

// Plot implements plot.Plotter.
func (s curve) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	points := make([]vg.Point, len(s.X))
	for i := range s.X {
		points[i] = vg.Point{X: toX(s.X[i]), Y: toY(s.Y[i])}
	}
	line := s.isLine()
	switch {
	case len(s.Lo)+len(s.Hi) == 0:
	case line && len(points) >= denseAt:
		s.band(c, points, toY)
	default:
		s.bars(c, points, toY)
	}
	if line && len(points) > 1 {
		c.StrokeLines(s.line, c.ClipLinesXY(points)...)
		if len(points) >= denseAt {
			return
		}
	}
	glyph := s.glyph
	if len(points) >= denseAt {
		glyph.Radius *= 0.7
	}
	for _, pt := range points {
		c.DrawGlyph(glyph, pt)
	}
}

// isLine reports whether the points are in an order that a line can follow: x grows from point to point, or
// x and y never fall, as in a distribution function. Anything else is a scatter.
func (s curve) isLine() bool {
	grows, never := true, true
	for i := 1; i < len(s.X); i++ {
		grows = grows && s.X[i] > s.X[i-1]
		never = never && s.X[i] >= s.X[i-1] && s.Y[i] >= s.Y[i-1]
	}
	return grows || never
}

// bars draws an error bar at each point; an open bound ends in an arrow.
func (s curve) bars(c draw.Canvas, points []vg.Point, toY func(float64) vg.Length) {
	style := s.line
	style.Width, style.Dashes = vg.Points(0.9), nil
	const reach, half = vg.Length(13), vg.Length(2.5)
	for i, pt := range points {
		for _, side := range []struct {
			list []*float64
			sign vg.Length
		}{{s.Lo, -1}, {s.Hi, 1}} {
			if len(side.list) == 0 {
				continue
			}
			end := pt.Y + side.sign*reach
			b := side.list[i]
			if b != nil {
				end = toY(*b)
			}
			end = min(max(end, c.Min.Y), c.Max.Y)
			c.StrokeLine2(style, pt.X, pt.Y, pt.X, end)
			if b != nil {
				c.StrokeLine2(style, pt.X-half, end, pt.X+half, end)
				continue
			}
			barb := end - side.sign*half*1.4
			c.StrokeLines(style, []vg.Point{{X: pt.X - half, Y: barb}, {X: pt.X, Y: end}, {X: pt.X + half, Y: barb}})
		}
	}
}

// band fills the area between the bounds wherever both are known.
func (s curve) band(c draw.Canvas, points []vg.Point, toY func(float64) vg.Length) {
	fill := color.NRGBAModel.Convert(s.line.Color).(color.NRGBA)
	fill.A = 0x38
	var lower, upper []vg.Point
	flush := func() {
		if len(upper) > 1 {
			area := lower
			for i := len(upper) - 1; i >= 0; i-- {
				area = append(area, upper[i])
			}
			c.FillPolygon(fill, c.ClipPolygonXY(area))
		}
		lower, upper = nil, nil
	}
	for i, pt := range points {
		lo, hi := bound(s.Lo, i), bound(s.Hi, i)
		if lo == nil || hi == nil {
			flush()
			continue
		}
		lower = append(lower, vg.Point{X: pt.X, Y: toY(*lo)})
		upper = append(upper, vg.Point{X: pt.X, Y: toY(*hi)})
	}
	flush()
}
