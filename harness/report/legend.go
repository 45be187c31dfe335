package report

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"sparkharness/harness/verdict"
)

const (
	swatchWidth = vg.Length(22)
	swatchGap   = vg.Length(5)
	entryGap    = vg.Length(16)
)

// legendRows breaks series into rows whose entries are at most width wide.
func legendRows(series []verdict.Series, width vg.Length) [][]verdict.Series {
	var rows [][]verdict.Series
	var used vg.Length
	for _, s := range series {
		w := entryWidth(s.Name)
		if len(rows) == 0 || used+w > width {
			rows, used = append(rows, nil), 0
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], s)
		used += w
	}
	return rows
}

func entryWidth(name string) vg.Length {
	return swatchWidth + swatchGap + typeface(9.5, false, ink).Width(legendText(name)) + entryGap
}

// legendText is a name as the legend has it: half of the figure at most.
func legendText(name string) string { return fit(typeface(9.5, false, ink), name, figureWidth/2) }

// drawLegendRow draws along the top of c what each series looks like, with its name.
func (p panel) drawLegendRow(c draw.Canvas, row []verdict.Series) {
	style := typeface(9.5, false, ink)
	x, y := c.Min.X, c.Max.Y-9
	for _, s := range row {
		l := curve{s, p.byName[s.Name]}
		if l.isLine() {
			c.StrokeLine2(l.line, x, y+3, x+swatchWidth, y+3)
		}
		if !l.isLine() || len(s.X) < denseAt {
			c.DrawGlyphNoClip(l.glyph, vg.Point{X: x + swatchWidth/2, Y: y + 3})
		}
		c.FillText(style, vg.Point{X: x + swatchWidth + swatchGap, Y: y}, legendText(s.Name))
		x += entryWidth(s.Name)
	}
}
