package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// tableWidth is that of a line of a table.
	tableWidth = 120
	// alike is from how many findings of a class on that saw the same they share a line.
	alike = 3
)

// colours are those of a terminal for what is not ok (ECMA-48, SGR).
var colours = map[Status]string{Warning: "\x1b[33m", Missing: "\x1b[31m", Unknown: "\x1b[36m"}

// row is a line of the table before it is wrapped.
type row struct {
	class, name string
	status      Status
	seen        string
}

// WriteTable writes the findings, what to do about those that are not ok, and how many there are of each status.
func WriteTable(w io.Writer, findings []Finding, colour bool) error {
	t := table{colour: colour}
	rows := rowsOf(findings)
	wide := len("check")
	for _, r := range rows {
		wide = max(wide, len(r.name))
	}
	t.line("%-8s %-*s %-8s %s\n", "class", wide, "check", "status", "seen")
	for _, r := range rows {
		lead := fmt.Sprintf("%-8s %-*s ", r.class, wide, r.name)
		t.wrapped(lead+t.painted(r.status)+" ", len(lead)+9, r.seen)
	}
	t.advice(findings)
	t.sum(findings)
	_, err := io.WriteString(w, t.text.String())
	return err
}

// name is the id, and of which server.
func (f *Finding) name() string { return strings.TrimSpace(f.ID + " " + f.Subject) }

// together names findings: one of each server whose like is among them by its id alone.
func together(of []*Finding, all []Finding) (names []string) {
	for _, f := range of {
		others := 0
		for i := range all {
			if all[i].ID == f.ID {
				others++
			}
		}
		for _, o := range of {
			if o.ID == f.ID {
				others--
			}
		}
		name := f.name()
		if others == 0 {
			name = f.ID
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// rowsOf are the lines: one a finding, and one for several of a class that are unknown for the same reason.
func rowsOf(findings []Finding) (rows []row) {
	last := Class("")
	for i := range findings {
		f := &findings[i]
		r := row{name: f.name(), status: f.Status, seen: f.Seen}
		var group []*Finding
		for k := range findings {
			if o := &findings[k]; f.Status == Unknown && o.Status == Unknown && o.Class == f.Class && o.Seen == f.Seen {
				group = append(group, o)
			}
		}
		if len(group) >= alike {
			if group[0] != f {
				continue
			}
			r.name, r.seen = fmt.Sprintf("%d checks", len(group)), f.Seen+": "+strings.Join(together(group, findings), ", ")
		}
		if f.Class != last {
			r.class, last = string(f.Class), f.Class
		}
		rows = append(rows, r)
	}
	return rows
}

type table struct {
	text   strings.Builder
	colour bool
}

func (t *table) line(format string, args ...any) { fmt.Fprintf(&t.text, format, args...) }

// painted is a status in eight columns.
func (t *table) painted(s Status) string {
	if c := colours[s]; t.colour && c != "" {
		return fmt.Sprintf("%s%-8s\x1b[0m", c, s)
	}
	return fmt.Sprintf("%-8s", s)
}

// wrapped writes a text behind a lead that takes so many columns, in lines of tableWidth at most.
func (t *table) wrapped(lead string, columns int, text string) {
	at := columns
	t.text.WriteString(lead)
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i > 0 && at+1+n > tableWidth:
			t.text.WriteString("\n" + strings.Repeat(" ", columns))
			at = columns
		case i > 0:
			t.text.WriteByte(' ')
			at++
		}
		t.text.WriteString(word)
		at += n
	}
	t.text.WriteByte('\n')
}

// advice says what to do, first about what chosen hypotheses lack. Checks that want the same thing done share it.
func (t *table) advice(findings []Finding) {
	begun := false
	said := map[string]bool{}
	for _, now := range []func(*Finding) bool{
		(*Finding).Fatal, (*Finding).Untold, func(f *Finding) bool { return f.Status == Missing || f.Status == Warning },
	} {
		for i := range findings {
			f := &findings[i]
			if said[f.name()] || !now(f) {
				continue
			}
			var group []*Finding
			for k := range findings {
				if o := &findings[k]; o.Fix == f.Fix && o.Status == f.Status && now(o) && !said[o.name()] {
					group = append(group, o)
					said[o.name()] = true
				}
			}
			if !begun {
				t.line("\nto do\n")
				begun = true
			}
			t.wrapped("  "+t.painted(f.Status)+" ", 11, f.todo(together(group, findings)))
		}
	}
}

// todo is what to do about a finding, and about others of those names that want the same. What is unknown has no reason yet.
func (f *Finding) todo(names []string) string {
	text := strings.Join(names, ", ") + ": " + f.Fix
	if f.Root && f.Status != Unknown {
		text += " (root)"
	}
	if f.Status != Unknown && len(names) == 1 {
		text += ". Why: " + f.Why
		if f.Source != "" {
			text += " [" + f.Source + "]"
		}
	}
	if len(f.NeededBy) > 0 && len(names) == 1 {
		text += ". Needed by " + needing(f.NeededBy)
	}
	return text
}

func needing(ids []string) string {
	if slices.Equal(ids, AllHypotheses) {
		return "all"
	}
	return strings.Join(ids, ", ")
}

// sum counts the statuses.
func (t *table) sum(findings []Finding) {
	counts := map[Status]int{}
	needed := 0
	for _, f := range findings {
		counts[f.Status]++
		if f.Fatal() || f.Untold() {
			needed++
		}
	}
	t.line("\n%d ok, %d warnings, %d missing, %d unknown; %d of what the chosen hypotheses need is missing or unknown\n",
		counts[OK], counts[Warning], counts[Missing], counts[Unknown], needed)
}
