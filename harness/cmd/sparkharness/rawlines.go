package main

import "sparkharness/harness/record"

// rawLines are where each request leaves its line; nil is nowhere.
type rawLines struct{ w *record.Writer }

func (r *rawLines) write(rec *record.Request) error {
	if r == nil {
		return nil
	}
	return r.w.Write(rec)
}

// Close closes the file.
func (r *rawLines) Close() error {
	if r == nil {
		return nil
	}
	return r.w.Close()
}

// openLines creates the file of the raw lines, if one is named; nil writes none.
func openLines(path string) (*rawLines, error) {
	if path == "" {
		return nil, nil
	}
	w, err := createLines("lines", path, "file")
	return &rawLines{w}, err
}
