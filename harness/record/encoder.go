package record

import (
	"math"
	"strconv"
)

// encoder is the codec that appends a line to buf.
type encoder struct {
	buf []byte
	odd bool
}

func (e *encoder) key(text string) { e.buf = append(e.buf, text...) }

func (e *encoder) maybe(text string, has bool) bool {
	if has {
		e.key(text)
	}
	return has
}

func (e *encoder) group(has bool) bool {
	if !has {
		e.null()
	}
	return has
}

func (e *encoder) null() { e.buf = append(e.buf, "null"...) }

func (e *encoder) number(v *float64) {
	if math.IsNaN(*v) || math.IsInf(*v, 0) {
		e.odd = true
		return
	}
	e.buf = appendNumber(e.buf, *v)
}

func (e *encoder) optNumber(v **float64) {
	if *v == nil {
		e.null()
		return
	}
	e.number(*v)
}

func (e *encoder) integer(v *int) { e.buf = strconv.AppendInt(e.buf, int64(*v), 10) }

func (e *encoder) optInteger(v **int) {
	if *v == nil {
		e.null()
		return
	}
	e.integer(*v)
}

func (e *encoder) flag(v *bool) { e.buf = strconv.AppendBool(e.buf, *v) }

func (e *encoder) optFlag(v **bool) {
	if *v == nil {
		e.null()
		return
	}
	e.flag(*v)
}

func (e *encoder) text(v *string) {
	for i := range len(*v) {
		if !plainByte(((*v)[i])) {
			e.odd = true
			return
		}
	}
	e.buf = append(append(append(e.buf, '"'), *v...), '"')
}

func (e *encoder) optText(v **string) {
	if *v == nil {
		e.null()
		return
	}
	e.text(*v)
}

func (e *encoder) texts(v *[]string) {
	for i := range *v {
		e.buf = append(e.buf, "[,"[min(i, 1)])
		e.text(&(*v)[i])
	}
	e.buf = append(e.buf, ']')
}

// plainByte reports whether c stands for itself inside a JSON string, on a line that is not for HTML.
func plainByte(c byte) bool { return c >= ' ' && c <= '~' && c != '"' && c != '\\' }

// appendNumber appends a finite number as encoding/json does.
//
// Nearly all numbers here are whole or have few decimals, and those are the shortest text that reads as
// the same number: no two decimals of at most 15 digits are the same float64.
func appendNumber(b []byte, v float64) []byte {
	const digits15 = 1e15
	if a := math.Abs(v); a < digits15 && (v != 0 || !math.Signbit(v)) {
		if n := int64(v); float64(n) == v {
			return strconv.AppendInt(b, n, 10)
		}
		for _, d := range [...]struct {
			scale float64
			zeros int64
		}{{1e4, 1e4}, {1e6, 1e6}} {
			if n := math.Round(a * d.scale); n < digits15 && n/d.scale == a {
				if v < 0 {
					b = append(b, '-')
				}
				return appendDecimals(strconv.AppendInt(b, int64(n)/d.zeros, 10), int64(n)%d.zeros, d.zeros)
			}
		}
	}
	a := math.Abs(v)
	if a == 0 || a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, v, 'e', -1, 64)
	// e-09 to e-9
	if n := len(b); n >= 4 && b[n-4] == 'e' && (b[n-3] == '-' || b[n-3] == '+') && b[n-2] == '0' {
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

// appendDecimals appends what stands behind the point, of which there are as many digits as unit has
// zeros, without the zeros at its end. It is not 0.
func appendDecimals(b []byte, part, unit int64) []byte {
	b = append(b, '.')
	for part > 0 {
		unit /= 10
		b = append(b, byte('0'+part/unit))
		part %= unit
	}
	return b
}
