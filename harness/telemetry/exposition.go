package telemetry

import (
	"bytes"
	"fmt"
	"strconv"
)

// parseExposition calls yield for each sample line of a page in the Prometheus text format 0.0.4,
//
//	kvbm_transfer_d2d_onboard_seconds_bucket{worker_id="0",le="0.1"} 12
//
// with its name, what stands between the braces, and the value. The whole page is checked, so that an
// error page, JSON or a page cut in half (its last line has no newline) is an error with a line number.
// Comment lines carry nothing that is needed here. A name inside the braces, which a server may only
// send to a client that asks for it, is refused.
//
// A page is read at each tick of a long run: this takes a tenth of the time of expfmt.TextParser,
// which builds a message for each family. A fuzz test holds the two to the same samples.
func parseExposition(page []byte, yield func(name, labels []byte, value float64) error) error {
	for n := 1; len(page) > 0; n++ {
		line, rest, whole := bytes.Cut(page, newline)
		if !whole {
			return fmt.Errorf("line %d: the page ends inside a line", n)
		}
		page = rest
		line = trimBlanks(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		name, labels, value, ok := parseSample(line)
		if !ok {
			return fmt.Errorf("line %d: not a sample of the Prometheus text format: %.60q", n, line)
		}
		if err := yield(name, labels, value); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

var newline = []byte{'\n'}

// parseSample splits "name{labels} value [timestamp]".
func parseSample(b []byte) (name, labels []byte, value float64, ok bool) {
	name, b = cutName(b)
	if len(name) == 0 {
		return nil, nil, 0, false
	}
	b = trimBlanks(b)
	if len(b) > 0 && b[0] == '{' {
		if labels, b, ok = cutLabels(b[1:]); !ok {
			return nil, nil, 0, false
		}
		b = trimBlanks(b)
	}
	number, b := cutBlank(b)
	if value, ok = parseValue(number); !ok {
		return nil, nil, 0, false
	}
	if b = trimBlanks(b); len(b) > 0 {
		if _, err := strconv.ParseInt(string(b), 10, 64); err != nil {
			return nil, nil, 0, false
		}
	}
	return name, labels, value, true
}

// parseValue reads a number. Most are counts, which need no more than adding up.
func parseValue(b []byte) (float64, bool) {
	if n, rest, ok := cutUint(b); ok && len(rest) == 0 && n < 1<<53 {
		return float64(n), true
	}
	v, err := strconv.ParseFloat(string(b), 64)
	// ParseFloat also takes Go's hexadecimal and underscored forms, which the format does not have.
	return v, err == nil && !bytes.ContainsAny(b, "xXpP_")
}

// cutLabels splits what follows an opening brace at the closing one.
func cutLabels(b []byte) (labels, rest []byte, ok bool) {
	all := b
	for {
		b = trimBlanks(b)
		if len(b) > 0 && b[0] == '}' {
			return all[:len(all)-len(b)], b[1:], true
		}
		_, _, rest, ok := cutLabel(b)
		if !ok {
			return nil, nil, false
		}
		b = rest
	}
}

// cutLabel splits name="value" and a comma or the end from the front of a label list. The value keeps
// its escapes.
func cutLabel(b []byte) (name, value, rest []byte, ok bool) {
	name, b = cutName(b)
	b = trimBlanks(b)
	if len(name) == 0 || len(b) == 0 || b[0] != '=' {
		return nil, nil, nil, false
	}
	b = trimBlanks(b[1:])
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, nil, false
	}
	b = b[1:]
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			value, b = b[:i], trimBlanks(b[i+1:])
			switch {
			case len(b) == 0 || b[0] == '}':
				return name, value, b, true
			case b[0] == ',':
				return name, value, b[1:], true
			}
			return nil, nil, nil, false
		}
	}
	return nil, nil, nil, false
}

// labelValue is the value of one label in a list that parseExposition yielded, nil if it is not there.
func labelValue(labels []byte, want string) []byte {
	for {
		labels = trimBlanks(labels)
		name, value, rest, ok := cutLabel(labels)
		if !ok {
			return nil
		}
		if string(name) == want {
			return value
		}
		labels = rest
	}
}

// cutName splits a metric or label name, [a-zA-Z_:][a-zA-Z0-9_:]*, from the front.
func cutName(b []byte) (name, rest []byte) {
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == ':', i > 0 && c >= '0' && c <= '9':
		default:
			return b[:i], b[i:]
		}
	}
	return b, nil
}

func cutBlank(b []byte) (word, rest []byte) {
	for i, c := range b {
		if blank(c) {
			return b[:i], b[i:]
		}
	}
	return b, nil
}

// trimBlanks is bytes.Trim(b, " \t") in a fraction of its time, which was half of a page's.
func trimBlanks(b []byte) []byte {
	for len(b) > 0 && blank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && blank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func blank(c byte) bool { return c == ' ' || c == '\t' }
