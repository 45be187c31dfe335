package config

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong in a file.
type Fault struct {
	File    string
	Line    int    // from 1; 0 if it is not known
	Path    string // of the field, such as dynamo.tiers.tier1.capacity_bytes; empty for the whole file
	Problem string
}

func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	if f.Path != "" {
		b.WriteString(": " + f.Path)
	}
	return b.String() + ": " + f.Problem
}

// Faults is everything that is wrong in a file, ordered by line. It is the error of the Load and Parse
// functions for a file that could be opened.
type Faults []Fault

// Error has one line a fault: file:line: path: problem.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].String()
	}
	return strings.Join(lines, "\n")
}

// didYouMean is a hint at the known name that is nearest to an unknown one, or empty if none is near.
func didYouMean(name string, known []string) string {
	best, least := "", max(1, len(name)/3)+1
	for _, k := range known {
		if d := editDistance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// editDistance is the least number of inserted, deleted, replaced and swapped neighbouring bytes that
// turn a into b (optimal string alignment).
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
