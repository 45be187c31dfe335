package report

import (
	"bytes"
	"fmt"
	"html"
	"image/color"
	"strings"

	"sparkharness/harness/verdict"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Sizes of a figure in points.
const (
	figureWidth  = vg.Length(720)
	figureMargin = vg.Length(12)
	panelHeight  = vg.Length(205) // axes and their labels, without heading, legend and marks
	panelGap     = vg.Length(16)
	rowHeight    = vg.Length(14) // of a row of the legend or of mark labels
	headHeight   = vg.Length(18) // of a panel's heading
	titleHeight  = vg.Length(28)
	noteHeight   = vg.Length(12)
)

// drawing is a finished figure: an SVG element with the figure's title, on white paper, its text in
// Liberation Sans or what stands in for it.
type drawing struct {
	element  []byte
	warnings []string // values that are not drawn, because nothing measured can have them
}

// drawFigure draws the panels of f below each other, and the note at the bottom.
func drawFigure(f verdict.Figure, note string) (drawing, error) {
	panels := make([]panel, len(f.Panels))
	notes := []string{note}
	var warnings []string
	height := 2*figureMargin + titleHeight
	byName := looks(f)
	for i, p := range f.Panels {
		a, err := newAxes(p)
		if err != nil {
			return drawing{}, fmt.Errorf("panel %d: %w", i+1, err)
		}
		panels[i] = newPanel(a, byName)
		height += panels[i].height() + panelGap
		plain, absurd := a.notes()
		for _, n := range append(plain, absurd...) {
			notes = append(notes, fmt.Sprintf("panel %d: %s", i+1, n))
		}
		warnings = append(warnings, notes[len(notes)-len(absurd):]...)
	}
	height += noteHeight * vg.Length(len(notes))

	canvas := vgsvg.New(figureWidth, height)
	c := draw.New(canvas)
	fillRect(c, c.Rectangle, paper)
	c = draw.Crop(c, figureMargin, -figureMargin, figureMargin, -figureMargin)

	title := typeface(13, true, ink)
	c.FillText(title, vg.Point{X: c.Min.X, Y: c.Max.Y - 13}, fit(title, f.Title, c.Size().X))
	top := c.Max.Y - titleHeight
	left := widestLeft(panels)
	for _, p := range panels {
		bottom := top - p.height()
		p.draw(draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: c.Min.X, Y: bottom}, Max: vg.Point{X: c.Max.X, Y: top}}}, left)
		top = bottom - panelGap
	}
	small := typeface(8, false, faint)
	for i, n := range notes {
		y := c.Min.Y + noteHeight*vg.Length(len(notes)-1-i) + 2
		c.FillText(small, vg.Point{X: c.Min.X, Y: y}, fit(small, n, c.Size().X))
	}

	var buf bytes.Buffer
	if _, err := canvas.WriteTo(&buf); err != nil {
		return drawing{}, err
	}
	d := newDrawing(buf.Bytes(), f.Title)
	d.warnings = warnings
	return d, nil
}

// newDrawing takes the SVG element out of a document, names it for readers who hear it, and gives its text
// fonts of the same widths where Liberation Sans is not installed.
func newDrawing(doc []byte, title string) drawing {
	_, rest, _ := bytes.Cut(doc, []byte("<svg"))
	open, body, _ := bytes.Cut(rest, []byte(">"))
	body = bytes.ReplaceAll(body, []byte("font-family:Liberation Sans;font-variant:normal;"),
		[]byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"))
	var b bytes.Buffer
	fmt.Fprintf(&b, "<svg role=\"img\"%s>\n<title>%s</title>%s", open, html.EscapeString(clean(title)), body)
	return drawing{element: b.Bytes()}
}

// file is the drawing as a file of its own.
func (d drawing) file() []byte {
	return append([]byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"), d.element...)
}

// inline is the drawing for a page that defines the colours --paper, --ink, --faint and --grid, so that it
// follows the page into a dark theme.
func (d drawing) inline() string {
	var pairs []string
	for _, n := range []struct {
		c    color.RGBA
		name string
	}{{paper, "paper"}, {ink, "ink"}, {faint, "faint"}, {grid, "grid"}} {
		hex := fmt.Sprintf("#%02X%02X%02X", n.c.R, n.c.G, n.c.B)
		pairs = append(pairs, "fill:"+hex, "fill:var(--"+n.name+")", "stroke:"+hex, "stroke:var(--"+n.name+")")
	}
	return strings.NewReplacer(pairs...).Replace(string(d.element))
}

func fillRect(c draw.Canvas, r vg.Rectangle, fill color.Color) {
	c.FillPolygon(fill, []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}})
}

