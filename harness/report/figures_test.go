package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

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
	assert.Contains(t, labels, "panel 1: 6 values not drawn: not positive on a logarithmic axis, or not finite")
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
