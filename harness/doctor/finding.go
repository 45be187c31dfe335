package doctor

import (
	"fmt"
	"slices"
)

// Class is what a check is about.
type Class string

// Classes, in the order of tables and of exit statuses.
const (
	Host   Class = "machine"
	Memory Class = "memory"
	GPU    Class = "gpu"
	Drive  Class = "drive"
	Server Class = "server"
	Tools  Class = "tools"
	Client Class = "client"
	Go     Class = "go"
)

// Classes are all in their order.
var Classes = []Class{Host, Memory, GPU, Drive, Server, Tools, Client, Go}

// Status is how a check came out.
type Status string

// Statuses. Unknown is what could not be told, and is never ok.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Missing Status = "missing"
	Unknown Status = "unknown"
)

// Figure is a number that was seen, for whoever compares two findings.
type Figure struct {
	Value float64 `json:"value"`
	Unit  string  `json:"unit"` // B, MHz, ms, count, blocks, %
}

// Finding is how one check came out.
type Finding struct {
	ID      string `json:"id"`                // stable, in kebab case
	Subject string `json:"subject,omitempty"` // the stack, A or B, of a check that each server has
	Class   Class  `json:"class"`
	Status  Status `json:"status"`
	Seen    string `json:"seen"` // with units
	// Figure is what was seen as a number; nil: nothing was measured.
	Figure *Figure `json:"figure"`
	Why    string  `json:"why"`
	Fix    string  `json:"fix"`
	// Root says that the check or its fix needs root.
	Root   bool   `json:"root"`
	Source string `json:"source"` // where that is published; "" for what follows from this program
	// NeededBy are the chosen hypotheses that cannot do without; none: it is advice.
	NeededBy []string `json:"needed_by"`
}

// Fatal says that a chosen hypothesis lacks what it needs.
func (f *Finding) Fatal() bool { return f.Status == Missing && len(f.NeededBy) > 0 }

// Untold says that what a chosen hypothesis needs is not known.
func (f *Finding) Untold() bool { return f.Status == Unknown && len(f.NeededBy) > 0 }

// Lacking is the first class of which something that is needed is missing; "" if nothing is.
func Lacking(findings []Finding) Class {
	for _, c := range Classes {
		if slices.ContainsFunc(findings, func(f Finding) bool { return f.Class == c && f.Fatal() }) {
			return c
		}
	}
	return ""
}

// seen is what a check saw. Fix and source, where they are not empty, stand in place of the check's own.
type seen struct {
	status      Status
	text        string
	fix, source string
	figure      *Figure
}

func ok(format string, args ...any) seen { return seen{status: OK, text: fmt.Sprintf(format, args...)} }
func warning(format string, args ...any) seen {
	return seen{status: Warning, text: fmt.Sprintf(format, args...)}
}
func missing(format string, args ...any) seen {
	return seen{status: Missing, text: fmt.Sprintf(format, args...)}
}
func unknown(format string, args ...any) seen {
	return seen{status: Unknown, text: fmt.Sprintf(format, args...)}
}

// with adds the figure.
func (s seen) with(value float64, unit string) seen {
	s.figure = &Figure{value, unit}
	return s
}

// do is another fix than the check's own.
func (s seen) do(fix string) seen {
	s.fix = fix
	return s
}

// unnamed is what a check sees that needs something which a flag names.
func unnamed(what, flag string) seen {
	return unknown("%s was not named (%s)", what, flag).do("name it with " + flag)
}

// by is another source than the check's own.
func (s seen) by(source string) seen {
	s.source = source
	return s
}
