package record

import "strconv"

// decoder is the codec that reads a line of the layout that an encoder gives it.
type decoder struct {
	line []byte // what is left of it
	odd  bool
	// seen are texts by themselves: the same few stand on every line.
	seen map[string]string
	// numbers are memory for those that may be null, of one line and the next ones: it is taken in pieces
	// because a line has some thirty.
	numbers []float64
}

// decode reads a line into v, which must be zero. ok is false, and v of no use, if the line is not exactly as
// an encoder writes it.
func (d *decoder) decode(line []byte, v Line) (ok bool) {
	d.line, d.odd = line, false
	v.line(d)
	return !d.odd && len(d.line) == 0
}

// take takes text off the front of the line, if it is there.
func (d *decoder) take(text string) bool {
	if len(d.line) < len(text) || string(d.line[:len(text)]) != text {
		return false
	}
	d.line = d.line[len(text):]
	return true
}

// fail ends the line: nothing more is found on it.
func (d *decoder) fail() { d.odd, d.line = true, nil }

func (d *decoder) key(text string) {
	if !d.take(text) {
		d.fail()
	}
}

func (d *decoder) maybe(text string, _ bool) bool { return d.take(text) }

func (d *decoder) group(bool) bool { return !d.odd && !d.take("null") }

func (d *decoder) number(v *float64) {
	n := numberLength(d.line)
	var ok bool
	if *v, ok = parseNumber(d.line[:n]); !ok {
		d.fail()
		return
	}
	d.line = d.line[n:]
}

func (d *decoder) optNumber(v **float64) {
	if d.take("null") || d.odd {
		return
	}
	if len(d.numbers) == 0 {
		d.numbers = make([]float64, 64)
	}
	*v, d.numbers = &d.numbers[0], d.numbers[1:]
	d.number(*v)
}

func (d *decoder) integer(v *int) {
	n := numberLength(d.line)
	mantissa, digits, decimals, negative := scanDigits(d.line[:n])
	if n == 0 || digits != n || decimals != 0 {
		d.fail()
		return
	}
	if *v = int(mantissa); negative {
		*v = -*v
	}
	d.line = d.line[n:]
}

func (d *decoder) optInteger(v **int) {
	if d.take("null") || d.odd {
		return
	}
	*v = new(int)
	d.integer(*v)
}

func (d *decoder) flag(v *bool) {
	switch {
	case d.take("true"):
		*v = true
	case d.take("false"):
		*v = false
	default:
		d.fail()
	}
}

func (d *decoder) optFlag(v **bool) {
	if d.take("null") || d.odd {
		return
	}
	*v = new(bool)
	d.flag(*v)
}

func (d *decoder) text(v *string) {
	if !d.take(`"`) {
		d.fail()
		return
	}
	for i, c := range d.line {
		if plainByte(c) {
			continue
		}
		if c != '"' {
			break
		}
		*v = d.intern(d.line[:i])
		d.line = d.line[i+1:]
		return
	}
	d.fail()
}

// maxSeen bounds what is kept of texts that are all different.
const maxSeen = 256

func (d *decoder) intern(text []byte) string {
	s, ok := d.seen[string(text)]
	if !ok {
		s = string(text)
		if d.seen == nil {
			d.seen = map[string]string{}
		}
		if len(d.seen) < maxSeen {
			d.seen[s] = s
		}
	}
	return s
}

func (d *decoder) optText(v **string) {
	if d.take("null") || d.odd {
		return
	}
	*v = new(string)
	d.text(*v)
}

func (d *decoder) texts(v *[]string) {
	d.key("[")
	for !d.odd {
		var s string
		d.text(&s)
		*v = append(*v, s)
		if d.take("]") {
			return
		}
		d.key(",")
	}
}

// numberLength is how many bytes at the front can belong to a number.
func numberLength(b []byte) int {
	for i, c := range b {
		if c == ',' || c == '}' || c == ']' {
			return i
		}
	}
	return len(b)
}

// scanDigits reads a decimal number of at most 15 digits without an exponent: its digits as a whole number
// and how many of them stand behind the point. length is what of b it has understood.
func scanDigits(b []byte) (mantissa int64, length, decimals int, negative bool) {
	i := 0
	if len(b) > 0 && b[0] == '-' {
		negative = true
		i++
	}
	start, point := i, -1
	for ; i < len(b); i++ {
		c := b[i]
		switch {
		case c >= '0' && c <= '9':
			mantissa = 10*mantissa + int64(c-'0')
		case c == '.' && point < 0 && i > start:
			point = i
		default:
			return 0, 0, 0, false
		}
		if i-start >= 16 { // 15 digits and a point
			return 0, 0, 0, false
		}
	}
	whole := i - start
	if point >= 0 {
		whole, decimals = point-start, i-point-1
		if decimals == 0 {
			return 0, 0, 0, false
		}
	}
	if whole == 0 || whole > 1 && b[start] == '0' || mantissa >= 1e15 {
		return 0, 0, 0, false
	}
	return mantissa, i, decimals, negative
}

// powers are powers of ten, all of them exact.
var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// parseNumber reads a JSON number. One of at most 15 digits is the quotient of two numbers that a float64
// holds exactly, and so is rounded once, as it should be.
func parseNumber(b []byte) (float64, bool) {
	if mantissa, n, decimals, negative := scanDigits(b); n > 0 {
		v := float64(mantissa) / powers[decimals]
		if negative {
			v = -v
		}
		return v, true
	}
	if !jsonNumber(b) {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(b), 64)
	return v, err == nil
}

// jsonNumber reports whether b is a number in JSON's grammar, of which Go's takes more.
func jsonNumber(b []byte) bool {
	digits := func() bool {
		n := 0
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		zero := n > 0 && b[0] == '0'
		b = b[n:]
		return n == 1 || n > 1 && !zero
	}
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	if !digits() {
		return false
	}
	if len(b) > 0 && b[0] == '.' {
		b = b[1:]
		n := 0
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		if n == 0 {
			return false
		}
		b = b[n:]
	}
	if len(b) > 0 && (b[0] == 'e' || b[0] == 'E') {
		b = b[1:]
		if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
			b = b[1:]
		}
		if len(b) == 0 {
			return false
		}
		for _, c := range b {
			if c < '0' || c > '9' {
				return false
			}
		}
		return true
	}
	return len(b) == 0
}
