package report

import (
	"math"
	"strconv"
	"strings"
	"unicode"

	"sparkharness/harness/evidence"
	"sparkharness/harness/verdict"
)

// number prints a measured value for a human: three significant digits, thousands separated by commas,
// an exponent outside of 1e-4 ... 1e15.
func number(v float64) string {
	a := math.Abs(v)
	switch {
	case v == 0:
		return "0"
	case math.IsNaN(v) || math.IsInf(v, 0):
		return strconv.FormatFloat(v, 'g', -1, 64)
	case a < 1e-4 || a >= 1e15:
		return strconv.FormatFloat(v, 'e', 2, 64)
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 2, 64), 64)
	decimals := max(0, 2-int(math.Floor(math.Log10(math.Abs(rounded)))))
	return thousands(strconv.FormatFloat(rounded, 'f', decimals, 64))
}

// quantity prints a whole number below 1e6 exactly and anything else as number does: a knee at 4096
// tokens is a level of the sweep and must not become 4,100.
func quantity(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e6 {
		return thousands(strconv.FormatFloat(v, 'f', 0, 64))
	}
	return number(v)
}

// count prints a whole number with thousands separated.
func count(n int) string { return thousands(strconv.Itoa(n)) }

// sample is n with what it counts.
func sample(n int, of string) string { return strings.TrimSpace(count(n) + " " + clean(of)) }

// thousands puts commas into the integer part of a plain decimal number.
func thousands(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, frac, point := strings.Cut(s, ".")
	var b strings.Builder
	for i, d := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	if point {
		b.WriteString("." + frac)
	}
	return sign + b.String()
}

// optional prints a number, "-" where there is none.
func optional(v *float64) string {
	if v == nil {
		return "-"
	}
	return number(*v)
}

// share prints a fraction of 1 in percent, without the sign.
func share(v *float64) string {
	if v == nil {
		return "-"
	}
	return number(*v * 100)
}

// bounds prints an interval; a nil bound is open.
func bounds(lo, hi *float64, format func(float64) string) string {
	side := func(v *float64) string {
		if v == nil {
			return "open"
		}
		return format(*v)
	}
	return "[" + side(lo) + ", " + side(hi) + "]"
}

// percentile prints an estimate, with ">=" where a timed-out request decides it.
func percentile(p *evidence.Percentile) string {
	if p == nil || p.Value == nil {
		return "-"
	}
	if p.AtLeast {
		return ">= " + number(*p.Value)
	}
	return number(*p.Value)
}

// bounded is percentile with its bounds.
func bounded(p *evidence.Percentile) string {
	if p == nil || p.Value == nil {
		return "-"
	}
	return percentile(p) + " " + bounds(p.Lo, p.Hi, number)
}

// effect prints the headline number with interval and confidence, without n: "1.84 x [1.41, 2.39] (95 %)".
func effect(e *verdict.Effect) string {
	if e == nil || e.Value == nil {
		return "-"
	}
	s := spaced(quantity(*e.Value), clean(e.Unit), bounds(e.Lo, e.Hi, quantity))
	if e.Confidence > 0 {
		s += " (" + quantity(e.Confidence*100) + " %)"
	}
	return s
}

// value prints a finding's or a check's number with its unit and, if it has any, its bounds.
func value(v, lo, hi *float64, unit string) string {
	if v == nil {
		return "-"
	}
	s := spaced(quantity(*v), clean(unit))
	if lo != nil || hi != nil {
		s += " " + bounds(lo, hi, quantity)
	}
	return s
}

// span prints a duration given in seconds, to a tenth of its unit.
func span(seconds float64) string {
	tenth := func(v float64) string {
		return strings.TrimSuffix(thousands(strconv.FormatFloat(v, 'f', 1, 64)), ".0")
	}
	switch {
	case seconds < 120:
		return tenth(seconds) + " s"
	case seconds < 2*3600:
		return tenth(seconds/60) + " min"
	}
	return tenth(seconds/3600) + " h"
}

// spaced joins what is not empty with single spaces.
func spaced(parts ...string) string {
	kept := parts[:0:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " ")
}

// clean replaces everything that does not print, so that no string of a report can move a terminal's
// cursor or break an XML document.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// wrap breaks s at spaces into lines of at most width characters; a longer word stays whole.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(clean(s)) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		line = spaced(line, word)
	}
	return append(lines, line)
}
