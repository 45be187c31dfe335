package record

import (
	"fmt"
	"strconv"
	"strings"
)

// Factor is one varied quantity of a sweep and the level that a cell has of it.
type Factor struct {
	Name  string `json:"name"`
	Level string `json:"level"`
}

// Cell is one combination of factor levels at one repetition. Its String is the sub-test name, the
// folder name below cells/ and the key in every table: "ctx=2048/conc=32/rep=1".
type Cell []Factor

// NewCell builds a cell from alternating names and levels; a level is printed with fmt.Sprint.
func NewCell(pairs ...any) Cell {
	if len(pairs)%2 != 0 {
		panic("record: NewCell needs name, level pairs")
	}
	c := make(Cell, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		c = append(c, Factor{Name: fmt.Sprint(pairs[i]), Level: fmt.Sprint(pairs[i+1])})
	}
	return c
}

// ParseCell is the inverse of String.
func ParseCell(s string) (Cell, error) {
	var c Cell
	seen := map[string]bool{}
	for part := range strings.SplitSeq(s, "/") {
		name, level, ok := strings.Cut(part, "=")
		if !ok || !plain(name) || !plain(level) {
			return nil, fmt.Errorf("cell key %q: part %q is not name=level in letters, digits, '.', '_', '-', '+'", s, part)
		}
		if seen[name] {
			return nil, fmt.Errorf("cell key %q: factor %q stands twice", s, name)
		}
		seen[name] = true
		c = append(c, Factor{Name: name, Level: level})
	}
	return c, nil
}

// plain reports whether s can be a path element and a shell word: nothing in a cell key can leave the
// results folder.
func plain(s string) bool {
	if s == "" || strings.Trim(s, ".") == "" {
		return false
	}
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9',
			r == '.', r == '_', r == '-', r == '+':
		default:
			return false
		}
	}
	return true
}

func (c Cell) String() string {
	parts := make([]string, len(c))
	for i, f := range c {
		parts[i] = f.Name + "=" + f.Level
	}
	return strings.Join(parts, "/")
}

// Folder is the cell's folder name below cells/: the key in one path element.
func (c Cell) Folder() string { return strings.ReplaceAll(c.String(), "/", ",") }

// Level returns the level of the named factor, "" if the cell has no such factor.
func (c Cell) Level(name string) string {
	for _, f := range c {
		if f.Name == name {
			return f.Level
		}
	}
	return ""
}

// Float returns the level of the named factor as a number; ok is false if it is absent or not a number.
func (c Cell) Float(name string) (v float64, ok bool) {
	v, err := strconv.ParseFloat(c.Level(name), 64)
	return v, err == nil
}

// Int returns the level of the named factor as a whole number, 0 if it is absent or not one.
func (c Cell) Int(name string) int {
	v, err := strconv.Atoi(c.Level(name))
	if err != nil {
		return 0
	}
	return v
}

// Without returns the cell less the named factors: Without("rep") groups the repetitions of a cell,
// Without("stack") pairs the arms of a block.
func (c Cell) Without(names ...string) Cell {
	out := make(Cell, 0, len(c))
next:
	for _, f := range c {
		for _, n := range names {
			if f.Name == n {
				continue next
			}
		}
		out = append(out, f)
	}
	return out
}
