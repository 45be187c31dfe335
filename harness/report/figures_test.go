package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sparkharness/harness/verdict"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot"
)

// texts are the text elements of an SVG document, which must be well formed.
func texts(t *testing.T, doc []byte) []string {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(doc)))
	var out []string
	depth := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			depth = e.Name.Local == "text"
		case xml.EndElement:
			depth = false
		case xml.CharData:
			if depth {
				out = append(out, string(e))
			}
		}
	}
}

func drawn(t *testing.T, f verdict.Figure) drawing {
	t.Helper()
	d, err := drawFigure(f, "rig=sim clock=virtual world=default: simulated, not measured on hardware")
	require.NoError(t, err)
	return d
}

func TestWriteFigures(t *testing.T) {
	dir := t.TempDir()
	r := sampleH2B()
	require.NoError(t, WriteFigures(dir, r))
	data, err := os.ReadFile(filepath.Join(dir, "figures", "p99_by_context.csv"))
	require.NoError(t, err)
	golden(t, "p99_by_context.csv", data)

	svg, err := os.ReadFile(filepath.Join(dir, "figures", "p99_by_context.svg"))
	require.NoError(t, err)
	labels := texts(t, svg)
	for _, want := range []string{"H2B: TTFT p99 and tier-2 hits against context", "TTFT p99, ms", "context, tokens", "stack A", "stack B",
		"storage knee of B, 2,048 tokens", "a fifth of the blocks", "256", "512", "1,024", "2,048", "4,096",
		"rig=sim clock=virtual world=default: simulated, not measured on hardware"} {
		assert.Contains(t, labels, want)
	}
	assert.Contains(t, string(svg), "stroke:#0072B2")
	assert.Contains(t, string(svg), "stroke:#D55E00")

	again := t.TempDir()
	require.NoError(t, WriteFigures(again, sampleH2B()))
	second, err := os.ReadFile(filepath.Join(again, "figures", "p99_by_context.svg"))
	require.NoError(t, err)
	assert.Equal(t, string(svg), string(second), "the same figure gives the same bytes")
}

func TestFigureNamesStayInTheFolder(t *testing.T) {
	figures := []verdict.Figure{{Name: "../../etc/passwd"}, {Name: ""}, {Name: ".."}, {Name: "a/b"}, {Name: "a\\b"}, {Name: "A_B"}, {Name: ".hidden"},
		{Name: "x\x00y"}, {Name: strings.Repeat("n", 300)}, {Name: "é"}}
	names := figureNames(figures)
	assert.Equal(t, []string{"_.._etc_passwd", "figure", "figure-2", "a_b", "a_b-2", "A_B-3", "hidden", "x_y", strings.Repeat("n", 80), "_"}, names)

	dir := t.TempDir()
	require.NoError(t, WriteFigures(filepath.Join(dir, "run"), &verdict.Judgement{Figures: figures}))
	outside, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, outside, 1)
	written, err := os.ReadDir(filepath.Join(dir, "run", "figures"))
	require.NoError(t, err)
	assert.Len(t, written, 2*len(figures))
}

func TestLogAxesDropWhatIsNotPositive(t *testing.T) {
	f := verdict.Figure{Title: "t", Panels: []verdict.Panel{{YLabel: "y", LogX: true, LogY: true,
		Series: []verdict.Series{{Name: "s", X: []float64{0, 1, 2, 4, 8}, Y: []float64{1, 0, -3, math.NaN(), 5}, Lo: []*float64{nil, nil, nil, nil, ptr(-1)}, Hi: make([]*float64, 5)}},
		Marks:  []verdict.Mark{{X: -1, Label: "nowhere"}}, Levels: []verdict.Level{{Y: 0, Label: "nowhere"}}}}}
	labels := texts(t, drawn(t, f).file())
	assert.Contains(t, labels, "panel 1: 5 values not drawn: not positive on a logarithmic axis")
	assert.Contains(t, labels, "panel 1: 1 value not drawn: not a number, or of a size that nothing here has (1e-15 to 1e+15)")
	assert.NotContains(t, labels, "nowhere")
	assert.Contains(t, labels, "8", "the point that is left")
}

func TestFiguresOfLittleData(t *testing.T) {
	point := func(x, y float64) verdict.Panel {
		return verdict.Panel{Series: []verdict.Series{{Name: "s", X: []float64{x}, Y: []float64{y}, Lo: []*float64{nil}, Hi: []*float64{nil}}}}
	}
	logPoint := point(5, 5)
	logPoint.LogX, logPoint.LogY = true, true
	for name, p := range map[string]verdict.Panel{
		"empty": {}, "empty, logarithmic": {LogX: true, LogY: true}, "one point": point(3, 4), "the origin": point(0, 0),
		"one point, logarithmic": logPoint, "huge": point(1e300, -1e300), "tiny": point(1e-300, 1e-300),
		"only a level": {LogY: true, Levels: []verdict.Level{{Y: 10, Label: "ten"}}},
		"only a mark":  {LogX: true, Marks: []verdict.Mark{{X: 10, Label: "ten"}}},
		"wide":         {Series: []verdict.Series{{X: []float64{-1e308, 1e308}, Y: []float64{-1e308, 1e308}}}},
		"no range":     {Series: []verdict.Series{{X: []float64{1, 2}, Y: []float64{1e9, 1e9}}}},
	} {
		t.Run(name, func(t *testing.T) {
			svg := string(drawn(t, verdict.Figure{Panels: []verdict.Panel{p}}).file())
			texts(t, []byte(svg))
			assert.NotContains(t, svg, "NaN")
			assert.NotContains(t, svg, "Inf")
		})
	}
	drawn(t, verdict.Figure{})
}

