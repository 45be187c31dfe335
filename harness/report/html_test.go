package report

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/verdict"
)

// hostile is the sample with s in every string field, except those that Read checks.
func hostile(s string) *verdict.Judgement {
	r := sampleH2B()
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			v.SetString(s)
		case reflect.Pointer:
			if !v.IsNil() {
				fill(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				fill(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				fill(v.Field(i))
			}
		}
	}
	fill(reflect.ValueOf(r).Elem())
	r.Schema, r.Verdict.Outcome = verdict.Schema, verdict.Supported
	return r
}

// indexOf writes reports into a results directory of their own and returns the page.
func indexOf(t *testing.T, reports map[string]*verdict.Judgement) string {
	t.Helper()
	dir := t.TempDir()
	for name, r := range reports {
		require.NoError(t, Write(filepath.Join(dir, name), r))
		require.NoError(t, WriteTable(filepath.Join(dir, name), r))
		require.NoError(t, WriteFigures(filepath.Join(dir, name), r))
	}
	warnings, err := WriteIndex(dir)
	require.NoError(t, err)
	assert.Empty(t, warnings)
	data, err := os.ReadFile(filepath.Join(dir, "index.html"))
	require.NoError(t, err)
	return string(data)
}

func TestIndexShowsEachRun(t *testing.T) {
	h10 := sampleH0()
	h10.Hypothesis, h10.RunID, h10.Rig, h10.World = "H10", "a", "spark", ""
	h10.Origin, h10.Simulated = "measured on hardware", false
	page := indexOf(t, map[string]*verdict.Judgement{"a": h10, "b": sampleH2B(), "c": sampleH0()})
	var order []string
	for _, m := range regexp.MustCompile(`<h2>(H\d+\w?)</h2>`).FindAllStringSubmatch(page, -1) {
		order = append(order, m[1])
	}
	assert.Equal(t, []string{"H0", "H2B", "H10"}, order)
	for _, want := range []string{
		"3 runs: 1 Supported, 2 Refuted", "Simulated: 2 of 3 runs.", "rig=sim clock=virtual world=default: simulated, not measured on hardware",
		"storage knee of B, 2,048 tokens", "9.43 x [7.02, 12.6] (95 %)", `<span class="badge refuted">Refuted</span>`,
		"loader software cost above 8 reads in flight", "9f86d081884c7d65", "1,120 [1,020, 1,280]", "interrupted",
		`href="./b/report.json"`, `href="./b/table.txt"`, `href="./b/figures/p99_by_context.csv"`,
	} {
		assert.Contains(t, page, want)
	}
	simulated, _, _ := strings.Cut(page, `<table class="closing">`)
	assert.Contains(t, simulated, "simulated, not measured on hardware", "said before the first number")
}

func TestIndexPutsTheDefaultWorldFirst(t *testing.T) {
	control := sampleH2B()
	control.World = "ample_ram"
	page := indexOf(t, map[string]*verdict.Judgement{"a": control, "b": sampleH2B()})
	assert.Contains(t, page, "rig=sim clock=virtual world=default, ample_ram: simulated, not measured on hardware")
	assert.Less(t, strings.Index(page, "<td>default<br>"), strings.Index(page, "<td>ample_ram<br>"))
}

func TestIndexOfHardwareRunsIsNotCalledSimulated(t *testing.T) {
	r := sampleH0()
	r.Rig, r.Clock, r.World = "spark", "real", ""
	r.Origin, r.Simulated = "measured on hardware", false
	page := indexOf(t, map[string]*verdict.Judgement{"a": r})
	_, body, found := strings.Cut(page, "<body>")
	require.True(t, found)
	assert.NotContains(t, strings.ToLower(body), "simulated")
}

func TestIndexEscapesEverything(t *testing.T) {
	attack := `</title></style></svg><script>alert(1)</script><img src=x onerror=alert(2)>]]>"'` + "`" + `--><a href="javascript:alert(3)">{{.}}&` + "\x00"
	page := indexOf(t, map[string]*verdict.Judgement{`javascript:alert(4)`: hostile(attack), `a"b<script>`: hostile(attack)})
	assert.NotContains(t, page, "<script")
	assert.NotContains(t, page, "<img")
	assert.NotContains(t, page, "]]>")
	assert.NotContains(t, page, "\x00")
	assert.NotContains(t, page, `href="javascript:`)
	assert.NotContains(t, page, `<a href="http`)
	assert.NotRegexp(t, `<[^>]* on\w+=`, page)
	assert.Equal(t, 1, strings.Count(page, "</style>"))
	assert.Equal(t, strings.Count(page, "<svg "), strings.Count(page, "</svg>"))
	// html/template and the SVG writer name the quote differently.
	assert.Contains(t, page, "&lt;script&gt;alert(1)&lt;/script&gt;")
	assert.Contains(t, page, `href="./javascript`)
}

func TestIndexLoadsNothing(t *testing.T) {
	page := indexOf(t, map[string]*verdict.Judgement{"a": sampleH2B()})
	page = strings.ReplaceAll(page, `xmlns="http://www.w3.org/2000/svg"`, "")
	page = strings.ReplaceAll(page, `xmlns:xlink="http://www.w3.org/1999/xlink"`, "")
	for _, no := range []string{"http:", "https:", "//", "src=", "@import", "url(", "<link", "<script", "<iframe"} {
		assert.NotContains(t, page, no)
	}
	assert.Contains(t, page, `default-src 'none'`)
	assert.Contains(t, page, "prefers-color-scheme: dark")
	assert.Contains(t, page, "var(--ink)", "figures follow the theme")
}

func TestIndexIsDeterministicAndListsWarnings(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Write(filepath.Join(dir, "a"), sampleH0()))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "broken"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken", FileName), []byte("<b>"), 0o644))
	var pages [2]string
	for i := range pages {
		warnings, err := WriteIndex(dir)
		require.NoError(t, err)
		require.Len(t, warnings, 1)
		data, err := os.ReadFile(filepath.Join(dir, "index.html"))
		require.NoError(t, err)
		pages[i] = string(data)
	}
	assert.Equal(t, pages[0], pages[1])
	assert.Contains(t, pages[0], "Reports that could not be read")
	assert.NotContains(t, pages[0], "table.txt", "no link to a file that is not there")
}

func TestIndexOfAnEmptyFolder(t *testing.T) {
	assert.Contains(t, indexOf(t, nil), "No run has left a report here yet.")
}
