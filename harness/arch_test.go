package harness_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rule says what a package's product code may import: packages of ours and foreign modules, and why no more. The
// standard library is always allowed, but for package testing.
type rule struct {
	pkg     string
	ours    []string // pkg -> each of these
	foreign []string
	why     string
}

// Import rules: an arrow from each package to those that it may import. Left of record is what plans and measures,
// right of it what concludes.
var rules = []rule{
	// The vocabulary.
	{"harness/regular", nil, nil, "how a file is read knows nothing of what stands in it"},
	{"harness/disk", nil, nil, "how a file is written, locked or thrown away, not what it holds"},
	{"harness/record", []string{"harness/disk", "harness/regular"}, nil, "the waist stands alone, so that both sides may use it"},
	{"harness/config", []string{"harness/disk", "harness/record", "harness/regular"}, []string{"gopkg.in/yaml.v3"}, "what is configured must not depend on what runs"},
	{"harness/cpus", nil, []string{"golang.org/x/sys"}, "which CPUs a process keeps to is between it and the kernel"},
	{"harness/fio", []string{"harness/regular"}, nil, "a job file says what load is meant, not who runs it"},
	{"harness/outgoing", nil, nil, "where requests may go and what may be shown of an answer depends on nobody who asks"},
	{"harness/trace", []string{"harness/regular"}, nil, "a trace says what was asked, not who replays it"},
	{"harness/prompt", []string{"harness/disk", "harness/regular"}, []string{"github.com/pkoukk/tiktoken-go", "github.com/pkoukk/tiktoken-go-loader"}, "text in, tokens out"},
	{"harness/stats", nil, []string{"gonum.org/v1/gonum"}, "numbers in, numbers out"},

	{"harness/carried", []string{"configs", "harness/disk", "harness/regular", "inputs"}, nil, "a program that stands alone lays out what it was compiled with"},
	{"configs", nil, nil, "a folder of files that programs carry"},
	{"inputs", nil, nil, "a folder of files that programs carry"},

	// Left of record.
	{"harness/experiment", []string{"harness/config", "harness/fio", "harness/prompt", "harness/record", "harness/regular"}, nil,
		"what will be done is laid out without a rig and without a simulator"},
	{"harness/punctual", nil, []string{"golang.org/x/sys"}, "waiting is between a thread and the kernel, whoever waits"},
	{"harness/load", []string{"harness/outgoing", "harness/punctual", "harness/record"}, nil, "load cannot tell a simulated endpoint from a real one"},
	{"harness/price", []string{"harness/config", "harness/fio", "harness/load", "harness/record"}, nil,
		"what a plan will cost is arithmetic on what is configured: it asks neither rig nor simulator"},
	{"harness/telemetry", []string{"harness/outgoing", "harness/record"}, []string{"github.com/prometheus/procfs"}, "telemetry cannot tell a rendered /proc from the real one"},
	{"harness/drive", []string{"harness/record", "harness/regular", "harness/telemetry"}, []string{"github.com/prometheus/procfs", "golang.org/x/sys"},
		"which device holds a directory, and whether its counters count, depends on the kernel alone and on no rig"},
	{"harness/restore", []string{"harness/disk", "harness/regular"}, nil, "what was done to a machine is undone from a journal alone, whoever did it and whatever for"},
	{"harness/lora", []string{"harness/regular"}, []string{"golang.org/x/sys"}, "which adapters lie where is between files and the kernel, whoever is to serve them"},
	{"harness/doctor", []string{"harness/config", "harness/drive", "harness/load", "harness/lora", "harness/outgoing", "harness/record", "harness/telemetry"}, []string{"golang.org/x/sys"},
		"whether a machine has what is needed is looked at before anything is planned or measured, with the same readers; of load it has the client's own error"},
	{"harness/launch", []string{"harness/config"}, nil,
		"how a server is started is said by its file; whether it serves is asked by whoever starts it"},
	{"harness/memnet", nil, nil, "a network knows nobody"},
	{"harness/sim", nil, nil, "a simulator that imports the harness could know what is measured"},
	{"harness/rig", []string{"harness/config", "harness/load", "harness/outgoing", "harness/record", "harness/telemetry"}, nil,
		"what all rigs share knows none of them; of load it has the probe of the served model, and it drives none"},
	{"harness/health", []string{"harness/record", "harness/regular", "harness/stats"}, nil, "what state a machine is in depends on no rig, and nothing is done to it"},
	{"harness/treatment", []string{"harness/disk", "harness/drive", "harness/fio", "harness/health", "harness/record", "harness/restore", "harness/rig", "harness/telemetry"}, []string{"golang.org/x/sys"},
		"what is done to a real machine is the same on all rigs; it knows no server and drives no load"},
	{"harness/drivemodel", []string{"harness/config", "harness/disk", "harness/drive", "harness/record", "harness/regular", "harness/restore", "harness/rig/simrig", "harness/sim", "harness/treatment"}, []string{"golang.org/x/sys"},
		"what a real drive does becomes what the simulated one is told, with the treatments of the one and the model of the other; no run knows it"},
	{"harness/rig/simrig", []string{"harness/config", "harness/disk", "harness/fio", "harness/memnet", "harness/outgoing", "harness/prompt", "harness/record", "harness/rig", "harness/sim", "harness/telemetry"}, nil,
		"the one place in a run that knows the simulator; it drives no load"},
	{"harness/rig/diskrig", []string{"harness/disk", "harness/punctual", "harness/drive", "harness/rig/simrig", "harness/sim"}, []string{"golang.org/x/sys"},
		"real files behind the simulator's seam: it knows what is stored, and neither a run nor a load"},
	{"harness/rig/mixedrig", []string{"harness/config", "harness/disk", "harness/drive", "harness/fio", "harness/health", "harness/prompt", "harness/record", "harness/restore", "harness/rig", "harness/rig/diskrig", "harness/rig/simrig", "harness/sim", "harness/telemetry", "harness/treatment"}, []string{"golang.org/x/sys"},
		"the simulated machine on a real drive: it joins the rig that simulates, the files and the treatments, and drives no load"},
	{"harness/rig/serverrig", []string{"harness/config", "harness/cpus", "harness/doctor", "harness/drive", "harness/health", "harness/launch", "harness/load", "harness/lora", "harness/outgoing", "harness/prompt", "harness/record", "harness/restore", "harness/rig", "harness/telemetry", "harness/treatment"}, []string{"github.com/prometheus/procfs"},
		"a server that other people wrote is known by its file and by what it answers; this drives no load but two prompts, to learn how it counts"},
	{"harness/runner", []string{"harness/config", "harness/disk", "harness/experiment", "harness/load", "harness/outgoing", "harness/price", "harness/prompt", "harness/record", "harness/regular", "harness/rig", "harness/telemetry"}, nil,
		"the runner knows a rig by its interface and concludes nothing"},

	// Right of record.
	{"harness/evidence", []string{"harness/config", "harness/record", "harness/stats"}, nil, "evidence is what lies in a run's folder"},
	{"harness/gate", []string{"harness/config", "harness/evidence", "harness/record", "harness/stats"}, nil, "a gate is a function of the evidence"},
	{"harness/verdict", []string{"harness/config", "harness/disk", "harness/evidence", "harness/gate", "harness/record", "harness/stats"}, nil,
		"a judgement follows from evidence and gates, and knows nothing of how it is shown"},
	{"harness/report", []string{"harness/disk", "harness/evidence", "harness/gate", "harness/regular", "harness/stats", "harness/verdict"}, []string{"github.com/jedib0t/go-pretty/v6", "gonum.org/v1/plot"},
		"a report renders a judgement and reads no run"},
	{"harness/vouch", []string{"harness/evidence", "harness/gate", "harness/record", "harness/report", "harness/verdict"}, nil, "what vouches for a file follows from the run's folder alone"},
	{"harness/sheet", []string{"harness/config", "harness/evidence", "harness/record", "harness/regular", "harness/report", "harness/stats"}, nil,
		"a sheet follows from a run's folder alone, so that it can be made of anybody's run"},
	{"harness/rates", []string{"harness/config", "harness/disk", "harness/evidence", "harness/gate", "harness/record", "harness/regular", "harness/report", "harness/verdict"}, nil,
		"a count is of judgements: what plans and measures for it is behind a door"},

	// The door, and the commands beside it.
	{"harness", []string{"harness/carried", "harness/config", "harness/cpus", "harness/disk", "harness/evidence", "harness/experiment", "harness/gate", "harness/price", "harness/rates", "harness/record", "harness/regular", "harness/report", "harness/rig", "harness/rig/mixedrig", "harness/rig/serverrig", "harness/rig/simrig", "harness/runner", "harness/sheet", "harness/verdict", "harness/vouch"}, nil,
		"the door joins both sides; load, telemetry and simulator are behind runner and rig"},
	{"harness/archive", []string{"harness/regular"}, nil, "what is sent is bytes: whoever packs reads no run"},
	{"harness/cmd/sparkharness", []string{"harness/archive", "harness/carried", "harness/config", "harness/disk", "harness/doctor", "harness/drivemodel", "harness/load", "harness/lora", "harness/outgoing", "harness/prompt", "harness/record", "harness/regular", "harness/rig/diskrig", "harness/rig/simrig", "harness/sheet", "harness/sim", "harness/stats", "harness/trace"}, []string{"github.com/spf13/cobra"},
		"commands serve, write, show, and drive a trace or a plain load; they decide nothing, so that a first look is no run"},
	{"harness/cmd/mutants", nil, []string{"gopkg.in/yaml.v3"}, "what looks for holes in the tests must not depend on what they test"},
	{"hypotheses", nil, nil, "the product code of a hypothesis is its documentation"},
}

