package report

import (
	"cmp"
	"slices"

	"sparkharness/harness/verdict"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// sortedMarks are the panel's marks from left to right.
func (p panel) sortedMarks() []verdict.Mark {
	marks := slices.Clone(p.Marks)
	slices.SortStableFunc(marks, func(a, b verdict.Mark) int { return cmp.Compare(a.X, b.X) })
	return marks
}

// markRows is the number of rows that the labels of the marks need. Each mark has a row to itself: knees
// stand close together, and that is what the reader wants to see.
func (p panel) markRows() int { return len(p.Marks) }

// drawMarks draws a vertical line through data for each mark, up to its label below top. The leftmost has
// the highest label, so that no line crosses a label that starts left of it.
func (p panel) drawMarks(data draw.Canvas, top vg.Length) {
	style := typeface(9, false, faint)
	line := draw.LineStyle{Color: faint, Width: vg.Points(0.9), Dashes: []vg.Length{3, 2.5}}
	marks := p.sortedMarks()
	toX, _ := p.plot.Transforms(&data)
	for i, m := range marks {
		x := toX(m.X)
		c := vg.Length(i) * rowHeight
		data.StrokeLine2(line, x, data.Min.Y, x, top-c-2)
	}
	for i, m := range marks {
		x, y := toX(m.X)+4, top-vg.Length(i)*rowHeight-10
		text := fit(style, m.Label, data.Size().X)
		w := style.Width(text)
		if over := x + w - data.Max.X; over > 0 {
			x -= over
			// The label stands across lines: paper behind it keeps it readable.
			fillRect(data, vg.Rectangle{Min: vg.Point{X: x - 2, Y: y - 3}, Max: vg.Point{X: x + w + 2, Y: y + 9}}, paper)
		}
		data.FillText(style, vg.Point{X: x, Y: y}, text)
	}
}
