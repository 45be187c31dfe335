package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/verdict"
)

const (
	tableWidth = 156 // characters of a line of text; the terminal is at most 160 wide
	cellWidth  = 32  // characters of a cell key that a table always has room for; it is broken at a slash
)

// Table prints a hypothesis's report for a terminal: where it was measured, a line for each cell, the
// answer to a sizing question, and below them what was concluded from the cells.
func Table(w io.Writer, r *verdict.Judgement) error {
	var b strings.Builder
	tableHead(&b, r)
	if len(r.Rows) > 0 {
		writeColumns(&b, latencyColumns(r.Rows), r.Rows)
		answersTable(&b, r.Rows)
		workloadTable(&b, r.Rows)
		storageTable(&b, r.Rows)
	} else {
		b.WriteString("no cell was measured\n")
	}
	accountTable(&b, r.Accounts)
	if r.Sizing != nil {
		sizingTable(&b, r.Sizing)
	}
	b.WriteByte('\n')
	conclusion(&b, r)
	_, err := io.WriteString(w, b.String())
	return err
}

// TableName is the file of a run that holds what Table prints.
const TableName = "table.txt"

// WriteTable puts what Table prints into dir/table.txt.
func WriteTable(dir string, r *verdict.Judgement) error {
	file, err := tableFile(r)
	if err != nil {
		return err
	}
	return write(dir, []Rendering{file})
}

func tableFile(r *verdict.Judgement) (Rendering, error) {
	var buf bytes.Buffer
	err := Table(&buf, r)
	return Rendering{TableName, buf.Bytes()}, err
}

func tableHead(b *strings.Builder, r *verdict.Judgement) {
	fmt.Fprintf(b, "%s  %s seed=%d  cells %d/%d  measured %s", clean(r.Hypothesis), rigLine(r), r.Seed,
		r.CellsMeasured, r.CellsPlanned, span(r.CellSeconds))
	if r.CellsAgain > 0 {
		fmt.Fprintf(b, "  measured again %d", r.CellsAgain)
	}
	if r.Interrupted {
		b.WriteString("  INTERRUPTED")
	}
	fmt.Fprintf(b, "\n%s\n\n", origin(r))
}

// answersTable prints how answers came, where they came otherwise than a token a chunk and at the first sending.
func answersTable(b *strings.Builder, rows []evidence.Row) {
	if columns := answersColumns(rows); columns != nil {
		b.WriteString("\nanswers\n\n")
		writeColumns(b, columns, rows)
	}
}

// workloadTable prints what the load asked for and what it met, where anything is known of it.
func workloadTable(b *strings.Builder, rows []evidence.Row) {
	if columns := workloadColumns(rows); columns != nil {
		b.WriteString("\nworkload\n\n")
		writeColumns(b, columns, rows)
	}
}

// storageTable prints what was moved to and from storage, where anything is known of it.
func storageTable(b *strings.Builder, rows []evidence.Row) {
	if columns := storageColumns(rows); columns != nil {
		b.WriteString("\nbytes to and from storage\n\n")
		writeColumns(b, columns, rows)
	}
}

// sizingTable prints the question and what each configuration says to it.
func sizingTable(b *strings.Builder, s *verdict.Sizing) {
	b.WriteByte('\n')
	block(b, "sizing", [][]string{{clean(s.Question)}})
	b.WriteByte('\n')
	if len(s.Rows) == 0 {
		b.WriteString("no configuration was measured\n")
		return
	}
	writeColumns(b, sizingColumns(s), s.Rows)
}

// writeColumns prints a line for each row, below headings of several lines. The key, which is the
// first column and may name any number of factors, is broken only where the others leave it no room.
func writeColumns[T any](b *strings.Builder, columns []column[T], rows []T) {
	longest := cellWidth
	for i := range rows {
		longest = max(longest, len([]rune(columns[0].cell(&rows[i]))))
	}
	s := columnLines(columns, rows, longest)
	if over := text.LongestLineLen(s) - tableWidth; over > 0 {
		s = columnLines(columns, rows, max(cellWidth, longest-over))
	}
	b.WriteString(s)
}

// columnLines are the lines of a table whose key has at most keyWidth characters a line.
func columnLines[T any](columns []column[T], rows []T, keyWidth int) string {
	t := newTable()
	head := make(table.Row, len(columns))
	configs := make([]table.ColumnConfig, len(columns))
	for i, c := range columns {
		head[i] = c.headLines()
		configs[i] = table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight, VAlignHeader: text.VAlignBottom}
		if c.text {
			configs[i] = table.ColumnConfig{Number: i + 1, WidthMax: keyWidth, WidthMaxEnforcer: wrapKey, VAlignHeader: text.VAlignBottom}
		}
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(head)
	for i := range rows {
		line := make(table.Row, len(columns))
		for k, c := range columns {
			line[k] = c.cell(&rows[i])
		}
		t.AppendRow(line)
	}
	var b strings.Builder
	render(&b, t)
	return b.String()
}