// mayImportTesting are the packages that may: libraries return errors, and t stops at the door. Virtual time exists in
// tests only, so the rig that needs it takes the door's t.
var mayImportTesting = []string{"harness", "harness/rig/simrig"}

// A run's folder is judged alike, whichever rig measured it: whoever concludes must not be able to ask what measured,
// not by a detour either. So no import leads from the right of record to the left of it, nor the other way.
var (
	leftOfRecord  = []string{"harness/doctor", "harness/drive", "harness/drivemodel", "harness/experiment", "harness/fio", "harness/health", "harness/launch", "harness/load", "harness/lora", "harness/memnet", "harness/outgoing", "harness/price", "harness/prompt", "harness/punctual", "harness/restore", "harness/rig", "harness/runner", "harness/sim", "harness/telemetry", "harness/trace", "harness/treatment"} // and all rigs
	rightOfRecord = []string{"harness/evidence", "harness/gate", "harness/rates", "harness/report", "harness/sheet", "harness/verdict", "harness/vouch"}
)

// isLeftOfRecord says whether a package is on the side that measures.
func isLeftOfRecord(pkg string) bool {
	return slices.Contains(leftOfRecord, pkg) || strings.HasPrefix(pkg, "harness/rig/")
}

// Hypotheses are test files. They decide by what they are given: the door, the right of record and the vocabulary.
// Configuration reaches them as evidence.
var (
	hypothesesMay        = []string{"harness", "harness/evidence", "harness/gate", "harness/record", "harness/report", "harness/stats", "harness/verdict"}
	hypothesesMayForeign = []string{"github.com/stretchr/testify", "gopkg.in/yaml.v3"}
)

