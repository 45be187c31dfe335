package rates

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A run is judged anew where a rule that judges it has changed, and only there.
func TestRules(t *testing.T) {
	files := map[string]string{
		"evidence/cell.go":      "package evidence\n\nfunc cell() int { return 1 }\n",
		"evidence/cell_test.go": "package evidence\n",
		"gate/gate.go":          "package gate\n",
		"stats/t.go":            "package stats\n",
		"verdict/check.go":      "package verdict\n",
		"report/page.go":        "package report\n",
		"looks.go":              "package harness\n",
		"run.go":                "package harness\n",
		"rates/kept.go":         "package rates\n",
		"h/h1_test.go":          "package h\n\nvar h1 = hypothesis{rule: ratio}\n\nfunc ratio() float64 { return share.of(2) }\n",
		"h/h2_test.go":          "package h\n\n// other\nvar h2 = hypothesis{}\n\nfunc TestH1(t *T) { run(t, h1) }\n",
		"h/shared_test.go":      "package h\n\ntype kind int\n\nconst (\n\ta = iota\n\tb\n)\n\nvar share kind\n\nfunc (k kind) of(n int) float64 { return float64(n) * b }\n",
	}
	digests := func(file, from, to string) (h1, h2 string) {
		t.Helper()
		rooms, rules := fstest.MapFS{}, fstest.MapFS{}
		for name, text := range files {
			if name == file {
				require.Contains(t, text, from)
				text = strings.Replace(text, from, to, 1)
			}
			if of, ok := strings.CutPrefix(name, "h/"); ok {
				rules[of] = &fstest.MapFile{Data: []byte(text)}
			} else {
				rooms[name] = &fstest.MapFile{Data: []byte(text)}
			}
		}
		r, err := NewRules(rooms, rules)
		require.NoError(t, err)
		h1, err = r.Of("H1")
		require.NoError(t, err)
		h2, err = r.Of("H2")
		require.NoError(t, err)
		return h1, h2
	}
	h1, h2 := digests("", "", "")
	assert.Len(t, h1, 64)
	assert.NotEqual(t, h1, h2)
	for _, c := range []struct {
		file, from, to string
		h1, h2         bool // change
	}{
		{"evidence/cell.go", "return 1", "return 2", true, true},
		{"evidence/cell.go", "{ return 1 }", "{\n\t// One.\n\treturn 1\n}", false, false},
		{"evidence/cell.go", "func cell", "// cell is one.\nfunc cell", false, false},
		{"evidence/cell_test.go", "package evidence", "package other", false, false},
		{"gate/gate.go", "package gate", "package other", true, true},
		{"stats/t.go", "package stats", "package other", true, true},
		{"verdict/check.go", "package verdict", "package other", true, true},
		{"looks.go", "package harness", "package other", true, true},
		{"rates/kept.go", "package rates", "package other", true, true},
		{"report/page.go", "package report", "package other", false, false},
		{"run.go", "package harness", "package other", false, false},
		{"h/h1_test.go", "of(2)", "of(3)", true, false},
		{"h/h1_test.go", "func ratio", "func untouched() {}\n\nfunc ratio", false, false},
		{"h/h2_test.go", "run(t, h1)", "run(t, h1, 2)", false, false},
		{"h/h2_test.go", "hypothesis{}", "hypothesis{1}", false, true},
		{"h/h2_test.go", "// other", "// others", false, false},
		{"h/shared_test.go", "* b", "* a", true, false},
		{"h/shared_test.go", "a = iota", "a = 3 + iota", true, false},
		{"h/shared_test.go", "type kind int", "type kind int64", true, false},
		{"h/shared_test.go", "var share kind", "var share, more kind", true, false},
	} {
		gotH1, gotH2 := digests(c.file, c.from, c.to)
		assert.Equal(t, []bool{c.h1, c.h2}, []bool{gotH1 != h1, gotH2 != h2}, "%s: %s", c.file, c.to)
	}
}

// What cannot be read is no rule, and no run is counted by it.
func TestRulesFaults(t *testing.T) {
	whole := func() fstest.MapFS {
		out := fstest.MapFS{}
		for _, of := range shared {
			if !strings.HasSuffix(of, ".go") {
				of += "/a.go"
			}
			out[of] = &fstest.MapFile{Data: []byte("package a\n")}
		}
		return out
	}
	r, err := NewRules(whole(), fstest.MapFS{})
	require.NoError(t, err)
	_, err = r.Of("H9")
	require.EqualError(t, err, "H9: the package of hypotheses declares no h9")
	_, err = NewRules(fstest.MapFS{}, fstest.MapFS{})
	require.ErrorContains(t, err, "sources of the rules: open evidence: file does not exist")
	broken := whole()
	broken["looks.go"] = &fstest.MapFile{Data: []byte("package a\n\nvar b = \"\n")}
	_, err = NewRules(broken, fstest.MapFS{})
	require.ErrorContains(t, err, "string literal not terminated")
	_, err = NewRules(whole(), fstest.MapFS{"h_test.go": {Data: []byte("package\n")}})
	require.ErrorContains(t, err, "sources of the hypotheses: h_test.go:1")
}
