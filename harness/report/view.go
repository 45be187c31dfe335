package report

import (
	"cmp"
	"fmt"
	"html/template"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"sparkharness/harness/verdict"
)

// page is what the template of index.html prints. Every string in it is escaped by html/template; only the
// figures are passed on as they are, because they are drawn here and never read from disk.
type page struct {
	Runs      []runView
	Origins   []string // how far the numbers speak about hardware, a line for each rig
	Simulated int      // runs whose numbers are not all measured
	Tally     string
	Warnings  []string // reports that could not be read
	Undrawn   []string // values that no figure could show
}

// runView is one run as the page shows it.
type runView struct {
	*verdict.Judgement
	Anchor     string
	Badge      string // CSS class of the outcome
	Rig        string
	Origin     string
	Simulated  bool
	Cells      string
	Measured   string
	Effect     string
	EffectName string
	EffectN    string
	Gates      string
	GateRows   [][]string // state class, name, state, detail
	CheckRows  [][]string // state class, name, state, value, n, detail
	Findings   [][]string // name, value, detail
	Latency    tableView
	Answers    tableView // no lines where each token came in a chunk and no request was sent again
	Load       tableView // no lines where nothing is known of it
	Storage    tableView // bytes; no lines where nothing is known of them
	SizingRows tableView
	Bytes      tableView // account of the bytes on the NVMe
	Probed     bool      // the probe is one of its terms
	IO         []ioSection
	Drawings   []template.HTML
	Undrawn    []string // values that its figures leave out, because nothing measured can have them
	Links      []link
}

// tableView is a table of columns as the page shows it.
type tableView struct {
	Heads []headView
	Lines [][]cellView
}

type headView struct {
	Text string
	Left bool
}

type cellView struct {
	Parts []string // the text, in pieces between which it may break
	Left  bool
}

type link struct{ Text, URL string }

// newPage prepares the runs, by hypothesis in natural order, the default world first, then by run id.
func newPage(resultsDir string, runs []folder, warnings []string) (page, error) {
	p := page{Warnings: warnings}
	runs = slices.Clone(runs)
	slices.SortStableFunc(runs, func(a, b folder) int {
		return cmp.Or(natural(a.report.Hypothesis, b.report.Hypothesis), control(a.report)-control(b.report))
	})
	var lines []Line
	for i, run := range runs {
		v, err := newRunView(resultsDir, run)
		if err != nil {
			return p, fmt.Errorf("run %q: %w", run.report.RunID, err)
		}
		p.Undrawn = append(p.Undrawn, v.Undrawn...)
		v.Anchor = fmt.Sprintf("run-%d", i+1)
		p.Runs = append(p.Runs, v)
		if v.Simulated {
			p.Simulated++
		}
		lines = append(lines, Line{Report: run.report})
	}
	p.Origins, p.Tally = originLines(runs), tally(lines, "run", "runs")
	return p, nil
}