// newTable is a table without borders: two spaces between columns, a rule below the heading.
func newTable() table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.Options{SeparateHeader: true}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	return t
}

// render prints a table without spaces at line ends.
func render(b *strings.Builder, t table.Writer) {
	for line := range strings.SplitSeq(t.Render(), "\n") {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// wrapKey breaks a cell key after a slash where it would exceed width.
func wrapKey(key string, width int) string {
	var lines []string
	line := ""
	for part := range strings.SplitAfterSeq(key, "/") {
		if line != "" && len(line)+len(part) > width {
			lines = append(lines, line)
			line = ""
		}
		line += part
	}
	return strings.Join(append(lines, line), "\n")
}

// conclusion prints the verdict and everything that it rests on, a labelled block each.
func conclusion(b *strings.Builder, r *verdict.Judgement) {
	v := r.Verdict
	block(b, "verdict", verdictLines(v))
	block(b, "scope", [][]string{{clean(v.Scope)}})
	block(b, "look", [][]string{{lookLine(r.Look)}})
	if e := v.Effect; e != nil {
		block(b, "effect", [][]string{{clean(e.Name) + ": " + effect(e) + ", n " + sample(e.N, e.Of)}})
	}
	var gates, checks, findings, parts [][]string
	for _, g := range v.Gates {
		gates = append(gates, []string{clean(g.Name), gateState(g), clean(g.Detail)})
	}
	for _, c := range v.Checks {
		checks = append(checks, []string{clean(c.Name), clean(string(c.State)), clean(c.Detail)})
	}
	for _, f := range r.Findings {
		findings = append(findings, []string{clean(f.Name), value(f.Value, f.Lo, f.Hi, f.Unit), clean(f.Detail)})
	}
	for _, u := range r.Uncalibrated {
		parts = append(parts, []string{clean(u)})
	}
	block(b, "gates", gates)
	block(b, "checks", checks)
	block(b, "findings", findings)
	block(b, "uncalibrated", parts)
	block(b, "report", [][]string{{clean(r.RunID) + "/" + FileName}})
}

// verdictLines are the outcome with its first reason, and the reasons that no check repeats below.
func verdictLines(v verdict.Verdict) [][]string {
	repeated := map[string]bool{}
	for _, c := range v.Checks {
		repeated[c.Sentence()] = true
	}
	lines := [][]string{{string(v.Outcome), ""}}
	for i, reason := range v.Reasons {
		switch {
		case i == 0:
			lines[0][1] = clean(reason)
		case !repeated[reason]:
			lines = append(lines, []string{"", clean(reason)})
		}
	}
	return lines
}

// lookLine says at which of its looks a run was judged, and at which level.
func lookLine(l evidence.Look) string {
	if l.Of == 0 {
		return "not told: an earlier version judged it"
	}
	line := fmt.Sprintf("%d of %d, after %d blocks; each check one-sided at %.2g %%, over all looks at %.2g %%", l.At, l.Of, l.Blocks, l.Level*100, evidence.OneSided*100)
	if !l.Reached {
		line += "; not reached"
	}
	return line
}

// gateState is what a gate did: ok, FAILED, or grade for a grade that was not met and fails nothing.
func gateState(g gate.Gate) string {
	switch {
	case g.Passed:
		return "ok"
	case isGrade(g):
		return "grade"
	}
	return "FAILED"
}

// block prints lines of fields below each other, the last field wrapped, behind a label.
func block(b *strings.Builder, label string, lines [][]string) {
	const indent = 14
	if len(lines) == 0 {
		return
	}
	last := len(lines[0]) - 1
	widths := make([]int, last)
	for _, line := range lines {
		for i := range last {
			widths[i] = max(widths[i], len([]rune(line[i])))
		}
	}
	for _, line := range lines {
		head := fmt.Sprintf("%-*s", indent, label)
		for i := range last {
			head += fmt.Sprintf("%-*s  ", widths[i], line[i])
		}
		room := max(40, tableWidth-len([]rune(head)))
		for _, piece := range wrap(line[last], room) {
			b.WriteString(strings.TrimRight(head+piece, " ") + "\n")
			head = strings.Repeat(" ", len([]rune(head)))
		}
		label = ""
	}
}