// Whatever a value is, on either axis and beside others or alone, a figure is drawn: without it, and with a warning.
func TestFiguresLeaveAbsurdValuesOut(t *testing.T) {
	absurd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e308, -1e308, math.MaxFloat64, -math.MaxFloat64, 1e300, 1e16}
	for _, logarithmic := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
		values := absurd
		if logarithmic[0] && logarithmic[1] {
			values = append(slices.Clone(absurd), 5e-324, 1e-308, 1e-16)
		}
		for _, v := range values {
			for _, s := range []verdict.Series{
				{Name: "x", X: []float64{1, 2, v}, Y: []float64{1, 2, 3}}, {Name: "y", X: []float64{1, 2, 3}, Y: []float64{1, v, 3}},
				{Name: "only x", X: []float64{v}, Y: []float64{1}}, {Name: "only y", X: []float64{1}, Y: []float64{v}},
				{Name: "all", X: []float64{v, v}, Y: []float64{v, v}, Lo: []*float64{&v, &v}, Hi: []*float64{&v, &v}},
				{Name: "bounds", X: []float64{1, 2, v}, Y: []float64{1, 2, 1}, Lo: []*float64{&v, &v, &v}, Hi: []*float64{&v, &v, &v}},
			} {
				d := quickly(t, verdict.Figure{Panels: []verdict.Panel{{LogX: logarithmic[0], LogY: logarithmic[1], Series: []verdict.Series{s},
					Marks: []verdict.Mark{{X: v, Label: "nowhere"}}, Levels: []verdict.Level{{Y: v, Label: "nowhere"}}}}})
				require.Len(t, d.warnings, 1, "%v as %s", v, s.Name)
				dropped := 2 + len(s.X) - len(kept(s.X, s.Y))
				assert.Equal(t, fmt.Sprintf("panel 1: %d values not drawn: not a number, or of a size that nothing here has (1e-15 to 1e+15)", dropped), d.warnings[0])
				svg := string(d.file())
				assert.Contains(t, texts(t, d.file()), d.warnings[0])
				for _, bad := range []string{"NaN", "Inf", "nowhere"} {
					assert.NotContains(t, svg, bad, "%v as %s", v, s.Name)
				}
				if strings.HasPrefix(s.Name, "only") || s.Name == "all" {
					assert.Contains(t, texts(t, d.file()), "no data")
				}
			}
		}
	}
}

// kept are the x of points that an axis of either kind has a place for.
func kept(x, y []float64) (out []float64) {
	for i := range x {
		if drawable(x[i], true) && drawable(y[i], true) {
			out = append(out, x[i])
		}
	}
	return out
}

// quickly draws a figure, or fails: an axis without an end would take for ever to lay out.
func quickly(t *testing.T, f verdict.Figure) drawing {
	t.Helper()
	type result struct {
		d   drawing
		err error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("panic: %v", p)
			}
			done <- r
		}()
		r.d, r.err = drawFigure(f, "note")
	}()
	select {
	case r := <-done:
		require.NoError(t, r.err)
		return r.d
	case <-time.After(20 * time.Second):
		t.Fatal("still drawing")
		return drawing{}
	}
}

// A value of another run that nothing can be leaves the page, its figures and the summary whole.
func TestAbsurdValuesInAReport(t *testing.T) {
	dir := t.TempDir()
	r := sampleH2B()
	for i := range r.Figures {
		for k := range r.Figures[i].Panels {
			r.Figures[i].Panels[k].Series[0].Y[0] = 1e308
		}
	}
	r.Rows[0].TTFT.P99.Value, r.Rows[0].RPS, r.Verdict.Effect.Value = ptr(1e308), 1e308, ptr(-1e308)
	require.NoError(t, Write(filepath.Join(dir, "absurd"), r))
	require.NoError(t, WriteFigures(filepath.Join(dir, "absurd"), r))
	require.NoError(t, WriteTable(filepath.Join(dir, "absurd"), r))
	require.NoError(t, Write(filepath.Join(dir, "good"), sampleH0()))
	warnings, err := WriteIndex(dir)
	require.NoError(t, err)
	panels := 0
	for _, f := range r.Figures {
		panels += len(f.Panels)
	}
	require.Len(t, warnings, panels)
	assert.Contains(t, warnings[0], "run "+r.RunID+", figure "+r.Figures[0].Name+": panel 1: 1 value not drawn: not a number")
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "Values that no figure shows")
	assert.Contains(t, string(page), "H0", "the other run is there")
	_, err = WriteSummary(dir)
	require.NoError(t, err)
}

