package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// module is the name of the module in go.mod.
const module = "sparkharness"

// dependents are, for each package, those whose tests may notice a fault in it.
type dependents map[string][]string

// readDependents asks the go command for the imports of packages and of their tests.
func readDependents(root string) (dependents, error) {
	cmd := exec.Command("go", "list", "-test", "-deps", "-json=ImportPath,Imports,ForTest", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	imports := map[string][]string{}
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p struct {
			ImportPath string
			Imports    []string
			ForTest    string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if own(p.ImportPath) {
			imports[p.ImportPath] = append(imports[p.ImportPath], p.Imports...)
		}
	}
	d := dependents{}
	for name := range imports {
		binary, ok := strings.CutSuffix(name, ".test")
		if !ok {
			continue
		}
		for _, used := range reach(imports, name) {
			d[used] = append(d[used], binary)
		}
	}
	for used, by := range d {
		slices.SortFunc(by, func(a, b string) int {
			return compareBy(a, b, func(s string) int { return rank(used, s, imports) })
		})
		d[used] = slices.Compact(by)
	}
	return d, nil
}

// all are the packages that have tests.
func (d dependents) all() []string {
	var out []string
	for _, by := range d {
		out = append(out, by...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func own(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// plain is an import path without what go list adds to the variants built for a test.
func plain(path string) string {
	path, _, _ = strings.Cut(path, " ")
	return strings.TrimSuffix(path, "_test")
}

// reach are the packages of the module that a test binary is made of.
func reach(imports map[string][]string, from string) []string {
	seen := map[string]bool{from: true}
	var out []string
	for todo := []string{from}; len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		if !strings.HasSuffix(name, ".test") {
			out = append(out, plain(name))
		}
		for _, i := range imports[name] {
			if own(plain(i)) && !seen[i] {
				seen[i] = true
				todo = append(todo, i)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// rank puts the package itself first, then packages that are made of little, and those that hold rules last.
func rank(used, by string, imports map[string][]string) int {
	switch {
	case by == used:
		return -1
	case strings.HasSuffix(by, "/"+rulesDir):
		return 1 << 20
	}
	return len(reach(imports, by+".test"))
}

func compareBy(a, b string, of func(string) int) int {
	if x, y := of(a), of(b); x != y {
		return x - y
	}
	return strings.Compare(a, b)
}
