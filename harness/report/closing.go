package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"sparkharness/harness/gate"
	"sparkharness/harness/verdict"
)

// Line is one hypothesis of the closing table.
type Line struct {
	Hypothesis string             // its id, where there is no report
	NotHere    string             // why it cannot be decided where it was asked for, "" if it can
	Report     *verdict.Judgement // nil if there is none
	Path       string             // of report.json, as the reader can open it
	Expected   []verdict.Outcome  // that pass, none where any does
	Err        string             // why there is no report, or what went wrong after it
}

// notHere stands in the place of a verdict that nobody can come to.
const notHere = "not decidable here"

// Passes says that the verdict is one that is expected.
func (l Line) Passes() bool {
	return len(l.Expected) == 0 || slices.Contains(l.Expected, l.Report.Verdict.Outcome)
}

// expected are the outcomes that pass, a line each.
func (l Line) expected() string {
	lines := make([]string, len(l.Expected))
	for i, o := range l.Expected {
		lines[i] = string(o)
	}
	return strings.Join(lines, " or\n")
}

// Closing prints the verdicts of several hypotheses below each other.
func Closing(w io.Writer, lines []Line) error {
	var b strings.Builder
	common := commonOrigin(lines)
	if common != "" {
		b.WriteString(common + "\n\n")
	}
	const effectWidth, reasonWidth = 30, 60
	t := newTable()
	t.SetColumnConfigs([]table.ColumnConfig{
		{Number: 6, Align: text.AlignRight, AlignHeader: text.AlignRight},
		{Number: 7, Align: text.AlignRight, AlignHeader: text.AlignRight},
	})
	t.AppendHeader(table.Row{"hypothesis", "stacks", "verdict", "expected", "effect [interval]", "n", "gates", "first reason, report"})
	differs := false
	for _, l := range lines {
		row := closingRow(l, effectWidth, reasonWidth, common == "")
		if l.Report != nil && !l.Passes() {
			row[2] = fmt.Sprint(row[2]) + " *"
			differs = true
		}
		t.AppendRow(row)
	}
	render(&b, t)
	b.WriteString("\n" + tally(lines, "run", "runs") + "\n")
	if differs {
		b.WriteString("* not the expected verdict\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// closingRow is a line's cells; the rig is named in it where the lines have different ones.
func closingRow(l Line, effectWidth, reasonWidth int, withRig bool) table.Row {
	var last []string
	if l.Err != "" {
		last = wrap("error: "+l.Err, reasonWidth)
	}
	r := l.Report
	if l.NotHere != "" {
		return table.Row{dash(clean(l.Hypothesis)), "-", notHere, "-", "-", "-", "-", strings.Join(wrap(l.NotHere, reasonWidth), "\n")}
	}
	if r == nil {
		return table.Row{"-", "-", "none", dash(l.expected()), "-", "-", "-", strings.Join(append(last, reportPath(l)...), "\n")}
	}
	v := r.Verdict
	if len(v.Reasons) > 0 {
		last = append(last, wrap(v.Reasons[0], reasonWidth)...)
	}
	if v.Scope != "" {
		last = append(last, wrap("scope: "+v.Scope, reasonWidth)...)
	}
	if withRig {
		last = append(last, rigLine(r)+": "+origin(r))
	}
	headline, n := []string{"-"}, "-"
	if e := v.Effect; e != nil {
		headline, n = wrap(e.Name+": "+effect(e), effectWidth), strings.ReplaceAll(sample(e.N, e.Of), " ", "\n")
	}
	passed, total := gateCount(v.Gates)
	return table.Row{dash(clean(r.Hypothesis)), dash(clean(strings.Join(r.Stacks, ", "))), string(v.Outcome), dash(l.expected()),
		strings.Join(headline, "\n"), n, fmt.Sprintf("%d/%d", passed, total),
		strings.Join(append(last, reportPath(l)...), "\n")}
}

func reportPath(l Line) []string {
	if l.Path == "" {
		return nil
	}
	return []string{clean(l.Path)}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// gateCount counts the gates, of which each could fail the verdict. Grades are none of them, met or not.
func gateCount(gates []gate.Gate) (passed, total int) {
	for _, g := range gates {
		if isGrade(g) {
			continue
		}
		total++
		if g.Passed {
			passed++
		}
	}
	return passed, total
}

// isGrade says whether a gate decides nothing. In a report of an earlier version only the grades that were not met show.
func isGrade(g gate.Gate) bool { return g.Grade || !g.Passed && g.OnFailure == "" }

// commonOrigin is where the numbers of all lines come from, "" if they come from different places.
func commonOrigin(lines []Line) string {
	common := ""
	for _, l := range lines {
		if l.Report == nil {
			continue
		}
		s := rigLine(l.Report) + ": " + origin(l.Report)
		if common != "" && s != common {
			return ""
		}
		common = s
	}
	return common
}

// tally counts the outcomes of lines, each of which is one of many: "3 runs: 2 Supported, 1 Refuted".
func tally(lines []Line, one, many string) string {
	counts := map[verdict.Outcome]int{}
	for _, l := range lines {
		if l.NotHere != "" {
			counts[notHere]++
			continue
		}
		if l.Report == nil {
			counts["without a report"]++
			continue
		}
		counts[l.Report.Verdict.Outcome]++
	}
	var parts []string
	for _, o := range []verdict.Outcome{verdict.Supported, verdict.Refuted, verdict.Inconclusive, verdict.Invalid, "without a report", notHere} {
		if counts[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[o], o))
		}
	}
	noun := many
	if len(lines) == 1 {
		noun = one
	}
	if len(parts) == 0 {
		return "0 " + many
	}
	return fmt.Sprintf("%d %s: %s", len(lines), noun, strings.Join(parts, ", "))
}