// panel is one pair of axes with what stands above it: a heading, a legend and the labels of the marks.
type panel struct {
	axes
	plot   *plot.Plot
	byName map[string]look
	legend [][]verdict.Series // by row
}

func newPanel(a axes, byName map[string]look) panel {
	p := panel{axes: a, plot: plot.New(), byName: byName}
	p.plot.BackgroundColor = nil
	for _, axis := range []*plot.Axis{&p.plot.X, &p.plot.Y} {
		label := axis.Tick.Label
		axis.Tick.Label = typeface(9, false, faint)
		axis.Tick.Label.XAlign, axis.Tick.Label.YAlign = label.XAlign, label.YAlign
		axis.LineStyle = draw.LineStyle{Color: faint, Width: vg.Points(0.8)}
		axis.Tick.LineStyle = axis.LineStyle
		axis.Tick.Length = 4
		axis.Padding = 0
	}
	p.plot.X.Tick.Label.YAlign *= 1.2 // a little below the tick
	// The grid would lie on top of gonum's axis lines; draw draws the one that is wanted.
	p.plot.X.LineStyle.Width, p.plot.Y.LineStyle.Width = 0, 0
	p.plot.Y.Label.TextStyle = typeface(9, false, faint) // measured, though the heading is its label
	p.plot.X.Label.TextStyle = typeface(9.5, false, ink)
	p.plot.X.Label.TextStyle.XAlign = draw.XCenter
	p.plot.X.Label.Padding = 3
	p.plot.X.Label.Text = fit(p.plot.X.Label.TextStyle, a.XLabel, figureWidth-140)

	length := figureWidth - 2*figureMargin - 40
	a.setX(p.plot, length)
	a.setY(p.plot, panelHeight-36)

	lines := plotter.NewGrid()
	lines.Vertical.Width = 0
	lines.Horizontal = draw.LineStyle{Color: grid, Width: vg.Points(0.7)}
	p.plot.Add(lines)
	p.legend = legendRows(a.Series, figureWidth-2*figureMargin)
	return p
}

// height is that of the whole panel.
func (p panel) height() vg.Length {
	return headHeight + rowHeight*vg.Length(len(p.legend)+p.markRows()) + panelHeight
}

// left is the room that the panel's y labels take.
func (p panel) left() vg.Length {
	probe := draw.Canvas{Rectangle: vg.Rectangle{Max: vg.Point{X: figureWidth, Y: panelHeight}}}
	return p.plot.DataCanvas(probe).Min.X
}

// widestLeft is the room that all panels must leave, so that their x axes stand below each other.
func widestLeft(panels []panel) vg.Length {
	var w vg.Length
	for _, p := range panels {
		w = max(w, p.left())
	}
	return w
}

// draw draws the panel into c with its data left points from its edge.
func (p panel) draw(c draw.Canvas, left vg.Length) {
	head := typeface(10, true, ink)
	c.FillText(head, vg.Point{X: c.Min.X, Y: c.Max.Y - 10}, fit(head, p.YLabel, c.Size().X))
	c.Max.Y -= headHeight
	for _, row := range p.legend {
		p.drawLegendRow(c, row)
		c.Max.Y -= rowHeight
	}
	marksTop := c.Max.Y
	c.Max.Y -= rowHeight * vg.Length(p.markRows())

	area := draw.Crop(c, left-p.left(), 0, 0, 0)
	data := p.plot.DataCanvas(area)
	p.plot.Draw(area)
	data.StrokeLine2(p.plot.X.Tick.LineStyle, data.Min.X, data.Min.Y, data.Max.X, data.Min.Y)
	p.drawMarks(data, marksTop)
	p.drawLevels(data)
	for _, s := range p.Series {
		curve{s, p.byName[s.Name]}.Plot(data, p.plot)
	}
	if len(p.xs()) == 0 {
		style := typeface(10, false, faint)
		style.XAlign = draw.XCenter
		c.FillText(style, data.Center(), "no data")
	}
}
