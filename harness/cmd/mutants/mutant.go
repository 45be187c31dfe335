package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// mutant is one fault.
type mutant struct {
	Name string `yaml:"name"` // unique, such as client_deaf
	// Func is the function that holds the fault, as decideH0 or Alpha.All; with several of one name the
	// package stands before it, as gate.Client or load.run.account.
	Func    string `yaml:"func"`
	Find    string `yaml:"find"`    // stands exactly once in the function
	Replace string `yaml:"replace"` // stands there instead
	// Import is a package that the replacement needs and its file does not import.
	Import string `yaml:"import,omitempty"`

	Area string `yaml:"-"` // name of its file
}

// readMutants reads every list of a folder; all that is wrong with them is told at once.
func readMutants(dir string) ([]mutant, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s holds no lists of faults (*.yaml)", dir)
	}
	var out []mutant
	var faults []error
	seen := map[string]bool{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var list []mutant
		dec := yaml.NewDecoder(bytes.NewReader(b))
		dec.KnownFields(true)
		if err := dec.Decode(&list); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", path, err))
			continue
		}
		for _, m := range list {
			m.Area = strings.TrimSuffix(filepath.Base(path), ".yaml")
			switch {
			case m.Name == "" || m.Func == "" || m.Find == "":
				faults = append(faults, fmt.Errorf("%s: fault %q: name, func and find are needed", path, m.Name))
			case m.Find == m.Replace:
				faults = append(faults, fmt.Errorf("%s: fault %s: find and replace are the same", path, m.Name))
			case seen[m.Name]:
				faults = append(faults, fmt.Errorf("%s: fault %s stands twice", path, m.Name))
			}
			seen[m.Name] = true
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b mutant) int { return strings.Compare(a.Area, b.Area) })
	return out, errors.Join(faults...)
}
