package trace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"sparkharness/harness/regular"
)

// maxLine bounds a line, and so the memory that reading takes: an id of seven digits a block makes a
// prompt of 900 million tokens.
const maxLine = 16 << 20

// fault is what is wrong with one line; the lines after it can be read.
type fault struct {
	path string
	line int
	err  error
}

func (f *fault) Error() string { return fmt.Sprintf("%s:%d: %v", f.path, f.line, f.err) }

func (f *fault) Unwrap() error { return f.err }

// file reads the requests of a file, unscaled.
type file struct {
	path        string
	f           *os.File
	scan        *bufio.Scanner
	line        int
	first, last int64 // timestamps in us; -1 before the first request
}

func openFile(path string) (*file, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open a trace: %w", err)
	}
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, maxLine)
	return &file{path: path, f: f, scan: scan, first: -1, last: -1}, nil
}

// next is the next request, io.EOF at the end, or a *fault.
func (f *file) next() (Request, error) {
	if !f.scan.Scan() {
		if err := f.scan.Err(); errors.Is(err, bufio.ErrTooLong) {
			return Request{}, fmt.Errorf("%s:%d: line is longer than %d MiB: write one request a line", f.path, f.line+1, maxLine>>20)
		} else if err != nil {
			return Request{}, fmt.Errorf("read a trace: %w", err)
		}
		if f.line == 0 {
			return Request{}, fmt.Errorf("%s: no requests", f.path)
		}
		return Request{}, io.EOF
	}
	f.line++
	l, err := parse(f.scan.Bytes())
	if err != nil {
		return Request{}, &fault{f.path, f.line, err}
	}
	last := f.last
	f.last = l.at()
	if f.first < 0 {
		f.first = l.at()
	}
	if f.last < last {
		return Request{}, &fault{f.path, f.line, fmt.Errorf("timestamp %v goes back from %v: sort the trace by time", ms(f.last), ms(last))}
	}
	if f.last-f.first > maxSpan.Microseconds() {
		return Request{}, &fault{f.path, f.line, fmt.Errorf("timestamp %v is over %v after the first, %v: write milliseconds", ms(f.last), maxSpan, ms(f.first))}
	}
	return Request{
		Line: f.line, At: time.Duration(f.last-f.first) * time.Microsecond,
		Input: *l.InputLength, Output: *l.OutputLength, Blocks: *l.HashIDs,
	}, nil
}

// ms is a timestamp as the file spells it.
func ms(us int64) string { return strconv.FormatFloat(float64(us)/1000, 'f', -1, 64) }

func (f *file) close() error { return f.f.Close() }
