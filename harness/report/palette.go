package report

import (
	"image/color"

	"sparkharness/harness/verdict"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The neutral colours of a figure. Each is used for one purpose, so that a page can replace it by its own.
var (
	paper = color.RGBA{R: 0xFF, G: 0xFF, B: 0xFF, A: 0xFF}
	ink   = color.RGBA{R: 0x1B, G: 0x1F, B: 0x24, A: 0xFF} // titles
	faint = color.RGBA{R: 0x57, G: 0x60, B: 0x6A, A: 0xFF} // axes, marks, notes
	grid  = color.RGBA{R: 0xE4, G: 0xE7, B: 0xEB, A: 0xFF}
)

// seriesColors are the colours of Okabe & Ito 2008, "Color Universal Design", which remain distinct in the
// common colour vision deficiencies; its yellow and black are left out: the one vanishes on white paper,
// the other on black.
var seriesColors = []color.RGBA{
	{R: 0x00, G: 0x72, B: 0xB2, A: 0xFF}, // blue
	{R: 0xD5, G: 0x5E, B: 0x00, A: 0xFF}, // vermilion
	{R: 0x00, G: 0x9E, B: 0x73, A: 0xFF}, // bluish green
	{R: 0xCC, G: 0x79, B: 0xA7, A: 0xFF}, // reddish purple
	{R: 0xE6, G: 0x9F, B: 0x00, A: 0xFF}, // orange
	{R: 0x56, G: 0xB4, B: 0xE9, A: 0xFF}, // sky blue
}

// seriesGlyphs differ in shape, so that a print without colour can be read too.
var seriesGlyphs = []draw.GlyphDrawer{
	draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{},
}

// look is how a series is drawn.
type look struct {
	line  draw.LineStyle
	glyph draw.GlyphStyle
}

// lookOf gives the i-th name of a figure its look; after the colours are used up they return dashed.
func lookOf(i int) look {
	c := seriesColors[i%len(seriesColors)]
	l := look{
		line:  draw.LineStyle{Color: c, Width: vg.Points(1.6)},
		glyph: draw.GlyphStyle{Color: c, Radius: vg.Points(2.8), Shape: seriesGlyphs[i%len(seriesGlyphs)]},
	}
	if i/len(seriesColors)%2 == 1 {
		l.line.Dashes = []vg.Length{vg.Points(5), vg.Points(3)}
	}
	return l
}

// looks gives each series name of a figure one look, the same in every panel.
func looks(f verdict.Figure) map[string]look {
	byName := map[string]look{}
	for _, p := range f.Panels {
		for _, s := range p.Series {
			if _, ok := byName[s.Name]; !ok {
				byName[s.Name] = lookOf(len(byName))
			}
		}
	}
	return byName
}

// typeface is Liberation Sans, which gonum brings along, in a size and a colour.
func typeface(size float64, bold bool, c color.Color) text.Style {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(size)}
	if bold {
		f.Weight = 3 // WeightBold of golang.org/x/image/font
	}
	return text.Style{Color: c, Font: f, Handler: text.Plain{Fonts: font.DefaultCache}}
}

// fit shortens s until it is at most width wide.
func fit(style text.Style, s string, width vg.Length) string {
	s = clean(s)
	if style.Width(s) <= width {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && style.Width(string(runes)+"…") > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}