func newRunView(resultsDir string, run folder) (runView, error) {
	r := run.report
	passed, total := gateCount(r.Verdict.Gates)
	v := runView{
		Judgement: r, Badge: strings.ToLower(string(r.Verdict.Outcome)),
		Rig: rigLine(r), Origin: origin(r), Simulated: r.Simulated,
		Cells: fmt.Sprintf("%d of %d", r.CellsMeasured, r.CellsPlanned), Measured: span(r.CellSeconds),
		Effect: "-", EffectN: "-", Gates: fmt.Sprintf("%d/%d", passed, total), IO: run.io,
	}
	if e := r.Verdict.Effect; e != nil {
		v.Effect, v.EffectName, v.EffectN = effect(e), e.Name, sample(e.N, e.Of)
	}
	for _, g := range r.Verdict.Gates {
		state := gateState(g)
		v.GateRows = append(v.GateRows, []string{strings.ToLower(state), g.Name, state, g.Detail})
	}
	for _, c := range r.Verdict.Checks {
		v.CheckRows = append(v.CheckRows, []string{checkClass(c.State), c.Name, string(c.State), value(c.Value, c.Lo, c.Hi, c.Unit), checkN(c), c.Detail})
	}
	for _, f := range r.Findings {
		v.Findings = append(v.Findings, []string{f.Name, value(f.Value, f.Lo, f.Hi, f.Unit), f.Detail})
	}
	v.Latency = newTableView(latencyColumns(r.Rows), r.Rows)
	if columns := answersColumns(r.Rows); columns != nil {
		v.Answers = newTableView(columns, r.Rows)
	}
	if columns := workloadColumns(r.Rows); columns != nil {
		v.Load = newTableView(columns, r.Rows)
	}
	if columns := storageColumns(r.Rows); columns != nil {
		v.Storage = newTableView(columns, r.Rows)
	}
	if len(r.Accounts) > 0 {
		v.Bytes, v.Probed = newTableView(accountColumns(r.Accounts), r.Accounts), probed(r.Accounts)
	}
	if s := r.Sizing; s != nil {
		v.SizingRows = newTableView(sizingColumns(s), s.Rows)
	}
	for _, f := range r.Figures {
		d, err := drawFigure(f, rigLine(r)+": "+origin(r))
		if err != nil {
			return v, fmt.Errorf("figure %q: %w", f.Name, err)
		}
		for _, w := range d.warnings {
			v.Undrawn = append(v.Undrawn, fmt.Sprintf("run %s, figure %s: %s", r.RunID, f.Name, w))
		}
		v.Drawings = append(v.Drawings, template.HTML(d.inline())) // #nosec G203: our own drawing, its text escaped
	}
	v.Links = links(resultsDir, run)
	return v, nil
}

func newTableView[T any](columns []column[T], rows []T) tableView {
	var v tableView
	for _, c := range columns {
		v.Heads = append(v.Heads, headView{c.heading(), c.text})
	}
	for i := range rows {
		line := make([]cellView, len(columns))
		for k, c := range columns {
			line[k] = newCellView(c.cell(&rows[i]), c.text)
		}
		v.Lines = append(v.Lines, line)
	}
	return v
}

// newCellView lets a long key break where the terminal does, and no number.
func newCellView(s string, key bool) cellView {
	if key {
		return cellView{strings.Split(wrapKey(s, cellWidth), "\n"), true}
	}
	return cellView{[]string{s}, false}
}

// links lead to the run's files that exist, relative to the page.
func links(resultsDir string, run folder) []link {
	names := []string{FileName, TableName, IOName}
	for _, n := range figureNames(run.report.Figures) {
		names = append(names, "figures/"+n+".csv")
	}
	var out []link
	for _, n := range names {
		if _, err := os.Stat(filepath.Join(resultsDir, run.name, n)); err != nil {
			continue
		}
		// The leading "./" keeps a colon in a folder's name from becoming a scheme.
		out = append(out, link{Text: strings.TrimPrefix(n, "figures/"), URL: "./" + url.PathEscape(run.name) + "/" + n})
	}
	return out
}

// checkClass is the CSS class of a check's state.
func checkClass(s verdict.State) string {
	switch s {
	case verdict.Holds:
		return "ok"
	case verdict.Contradicted:
		return "failed"
	case verdict.Undecided:
		return "grade"
	}
	return "noted"
}

func checkN(c verdict.Check) string {
	if c.N == 0 {
		return "-"
	}
	return sample(c.N, c.Of)
}

// control is 0 for a run of the default world or of hardware, and 1 for one of another world.
func control(r *verdict.Judgement) int {
	if r.World == "" || r.World == "default" {
		return 0
	}
	return 1
}

// natural orders names such as H2B and H10 by their numbers first.
func natural(a, b string) int {
	split := func(s string) (digits, rest string) {
		s = strings.TrimLeftFunc(s, func(r rune) bool { return !unicode.IsDigit(r) })
		rest = strings.TrimLeftFunc(s, unicode.IsDigit)
		return strings.TrimLeft(s[:len(s)-len(rest)], "0"), rest
	}
	da, ra := split(a)
	db, rb := split(b)
	if len(da) != len(db) {
		return len(da) - len(db)
	}
	if c := strings.Compare(da, db); c != 0 {
		return c
	}
	if c := strings.Compare(ra, rb); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}
