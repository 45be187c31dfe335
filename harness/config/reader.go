package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// reader collects the faults of one file, first those of its form while a struct is filled, then those of
// its meaning, for which it remembers where each field stood.
type reader struct {
	file   string
	faults Faults
	lines  map[string]int  // path of a field to its line
	bad    map[string]bool // paths that have a fault: one fault a field, no consequences of it
}

// parse fills a T from one YAML document and checks it, whatever the first faults are.
func parse[T any](file string, data []byte, check func(*T, *reader)) (*T, error) {
	r := &reader{file: file, lines: map[string]int{}, bad: map[string]bool{}}
	v := new(T)
	if root := r.document(data); root != nil {
		r.structure(reflect.ValueOf(v).Elem(), root, root.Line, "")
		check(v, r)
	}
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Fault) int { return a.Line - b.Line })
		return nil, r.faults
	}
	return v, nil
}

func (r *reader) fault(line int, path, format string, args ...any) {
	r.bad[path] = true
	r.faults = append(r.faults, Fault{File: r.file, Line: line, Path: path, Problem: fmt.Sprintf(format, args...)})
}

// refuse reports a field whose value does not make sense, unless it or what holds it has a fault already.
// An absent field is reported on the line of its nearest parent.
func (r *reader) refuse(path, format string, args ...any) {
	if !r.ok(path) {
		return
	}
	line := 0
	for p := path; line == 0 && p != ""; p = parent(p) {
		line = r.lines[p]
	}
	if line == 0 {
		line = r.lines[""]
	}
	r.fault(line, path, format, args...)
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

// document returns the one mapping that the file must be, or nil after a fault.
func (r *reader) document(data []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	if err == nil {
		err = dec.Decode(&second)
	} else if errors.Is(err, io.EOF) {
		r.fault(1, "", "is empty")
		return nil
	}
	switch {
	case err == nil:
		r.fault(second.Line, "", "has a second document; one file is one configuration")
		return nil
	case !errors.Is(err, io.EOF):
		m := syntaxLine.FindStringSubmatch(strings.TrimPrefix(err.Error(), "yaml: "))
		line, _ := strconv.Atoi(m[1])
		if line > 0 && parserProblem.MatchString(m[2]) {
			line++
		}
		r.fault(line, "", "is not YAML: %s", m[2])
		return nil
	}
	root := target(doc.Content[0])
	if root.Kind != yaml.MappingNode {
		if isNull(root) {
			r.fault(1, "", "is empty")
		} else {
			r.fault(root.Line, "", "must be a mapping of fields, not %s", describe(root))
		}
		return nil
	}
	r.lines[""] = root.Line
	return root
}
