package harness_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Import rules: for each package the packages of ours and the foreign modules that its product code may
// import, and why. The standard library is always allowed, but for package testing.
var rules = []struct {
	pkg     string
	ours    []string
	foreign []string
	why     string
}{
	{"harness/record", nil, nil, "the vocabulary stands alone, so that anything may use it"},
	{"harness/memnet", nil, nil, "a network knows nobody"},
	{"harness/sim", nil, nil, "a simulator that imports the harness could know what is measured"},
	{"harness/stats", nil, []string{"gonum.org/v1/gonum"}, "numbers in, numbers out"},
	{"harness/config", nil, []string{"gopkg.in/yaml.v3"}, "what is configured must not depend on what runs"},
	{"harness/prompt", nil, []string{"github.com/pkoukk/tiktoken-go", "github.com/pkoukk/tiktoken-go-loader"}, "text in, tokens out"},
	{"harness/fio", nil, nil, "a job file says what load is meant, not who runs it"},
	{"harness/trace", nil, nil, "a trace says what was asked, not who replays it"},
	{"harness/verdict", nil, nil, "an outcome follows from gates and checks alone"},
	{"harness/load", []string{"harness/record"}, nil, "load cannot tell a simulated endpoint from a real one"},
	{"harness/telemetry", []string{"harness/record"}, []string{"github.com/prometheus/procfs"}, "telemetry cannot tell a rendered /proc from the real one"},
	{"harness/report", []string{"harness/verdict", "harness/stats", "harness/record"}, []string{"github.com/jedib0t/go-pretty/v6", "gonum.org/v1/plot"}, "a report renders what was concluded"},
	{"harness/rig", []string{"harness/config", "harness/fio", "harness/load", "harness/sim", "harness/memnet", "harness/telemetry", "harness/record"}, nil, "a rig opens machines; of package load it asks for the served model only (TestRigDrivesNoLoad)"},
	{"harness", []string{"harness/config", "harness/fio", "harness/load", "harness/prompt", "harness/record", "harness/report", "harness/rig", "harness/stats", "harness/telemetry", "harness/verdict"}, []string{"gopkg.in/yaml.v3"}, "the harness reaches the simulated machine through a rig only"},
	{"harness/cmd/sparkharness", []string{"harness/config", "harness/load", "harness/prompt", "harness/record", "harness/rig", "harness/sim", "harness/stats", "harness/trace"}, []string{"github.com/spf13/cobra"}, "commands serve, write and drive a trace; they decide nothing"},
	{"harness/cmd/mutants", nil, []string{"gopkg.in/yaml.v3"}, "what looks for holes in the tests must not depend on what they test"},
	{"hypotheses", nil, nil, "the product code of a hypothesis is its documentation"},
}

// mayImportTesting is the only library package that may: libraries return errors, and t stops at the door.
const mayImportTesting = "harness"

func TestImportRules(t *testing.T) {
	seen := map[string]bool{}
	root := ".."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		require.NoError(t, err)
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." || rel == "results" || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		pkg := filepath.ToSlash(filepath.Dir(rel))
		i := slices.IndexFunc(rules, func(r struct {
			pkg     string
			ours    []string
			foreign []string
			why     string
		}) bool {
			return r.pkg == pkg
		})
		if !assert.GreaterOrEqual(t, i, 0, "%s: package %s has no import rule: add one with its reason", rel, pkg) {
			return nil
		}
		seen[pkg] = true
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, imp := range f.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			require.NoError(t, err)
			if own, ok := strings.CutPrefix(name, "sparkharness/"); ok {
				assert.Contains(t, rules[i].ours, own, "%s may not import %s: %s", rel, own, rules[i].why)
				continue
			}
			if name == "testing" || strings.HasPrefix(name, "testing/") {
				assert.Equal(t, mayImportTesting, pkg, "%s: only package %s may import %s", rel, mayImportTesting, name)
				continue
			}
			if strings.Contains(strings.Split(name, "/")[0], ".") {
				allowed := slices.ContainsFunc(rules[i].foreign, func(m string) bool { return name == m || strings.HasPrefix(name, m+"/") })
				assert.True(t, allowed, "%s may not import %s: %s", rel, name, rules[i].why)
			}
		}
		return nil
	})
	require.NoError(t, err)
	for _, r := range rules {
		assert.True(t, seen[r.pkg], "rule for %s, which has no product code", r.pkg)
	}
}

// A rig asks a server for its model as the load does, and drives no load.
func TestRigDrivesNoLoad(t *testing.T) {
	files, err := filepath.Glob("rig/*.go")
	require.NoError(t, err)
	asks := false
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "load" {
				asks = true
				assert.Equal(t, "ServedModel", sel.Sel.Name, "%s uses more of package load", path)
			}
			return true
		})
	}
	assert.True(t, asks, "a rig uses nothing of package load: take it from the import rules")
}

// The top level holds what is agreed and nothing else.
func TestTopLevel(t *testing.T) {
	entries, err := filepath.Glob("../*")
	require.NoError(t, err)
	for _, e := range entries {
		if strings.HasPrefix(filepath.Base(e), ".") {
			continue
		}
		assert.Contains(t, []string{"hypotheses", "harness", "fixtures", "inputs", "configs", "go.mod", "go.sum", "Makefile", "README.md", "LICENSE", "results"}, filepath.Base(e))
	}
}