// maxDoorFiles bounds the product files of package harness: what it grows beyond that is a room of its own.
const maxDoorFiles = 15

// goFiles visits the Go files of the repository with their package's folder and what they import.
func goFiles(t *testing.T, visit func(rel, pkg string, imports []string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel("..", path)
		require.NoError(t, err)
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." || rel == "results" || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		var imports []string
		for _, imp := range f.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			require.NoError(t, err)
			imports = append(imports, name)
		}
		visit(rel, filepath.ToSlash(filepath.Dir(rel)), imports)
		return nil
	})
	require.NoError(t, err)
}

// foreignModule says whether an import is neither ours nor of the standard library.
func foreignModule(name string) bool { return strings.Contains(strings.Split(name, "/")[0], ".") }

// oneOf says whether an import is of one of the modules.
func oneOf(name string, modules []string) bool {
	return slices.ContainsFunc(modules, func(m string) bool { return name == m || strings.HasPrefix(name, m+"/") })
}

func isTest(rel string) bool { return strings.HasSuffix(rel, "_test.go") }

func TestImportRules(t *testing.T) {
	seen := map[string]bool{}
	used := map[string]bool{} // arrows and modules
	goFiles(t, func(rel, pkg string, imports []string) {
		if isTest(rel) {
			return
		}
		i := slices.IndexFunc(rules, func(r rule) bool { return r.pkg == pkg })
		if !assert.GreaterOrEqual(t, i, 0, "%s: package %s has no import rule: add one with its reason", rel, pkg) {
			return
		}
		r := rules[i]
		seen[pkg] = true
		for _, name := range imports {
			own, ours := strings.CutPrefix(name, "sparkharness/")
			switch {
			case ours:
				assert.Contains(t, r.ours, own, "%s may not import %s: %s", rel, own, r.why)
				used[pkg+" -> "+own] = true
			case name == "testing", strings.HasPrefix(name, "testing/"):
				assert.Contains(t, mayImportTesting, pkg, "%s may not import %s: libraries return errors", rel, name)
			case foreignModule(name):
				assert.True(t, oneOf(name, r.foreign), "%s may not import %s: %s", rel, name, r.why)
			}
		}
	})
	for _, r := range rules {
		assert.True(t, seen[r.pkg], "rule for %s, which has no product code", r.pkg)
		for _, own := range r.ours {
			assert.True(t, used[r.pkg+" -> "+own], "rule for %s: nothing there imports %s any more", r.pkg, own)
		}
	}
}

