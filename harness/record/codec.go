package record

import (
	"bytes"
	"encoding/json"
)

// Line is what stands on one line of a JSON Lines file of this package: *Request, *SysSample, *KVSample or
// *PerfLine. Each has a layout, and nothing without one can be written or read here, so that no line goes
// another way than AppendLine and decodeLine by accident.
//
// The codec is ours, because a run writes and reads millions of lines and no library comes within 1.5 times of
// it both ways. ns of CPU a line, medians, over lines of the recorded runs (two shared vCPUs AMD EPYC,
// linux/amd64, Go 1.26):
//
//	                                   Request        SysSample       KVSample
//	                                encode decode   encode decode   encode decode
//	ours                              1630   2630     2170   3510     1150   2680
//	goccy/go-json v0.12.0             1490   3490     2540   5820     1220   3310
//	bytedance/sonic v1.15.5           1910   5530     2990   7570     1660   4310
//	go-faster/jx v1.2.0               1910   4830     4060   6720     1470   4350
//	segmentio/encoding v0.5.4         2180   5510     4740   9850     1950   5440
//	mailru/easyjson v0.9.2            2190   6590     4240  10530     1910   5880
//	encoding/json                     3770  20260     7100  30250     3520  17410
//	go-json-experiment/json v1.27.2   5270  12830     9850  22830     5380  11820
//
// The next best, goccy/go-json, takes 1.5 to 1.7 times as long to decode a SysSample, of which there are most,
// and a PerfLine, and at most 1.4 times for the others. It and segmentio write the bytes of encoding/json.
// easyjson writes numbers otherwise, sonic, jx and go-json-experiment some texts, and jx writes null for NaN.
// BenchmarkLine has ours beside encoding/json: a library that is said to be faster is tried there.
type Line interface {
	// line walks through the layout.
	line(c codec)
}

// AppendLine appends v and a newline to buf: the bytes that encoding/json writes without escapes for HTML.
// A number that JSON does not have (NaN, an infinity) is an error, and nothing is appended.
func AppendLine(buf []byte, v Line) ([]byte, error) {
	e := encoder{buf: buf}
	if v.line(&e); !e.odd {
		return append(e.buf, '\n'), nil
	}
	whole := bytes.NewBuffer(buf)
	enc := json.NewEncoder(whole)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return buf, err
	}
	return whole.Bytes(), nil
}

// lineOf is a pointer to T that is a line.
type lineOf[T any] interface {
	*T
	Line
}

// decodeLine reads a line without its newline to the value that encoding/json reads from it.
func decodeLine[T any, P lineOf[T]](d *decoder, line []byte) (*T, error) {
	v := new(T)
	if d.decode(line, P(v)) {
		return v, nil
	}
	v = new(T) // what was read of an odd line must not show
	if err := json.Unmarshal(line, v); err != nil {
		return nil, err
	}
	return v, nil
}

// codec writes or reads one line. The layouts are each said once for both directions: keys in the order of
// the struct's fields, which is the one that encoding/json writes. What a codec cannot do exactly as
// encoding/json would (a text with anything but printable ASCII, or with quotes or backslashes, a number that
// is none; a line of any other layout) it marks as odd, and encoding/json does that line.
type codec interface {
	// key is the text up to the next value: the key with its quotes and what stands around it.
	key(text string)
	// maybe is a key that may be left out (omitempty); has says whether a written line has it.
	maybe(text string, has bool) bool
	// group is null, or the begin of an object whose first key follows; has says which is written.
	group(has bool) bool
	number(v *float64)
	optNumber(v **float64)
	integer(v *int)
	optInteger(v **int)
	flag(v *bool)
	optFlag(v **bool)
	text(v *string)
	optText(v **string)
	texts(v *[]string)
}

// optional is a group that may be null.
func optional[T any](c codec, v **T, fields func(*T, codec)) {
	if !c.group(*v != nil) {
		return
	}
	if *v == nil {
		*v = new(T)
	}
	fields(*v, c)
}
