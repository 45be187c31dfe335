package report

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"sparkharness/harness/regular"
)

// IOName is the file of a run that tells what a drive did in it, by phase. Package sheet writes it, and the page shows it.
const IOName = "io.md"

// mostIO is the most bytes of such a file, of which a cell's part is some kilobytes.
const mostIO = 4 << 20

// ioSection is a part of the file as the page shows it.
type ioSection struct {
	Title  string
	Blocks []ioBlock
}

// ioBlock is a paragraph, or a table.
type ioBlock struct {
	Text  string
	Table tableView
}

// readIO reads the file of a run's folder; none is no fault.
func readIO(dir string) ([]ioSection, error) {
	text, err := regular.Read(filepath.Join(dir, IOName), mostIO)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	sections, err := parseIO(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, IOName), err)
	}
	return sections, nil
}

// parseIO reads sections, paragraphs and tables, which is all that such a file has. What stands before its first section the page
// says elsewhere.
func parseIO(text string) (out []ioSection, err error) {
	var table *tableView // that goes on
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSuffix(line, "\n")
		title, section := strings.CutPrefix(line, "## ")
		row := strings.HasPrefix(line, "|")
		if !row {
			table = nil
		}
		switch {
		case section:
			out = append(out, ioSection{Title: title})
		case line == "", len(out) == 0:
		case !row:
			last := &out[len(out)-1]
			last.Blocks = append(last.Blocks, ioBlock{Text: line})
		case table == nil:
			last := &out[len(out)-1]
			last.Blocks = append(last.Blocks, ioBlock{})
			table = &last.Blocks[len(last.Blocks)-1].Table
			for _, head := range rowOf(line) {
				table.Heads = append(table.Heads, headView{Text: head})
			}
		case len(rowOf(line)) != len(table.Heads):
			return nil, fmt.Errorf("line %d: a row of %d cells in a table of %d columns: it was edited", n, len(rowOf(line)), len(table.Heads))
		case strings.HasPrefix(line, "|---"):
			for i, rule := range rowOf(line) {
				table.Heads[i].Left = !strings.HasSuffix(rule, ":")
			}
		default:
			var cells []cellView
			for i, cell := range rowOf(line) {
				cells = append(cells, newCellView(cell, table.Heads[i].Left))
			}
			table.Lines = append(table.Lines, cells)
		}
	}
	return out, nil
}

// rowOf are the cells of a line of a table, in which a bar of a text stands behind a backslash.
func rowOf(line string) []string {
	const bar = "\x00" // which stands in no such text
	line = strings.ReplaceAll(line, `\|`, bar)
	line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "|"), "|")
	cells := strings.Split(line, "|")
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(strings.TrimSpace(cell), bar, "|")
	}
	return cells
}
