package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// frame is one server-sent event. Its slices are valid until the next call of next.
type frame struct {
	event   []byte // the event: field, nil if there was none
	data    []byte // the data: fields, joined by newlines
	comment []byte // the last comment line, without its colon and one space
	failure []byte // the error: field, which the standard does not have and llama.cpp sends, nil if there was none
	object  []byte // a JSON object that stands in no field, as servers write that break down, to the event's end; nil if there was none
	at      time.Time
}

// maxFrame bounds one event; a longer one is a broken server.
const maxFrame = 8 << 20

// maxStream bounds a stream that was asked for so many tokens, bytes: a token comes in some hundred, and the rest is
// for one event as long as can be, and what is read with it.
func maxStream(tokens int) int64 { return 2*maxFrame + int64(tokens)*(16<<10) }

// keepBuffer is the largest buffer that is kept from one body to the next.
const keepBuffer = 64 << 10

var (
	errFrameTooLong  = fmt.Errorf("an event longer than %d bytes", maxFrame)
	errStreamTooLong = errors.New("more bytes than the tokens that were asked for can need")
)

// frameReader cuts a body into events (WHATWG HTML, section 9.2.6, less the lone CR as a line end, which
// no server sends). Unlike a browser it also returns an event that has a name or a comment but no data:
// Dynamo puts the text of an error there.
type frameReader struct {
	r     io.Reader
	buf   []byte
	from  int // the event being read starts here
	line  int // its current line starts here
	scan  int // no newline before here
	end   int
	begun bool      // the first line is complete, and a byte order mark before it passed over
	left  int64     // bytes that may still come
	at    time.Time // when the newest bytes came
	join  []byte    // the lines of a multi-line data field
}

// reset makes the reader ready for another body, of any length; buffers are kept, unless a frame has made them large.
func (f *frameReader) reset(r io.Reader) {
	buf, join := f.buf, f.join
	if len(buf) == 0 || len(buf) > keepBuffer {
		buf = make([]byte, 4<<10)
	}
	if cap(join) > keepBuffer {
		join = nil
	}
	*f = frameReader{r: r, buf: buf, join: join, left: math.MaxInt64}
}

// next returns the next event, stamped with the time at which its last bytes were read. At the end of
// the body it returns io.EOF; an event that the end cut off is discarded, as the standard asks.
func (f *frameReader) next() (frame, error) {
	for {
		nl := bytes.IndexByte(f.buf[f.scan:f.end], '\n')
		if nl < 0 {
			f.scan = f.end
			if err := f.fill(); err != nil {
				return frame{}, err
			}
			continue
		}
		nl += f.scan
		if !f.begun {
			f.begin(nl)
		}
		blank := nl == f.line || nl == f.line+1 && f.buf[f.line] == '\r'
		lines := f.buf[f.from:f.line]
		f.scan, f.line = nl+1, nl+1
		if !blank {
			continue
		}
		f.from = nl + 1
		if len(lines) > 0 {
			return f.parse(lines), nil
		}
	}
}

// byteOrderMark may stand before the first line and means nothing.
var byteOrderMark = []byte("\ufeff")

// begin passes over a byte order mark before the first line, which ends at end.
func (f *frameReader) begin(end int) {
	f.begun = true
	if bytes.HasPrefix(f.buf[f.from:end], byteOrderMark) {
		f.from += len(byteOrderMark)
		f.line = f.from
	}
}

// rest is what came behind the last event that was complete; valid until the reader is reset.
func (f *frameReader) rest() []byte {
	if !f.begun {
		f.begin(f.end)
	}
	return f.buf[f.from:f.end]
}

// fill reads more bytes behind the event that is under way.
func (f *frameReader) fill() error {
	if f.from > 0 {
		copy(f.buf, f.buf[f.from:f.end])
		f.line, f.scan, f.end = f.line-f.from, f.scan-f.from, f.end-f.from
		f.from = 0
	}
	if f.end > maxFrame {
		return errFrameTooLong
	}
	if f.end == len(f.buf) {
		f.buf = append(f.buf, make([]byte, len(f.buf))...)
	}
	for range 100 {
		n, err := f.r.Read(f.buf[f.end:])
		f.at = time.Now()
		f.end += n
		if f.left -= int64(n); f.left < 0 {
			return errStreamTooLong
		}
		if n > 0 {
			return nil // an error that came with bytes comes again without them
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// parse splits the lines of one event, each with its newline, into fields.
func (f *frameReader) parse(lines []byte) frame {
	out := frame{at: f.at}
	parts := 0
	for len(lines) > 0 {
		nl := bytes.IndexByte(lines, '\n')
		line, from := lines[:nl], lines
		lines = lines[nl+1:]
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		if len(value) > 0 && value[0] == ' ' {
			value = value[1:]
		}
		switch string(name) {
		case "data":
			switch parts++; parts {
			case 1:
				out.data = value
			case 2:
				f.join = append(append(f.join[:0], out.data...), '\n')
				f.join = append(f.join, value...)
				out.data = f.join
			default:
				f.join = append(append(f.join, '\n'), value...)
				out.data = f.join
			}
		case "event":
			out.event = value
		case "error":
			out.failure = value
		case "":
			out.comment = value
		default:
			if line[0] == '{' && out.object == nil {
				out.object = from
			}
		}
	}
	return out
}

var errMalformed = errors.New("malformed stream")
