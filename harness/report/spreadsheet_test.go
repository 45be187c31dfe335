package report

import (
	"bytes"
	"encoding/csv"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"sparkharness/harness/verdict"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// formulas are texts that a spreadsheet would evaluate.
var formulas = []string{"=HYPERLINK(\"http://x\")", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-5"}

func TestCellText(t *testing.T) {
	for _, s := range formulas {
		assert.Equal(t, "'"+s, cellText(s))
	}
	for _, s := range []string{"", "A", "1", "'=1", "ctx=512/conc=4", "a-b", " x", "é=", "0.5"} {
		assert.Equal(t, s, cellText(s))
	}
}

// setTexts puts a text into every string of a value, however deep.
func setTexts(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Pointer:
		if !v.IsNil() {
			setTexts(v.Elem(), s)
		}
	case reflect.Slice:
		for i := range v.Len() {
			setTexts(v.Index(i), s)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			setTexts(v.Field(i), s)
		}
	}
}

// assertNoFormula looks at every cell of a CSV file.
func assertNoFormula(t *testing.T, data []byte) {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	require.NoError(t, err)
	require.Greater(t, len(lines), 1)
	for _, line := range lines {
		for i, cell := range line {
			if _, err := strconv.ParseFloat(cell, 64); err != nil && cell != "" {
				assert.NotContains(t, "=+-@\t\r", cell[:1], "column %s: %q", lines[0][i], cell)
			}
		}
	}
}

// No text of a run is a formula in either table, and a negative number is a number.
func TestTablesHoldNoFormulas(t *testing.T) {
	for _, formula := range formulas {
		r := sampleH2B()
		rows := r.Rows
		setTexts(reflect.ValueOf(r).Elem(), formula)
		rows[0].CoV, rows[0].TTFT.P99.Value = ptr(-0.25), ptr(-3e6)
		r.Figures[0].Panels[0].Series[0].Y[0] = -7.5
		data, err := figureCSV(r.Figures[0])
		require.NoError(t, err)
		assertNoFormula(t, data)
		assert.Contains(t, string(data), ",-7.5,")

		var cells []string
		for _, f := range summaryFields() {
			cells = append(cells, f.get(r, &rows[0]))
			if cell := cells[len(cells)-1]; cell == formula && formula != "-5" {
				assert.Fail(t, "column "+f.name+" is a formula")
			}
		}
		quoted := 0
		for _, c := range cells {
			if c == "'"+formula {
				quoted++
			}
		}
		assert.Equal(t, 9, quoted, "run, stack, model, workload, hypothesis, outcome, rig, world and cell")
		assert.Contains(t, cells, "-0.25")
		assert.Contains(t, cells, "-3e+06")
	}

	// As the summary is written from reports on disk, whose outcome must be known.
	dir := t.TempDir()
	r := sampleH2B()
	setTexts(reflect.ValueOf(r).Elem(), formulas[0])
	r.Schema, r.Verdict.Outcome = verdict.Schema, verdict.Supported
	require.NoError(t, Write(filepath.Join(dir, "run"), r))
	_, err := WriteSummary(dir)
	require.NoError(t, err)
	data, err := os.ReadFile(filepath.Join(dir, SummaryName))
	require.NoError(t, err)
	assertNoFormula(t, data)
}

// CSV is written here only, where its text is made safe, and in a trace of words that are its own and numbers.
func TestTablesAreWrittenHereOnly(t *testing.T) {
	writers := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range f.Imports {
			if imp.Path.Value == `"encoding/csv"` {
				writers[filepath.Base(path)] = true
			}
		}
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, map[string]bool{"figures.go": true, "summary.go": true, "kvtrace.go": true}, writers)
}
