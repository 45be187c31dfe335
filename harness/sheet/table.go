package sheet

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// none is a cell without a value.
const none = "-"

// grid is a table of Markdown. The first keys columns are text, the others numbers.
type grid struct {
	heads []string
	keys  int
	rows  [][]string
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// write prints the table. A column of which no row has a value is left out, and its heading is returned.
func (g *grid) write(b *strings.Builder) (left []string) {
	shown := make([]bool, len(g.heads))
	for i := range g.heads {
		shown[i] = i < g.keys || slices.ContainsFunc(g.rows, func(row []string) bool { return row[i] != none })
		if !shown[i] {
			left = append(left, g.heads[i])
		}
	}
	line := func(cells []string) {
		for i, c := range cells {
			if shown[i] {
				b.WriteString("| " + escaped(c) + " ")
			}
		}
		b.WriteString("|\n")
	}
	line(g.heads)
	for i := range g.heads {
		switch {
		case i < g.keys:
			b.WriteString("|---")
		case shown[i]:
			b.WriteString("|---:")
		}
	}
	b.WriteString("|\n")
	for _, row := range g.rows {
		line(row)
	}
	return left
}

// escaped is a text that stays in its cell, and moves no terminal's cursor.
func escaped(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
	return strings.ReplaceAll(s, "|", `\|`)
}

// number prints a value with three significant digits, whole numbers in full.
func number(v float64) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	decimals := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	if decimals > 9 {
		return strconv.FormatFloat(v, 'e', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// opt prints a value times a factor, a dash where there is none.
func opt(v *float64, factor float64) string {
	if v == nil {
		return none
	}
	return number(*v * factor)
}

// ratio prints a / b, a dash where one of them is not told or b is 0.
func ratio(a, b *float64, factor float64) string {
	if a == nil || b == nil || *b == 0 {
		return none
	}
	return number(*a / *b * factor)
}

func count(n int) string { return strconv.Itoa(n) }

// leftOut says below a table which columns nothing is told for.
func leftOut(b *strings.Builder, left []string) {
	if len(left) > 0 {
		fmt.Fprintf(b, "\nNot told by this run: %s.\n", strings.Join(left, "; "))
	}
}