func TestNothingCrossesRecord(t *testing.T) {
	arrows := map[string][]string{}
	goFiles(t, func(rel, pkg string, imports []string) {
		for _, name := range imports {
			if own, ours := strings.CutPrefix(name, "sparkharness/"); ours && !isTest(rel) {
				arrows[pkg] = append(arrows[pkg], own)
			}
		}
	})
	// reaches are all packages to which imports lead, each with the way there.
	var reaches func(pkg, way string, to map[string]string)
	reaches = func(pkg, way string, to map[string]string) {
		for _, next := range arrows[pkg] {
			if _, known := to[next]; !known {
				to[next] = way + " -> " + next
				reaches(next, to[next], to)
			}
		}
	}
	isRight := func(pkg string) bool { return slices.Contains(rightOfRecord, pkg) }
	for _, pkg := range slices.Sorted(maps.Keys(arrows)) {
		other := isRight
		if isRight(pkg) {
			other = isLeftOfRecord
		} else if !isLeftOfRecord(pkg) {
			continue
		}
		to := map[string]string{}
		reaches(pkg, pkg, to)
		for _, next := range slices.Sorted(maps.Keys(to)) {
			assert.False(t, other(next), "%s leads across record to %s: what is concluded must follow from the files of a run alone", to[next], next)
		}
	}
	for _, r := range rules {
		if strings.HasPrefix(r.pkg, "harness/cmd/") || slices.Contains([]string{"configs", "harness", "harness/archive", "harness/carried", "harness/config", "harness/cpus", "harness/disk", "harness/record",
			"harness/regular", "harness/stats", "hypotheses", "inputs"}, r.pkg) {
			continue // commands, the door, what is about this program and its files alone, and the vocabulary of both sides
		}
		assert.True(t, isLeftOfRecord(r.pkg) != isRight(r.pkg), "on which side of record is %s?", r.pkg)
	}
}

// readsItself are the product files that open files without package regular, each with its reason.
var readsItself = map[string]string{
	"harness/regular/file.go":             "it is the one",
	"harness/telemetry/kernelfile.go":     "the kernel's own files, at paths that no user names",
	"harness/cpus/pin_linux.go":           "the kernel's own files",
	"harness/rig/serverrig/process.go":    "the kernel's own files",
	"harness/rig/serverrig/device.go":     "the kernel's own files",
	"harness/rig/mixedrig/rig.go":         "the kernel's release",
	"harness/rig/serverrig/treating.go":   "the kernel's own file, which is neither read nor written",
	"harness/drive/direct_linux.go":       "files of its own, for direct I/O",
	"harness/restore/journal.go":          "its journal, which is appended to",
	"harness/restore/sweep.go":            "journals, which are appended to",
	"harness/restore/folder.go":           "a file of its own, which is made",
	"harness/restore/setting.go":          "the kernel's own files, which are written",
	"harness/treatment/dropcaches.go":     "the kernel's own file, and files whose content is not read",
	"harness/treatment/layout.go":         "files of its own, for direct I/O",
	"harness/treatment/probe.go":          "a file of its own, for direct I/O",
	"harness/treatment/idlereads.go":      "the probe's file, for direct I/O",
	"harness/runner/manifest.go":          "the kernel's release",
	"harness/record/jsonl.go":             "lines, which are created",
	"harness/archive/unpack.go":           "files of its own, in a new folder",
	"harness/disk/lock.go":                "locks, which are opened to be written",
	"harness/disk/owner.go":               "the kernel's own files",
	"harness/disk/process.go":             "the kernel's own files",
	"harness/disk/whole.go":               "folders, and what has just been written",
	"harness/interrupt.go":                "the kernel's name of what started this",
	"harness/record/attempts.go":          "the log, which is appended to",
	"harness/rates/line.go":               "lines, which are appended",
	"harness/rig/diskrig/direct_linux.go": "likewise",
	"harness/launch/log.go":               "the log, which is created",
}

