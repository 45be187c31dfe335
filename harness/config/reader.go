package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"sparkharness/harness/regular"
)

// reader collects the faults of a configuration, first those of its form while a struct is filled, then those
// of its meaning, for which it remembers where each field stood.
type reader struct {
	open   func(path string) ([]byte, error)
	files  []string // in the order in which they were read, which is that of their faults
	faults Faults
	places map[string]place // of each field, where it stands in the file that decides it
	bad    map[string]bool  // paths that have a fault: one fault a field, no consequences of it
}

// maxFile is the most bytes of a file of configuration: the largest of configs/ has three thousand.
const maxFile = 1 << 20

// readFile is the content of a file of configuration.
func readFile(path string) ([]byte, error) { return regular.Read(path, maxFile) }

func newReader(open func(string) ([]byte, error)) *reader {
	return &reader{open: open, places: map[string]place{}, bad: map[string]bool{}}
}

// parse fills a T from the layers of a configuration and from parts, which lie below them and need not hold every
// field, and checks it, whatever the first faults are.
func parse[T any](r *reader, in, parts []layer, check func(*T, *reader)) (*T, error) {
	v := new(T)
	if len(r.faults) == 0 {
		r.places[""] = in[0].at
		r.structure(reflect.ValueOf(v).Elem(), slices.Concat(in, parts), in[len(in)-1].at, "")
		check(v, r)
	}
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Fault) int {
			return cmp.Or(slices.Index(r.files, a.File)-slices.Index(r.files, b.File), a.Line-b.Line)
		})
		return nil, r.faults
	}
	return v, nil
}

func (r *reader) fault(at place, path, format string, args ...any) {
	r.bad[path] = true
	r.faults = append(r.faults, Fault{File: at.file, Line: at.line, Path: path, Problem: fmt.Sprintf(format, args...)})
}

// refuse reports a field whose value does not make sense, unless it or what holds it has a fault already.
// An absent field is reported on the line of its nearest parent.
func (r *reader) refuse(path, format string, args ...any) {
	if !r.ok(path) {
		return
	}
	for p := path; ; p = parent(p) {
		if at, stands := r.places[p]; stands || p == "" {
			r.fault(at, path, format, args...)
			return
		}
	}
}

// ok reports whether none of the fields, nor what holds them, has a fault: only then can they be compared.
func (r *reader) ok(paths ...string) bool {
	for _, path := range paths {
		for p := path; p != ""; p = parent(p) {
			if r.bad[p] {
				return false
			}
		}
	}
	return true
}

// parent is the path less its last element: sweep.conc[2], sweep.conc, sweep.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// join quotes a name that is no plain one, so that a fault stays on its line.
func join(path, name string) string {
	if !plain(name) {
		name = fmt.Sprintf("%.40q", name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// syntaxLine is where yaml.v3 puts the line number into the text of an error.
var syntaxLine = regexp.MustCompile(`^(?:line (\d+): )?((?s).*)$`)

// parserProblem are the errors whose lines yaml.v3 counts from 0 (func (*parser) fail in its decode.go
// adds one for those of the scanner only).
var parserProblem = regexp.MustCompile(`^did not find expected (key|node content|'-' indicator|',' or)`)

// document returns the one mapping that a file must be, or nil after a fault.
func (r *reader) document(file string, data []byte) *yaml.Node {
	r.files = append(r.files, file)
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	if err == nil {
		err = dec.Decode(&second)
	} else if errors.Is(err, io.EOF) {
		r.fault(place{file, 1}, "", "is empty")
		return nil
	}
	switch {
	case err == nil:
		r.fault(place{file, second.Line}, "", "has a second document; one file is one configuration")
		return nil
	case !errors.Is(err, io.EOF):
		m := syntaxLine.FindStringSubmatch(strings.TrimPrefix(err.Error(), "yaml: "))
		line, _ := strconv.Atoi(m[1])
		if line > 0 && parserProblem.MatchString(m[2]) {
			line++
		}
		r.fault(place{file, line}, "", "is not YAML: %s", m[2])
		return nil
	}
	root := target(doc.Content[0])
	if root.Kind != yaml.MappingNode {
		if isNull(root) {
			r.fault(place{file, 1}, "", "is empty")
		} else {
			r.fault(place{file, root.Line}, "", "must be a mapping of fields, not %s", describe(root))
		}
		return nil
	}
	return root
}
