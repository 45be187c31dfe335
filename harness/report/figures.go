package report

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"sparkharness/harness/verdict"
)

// FiguresDir is the folder of the figures in that of a run.
const FiguresDir = "figures"

// WriteFigures puts figures/<name>.csv and figures/<name>.svg below dir for each figure of r. Names are
// reduced to letters, digits, '.', '_' and '-', so that no file leaves the folder.
func WriteFigures(dir string, r *verdict.Judgement) error {
	files, err := figureFiles(r)
	return errors.Join(write(dir, files), err)
}

// figureFiles are the files of each figure of r; after an error, of those before it.
func figureFiles(r *verdict.Judgement) (files []Rendering, err error) {
	names := figureNames(r.Figures)
	for i, f := range r.Figures {
		data, err := figureCSV(f)
		if err != nil {
			return files, fmt.Errorf("figure %q: %w", f.Name, err)
		}
		svg, err := drawFigure(f, rigLine(r)+": "+origin(r))
		if err != nil {
			return files, fmt.Errorf("figure %q: %w", f.Name, err)
		}
		base := filepath.Join(FiguresDir, names[i])
		files = append(files, Rendering{base + ".csv", data}, Rendering{base + ".svg", svg.file()})
	}
	return files, nil
}

// figureNames are the figures' file names without extension, distinct and safe.
func figureNames(figures []verdict.Figure) []string {
	names := make([]string, len(figures))
	taken := map[string]bool{}
	for i, f := range figures {
		base := strings.Trim(strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
				return r
			}
			return '_'
		}, f.Name), ".")
		if base == "" {
			base = "figure"
		}
		base = base[:min(len(base), 80)]
		name := base
		for n := 2; taken[strings.ToLower(name)]; n++ {
			name = base + "-" + strconv.Itoa(n)
		}
		// Lower case: some file systems hold KNEE and knee for one name.
		taken[strings.ToLower(name)] = true
		names[i] = name
	}
	return names
}

// figureCSV is a figure's points, one a line: panel ("1: TTFT p99, ms"), series, x, y and bounds; an open
// bound is an empty cell.
func figureCSV(f verdict.Figure) ([]byte, error) {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	_ = w.Write([]string{"panel", "series", "x", "y", "lo", "hi"}) // into memory; Error below has the last word
	for i, p := range f.Panels {
		panel := fmt.Sprintf("%d: %s", i+1, p.YLabel)
		for _, s := range p.Series {
			if err := checkSeries(s); err != nil {
				return nil, fmt.Errorf("panel %d: %w", i+1, err)
			}
			for k := range s.X {
				_ = w.Write([]string{cellText(panel), cellText(s.Name), exact(s.X[k]), exact(s.Y[k]), maybe(bound(s.Lo, k)), maybe(bound(s.Hi, k))})
			}
		}
	}
	w.Flush()
	return buf.Bytes(), w.Error()
}

// checkFigure refuses a figure that could not be drawn.
func checkFigure(f verdict.Figure) error {
	for i, p := range f.Panels {
		for _, s := range p.Series {
			if err := checkSeries(s); err != nil {
				return fmt.Errorf("panel %d: %w", i+1, err)
			}
		}
	}
	return nil
}

// checkSeries refuses a series whose parts differ in length.
func checkSeries(s verdict.Series) error {
	if len(s.X) != len(s.Y) {
		return fmt.Errorf("series %q has %d x and %d y", s.Name, len(s.X), len(s.Y))
	}
	for _, b := range [][]*float64{s.Lo, s.Hi} {
		if len(b) != 0 && len(b) != len(s.Y) {
			return fmt.Errorf("series %q has %d points and %d bounds", s.Name, len(s.Y), len(b))
		}
	}
	return nil
}

// bound is entry k of a list of bounds that may be empty.
func bound(list []*float64, k int) *float64 {
	if len(list) == 0 {
		return nil
	}
	return list[k]
}
