package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"path/filepath"

	"sparkharness/harness/disk"
)

//go:embed page.html.tmpl
var pageSource string

// IndexName is the page over all runs of a results directory.
const IndexName = "index.html"

// WriteIndex puts resultsDir/index.html: the verdicts of all runs below resultsDir and a section for each.
// The page holds its style and its figures, loads nothing, and runs no script. The warnings name reports
// that could not be read and values that no figure shows; the page lists them too.
func WriteIndex(resultsDir string) (warnings []string, err error) {
	text, warnings, err := index(resultsDir)
	if err != nil {
		return warnings, err
	}
	return warnings, disk.Replace(filepath.Join(resultsDir, IndexName), text)
}

// index is the page and the warnings of WriteIndex.
func index(resultsDir string) (text []byte, warnings []string, err error) {
	runs, warnings, err := folders(resultsDir)
	if err != nil {
		return nil, nil, err
	}
	p, err := newPage(resultsDir, runs, warnings)
	if err != nil {
		return nil, warnings, err
	}
	warnings = append(warnings, p.Undrawn...)
	t, err := template.New("page").Parse(pageSource)
	if err != nil {
		return nil, warnings, fmt.Errorf("page template: %w", err)
	}
	var buf bytes.Buffer
	if err := t.Execute(&buf, p); err != nil {
		return nil, warnings, fmt.Errorf("page: %w", err)
	}
	return buf.Bytes(), warnings, nil
}