// Whoever reads a file that a user names, or that lies in a results folder, does it through package regular: a pipe in its
// place must not hang a run, nor a device fill the memory.
func TestFilesAreReadAsRegular(t *testing.T) {
	opens := regexp.MustCompile(`\b(os|root)\.(ReadFile|Open|OpenFile)\(`)
	goFiles(t, func(rel, pkg string, _ []string) {
		if isTest(rel) || pkg == "harness/cmd/mutants" { // which must not depend on what it tests
			return
		}
		text, err := os.ReadFile(filepath.Join("..", rel))
		require.NoError(t, err)
		found := opens.FindAllString(string(text), -1)
		if readsItself[rel] == "" {
			assert.Empty(t, found, "%s: read it with package regular, or say in readsItself why not", rel)
			return
		}
		assert.NotEmpty(t, found, "%s opens no file any more: take it from readsItself", rel)
	})
}

func TestHypothesesImport(t *testing.T) {
	files := 0
	goFiles(t, func(rel, pkg string, imports []string) {
		if pkg != "hypotheses" && !strings.HasPrefix(pkg, "hypotheses/") || !isTest(rel) {
			return
		}
		files++
		for _, name := range imports {
			if own, ours := strings.CutPrefix(name, "sparkharness/"); ours {
				assert.Contains(t, hypothesesMay, own, "%s may not import %s: a hypothesis decides by the evidence of a run's folder", rel, own)
			} else if foreignModule(name) {
				assert.True(t, oneOf(name, hypothesesMayForeign), "%s may not import %s", rel, name)
			}
		}
	})
	assert.Greater(t, files, 12)
}

// A test of what concludes that needed a simulator would hide that what it tests does, too.
func TestTestsOfWhatConcludesCrossNothing(t *testing.T) {
	goFiles(t, func(rel, pkg string, imports []string) {
		if !isTest(rel) || !slices.Contains(rightOfRecord, pkg) {
			return
		}
		for _, name := range imports {
			own, _ := strings.CutPrefix(name, "sparkharness/")
			assert.False(t, isLeftOfRecord(own), "%s may not import %s: it is on the other side of record", rel, own)
		}
	})
}

// ofClients are the names of package net/http by which a request leaves: they are for harness/outgoing alone.
var ofClients = []string{"Client", "DefaultClient", "DefaultTransport", "Get", "Head", "NewRequest", "NewRequestWithContext", "Post", "PostForm", "RoundTripper", "Transport"}

// All requests leave by one door, which follows no redirect and knows where a key may go.
func TestRequestsLeaveByOneDoor(t *testing.T) {
	inside := 0
	goFiles(t, func(rel, pkg string, imports []string) {
		if isTest(rel) || !slices.Contains(imports, "net/http") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", rel), nil, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "http" && slices.Contains(ofClients, sel.Sel.Name) {
				if pkg == "harness/outgoing" {
					inside++
					return true
				}
				t.Errorf("%s uses http.%s: ask package outgoing for a client and for requests", rel, sel.Sel.Name)
			}
			return true
		})
	})
	assert.NotZero(t, inside)
}

// The door stays a door.
func TestDoorIsSmall(t *testing.T) {
	var files []string
	goFiles(t, func(rel, pkg string, _ []string) {
		if pkg == "harness" && !isTest(rel) {
			files = append(files, rel)
		}
	})
	assert.NotEmpty(t, files)
	assert.LessOrEqual(t, len(files), maxDoorFiles, "give what is new a package of its own: %v", files)
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
