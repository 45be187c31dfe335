package harness

import (
	"bytes"
	"fmt"
	"os"
	"slices"
)

// lineKey is what a line of metrics.jsonl is sorted by.
type lineKey struct {
	ts        float64
	user, seq int
}

// sortLines rewrites a JSON Lines file in the order of its lines' keys, which are given in the order in
// which the lines were written.
func sortLines(path string, keys []lineKey, order func(a, b lineKey) int) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := bytes.SplitAfter(raw, []byte{'\n'})
	if len(lines) > 0 && len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	if len(lines) != len(keys) {
		return fmt.Errorf("%s has %d lines, %d were written", path, len(lines), len(keys))
	}
	index := make([]int, len(keys))
	for i := range index {
		index[i] = i
	}
	slices.SortStableFunc(index, func(a, b int) int { return order(keys[a], keys[b]) })
	sorted := make([]byte, 0, len(raw))
	for _, i := range index {
		sorted = append(sorted, lines[i]...)
	}
	tmp := path + ".sorted"
	if err := os.WriteFile(tmp, sorted, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