// A report with a figure that cannot be drawn is none, and hides no other.
func TestFigureOfUnequalLengthsIsNoReport(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Write(filepath.Join(dir, "good"), sampleH0()))
	r := sampleH2B()
	text, err := encode(r)
	require.NoError(t, err)
	var v map[string]any
	require.NoError(t, json.Unmarshal(text, &v))
	panel := v["figures"].([]any)[0].(map[string]any)["panels"].([]any)[0].(map[string]any)
	panel["series"].([]any)[0].(map[string]any)["x"] = []float64{1}
	text, err = json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bad"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bad", FileName), text, 0o644))
	warnings, err := WriteIndex(dir)
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], `figure "p99_by_context": panel 1: series "stack A" has 1 x and 5 y`)
}

func TestFigureRefusesUnequalLengths(t *testing.T) {
	for _, s := range []verdict.Series{{Name: "s", X: []float64{1}}, {Name: "s", X: []float64{1}, Y: []float64{1}, Hi: make([]*float64, 2)}} {
		err := WriteFigures(t.TempDir(), &verdict.Judgement{Figures: []verdict.Figure{{Name: "f", Panels: []verdict.Panel{{Series: []verdict.Series{s}}}}}})
		require.ErrorContains(t, err, `series "s"`)
	}
}

func TestSeriesIsLineOrScatter(t *testing.T) {
	for _, tc := range []struct {
		name string
		x, y []float64
		want bool
	}{
		{"a sweep", []float64{1, 2, 4}, []float64{3, 1, 2}, true},
		{"a distribution function with ties", []float64{1, 1, 2}, []float64{0.1, 0.2, 0.3}, true},
		{"windows in order of time", []float64{3, 1, 2}, []float64{1, 2, 3}, false},
		{"two values at one level", []float64{1, 1, 2}, []float64{2, 1, 3}, false},
	} {
		assert.Equal(t, tc.want, curve{Series: verdict.Series{X: tc.x, Y: tc.y}}.isLine(), tc.name)
	}
}

// A margin that the points stay far from has to be on the paper all the same.
func TestLevelsWidenTheAxis(t *testing.T) {
	p := verdict.Panel{Series: []verdict.Series{{Name: "s", X: []float64{1, 2}, Y: []float64{0.1, 0.2}}}, Levels: []verdict.Level{{Y: -1}, {Y: 1}}}
	lo, hi := axes{Panel: p}.yRange()
	assert.Less(t, lo, -1.0)
	assert.Greater(t, hi, 1.0)
}

func TestMarksDoNotShareARow(t *testing.T) {
	svg := string(drawn(t, sampleH0().Figures[0]).file())
	heights := map[string]bool{}
	for _, m := range regexp.MustCompile(`<text x="[^"]+" y="([^"]+)"[^>]*>[^<]*knee`).FindAllStringSubmatch(svg, -1) {
		heights[m[1]] = true
	}
	assert.Len(t, heights, 3)
}

func labelsOf(ticks []plot.Tick) []string {
	var out []string
	for _, t := range ticks {
		if !t.IsMinor() {
			out = append(out, t.Label)
		}
	}
	return out
}

func TestTicks(t *testing.T) {
	assert.Equal(t, []string{"0", "0.2", "0.4", "0.6", "0.8", "1"}, labelsOf(linearTicks(0, 1.08)))
	assert.Equal(t, []string{"-0.1", "0", "0.1", "0.2", "0.3"}, labelsOf(linearTicks(-0.12, 0.35)))
	assert.Equal(t, []string{"1", "10", "100", "1,000"}, labelsOf(logTicks(0.9, 1200)))
	assert.Equal(t, []string{"50", "100", "200", "500"}, labelsOf(logTicks(40, 600)))
	assert.Equal(t, []string{"3", "4", "5", "6", "7", "8"}, labelsOf(logTicks(2.5, 8.5)))
	assert.Equal(t, []string{"0.3", "0.4", "0.5", "0.6", "0.7"}, labelsOf(logTicks(0.25, 0.75)))
	assert.Equal(t, []string{"100", "101", "102", "103"}, labelsOf(logTicks(99.9, 103.5)))
	assert.Equal(t, "1e6", tickLabel(1e6))
	assert.Equal(t, "4.3e10", tickLabel(4.3e10))
	assert.Equal(t, "2e-4", tickLabel(2e-4))
	assert.Equal(t, "16,384", tickLabel(16384))
}

func TestThinnedLabelsDoNotTouch(t *testing.T) {
	norm := func(v float64) float64 { return v / 100 }
	width := func(s string) float64 { return float64(6 * len(s)) }
	ticks := thinned(levelTicks([]float64{1, 2, 4, 16, 64, 65}), norm, 600, width)
	assert.Equal(t, []string{"1", "4", "16", "64"}, labelsOf(ticks))
	assert.Len(t, ticks, 6, "every level keeps its mark")
}
