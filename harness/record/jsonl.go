package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Writer appends JSON lines to a file. A line is handed to the operating system whole, so a killed
// process leaves whole lines (at most the last one torn, which Read tolerates). Safe for concurrent use.
type Writer struct {
	mu    sync.Mutex
	f     *os.File
	buf   bytes.Buffer
	enc   *json.Encoder
	lines int
	err   error
	// flushAt is the buffered size at which lines go to the file.
	flushAt int
}

// Create makes the file and fails if it is already there: measured lines are never overwritten.
// Lines reach the file when buffered bytes exceed flushAt; 0 writes each line at once.
func Create(path string, flushAt int) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	w := &Writer{f: f, flushAt: flushAt}
	w.enc = json.NewEncoder(&w.buf)
	w.enc.SetEscapeHTML(false)
	return w, nil
}

// Write appends one line. The first error (a full disk, say) is kept and returned by every later
// call, so that the caller stops instead of measuring into the void.
func (w *Writer) Write(v any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	mark := w.buf.Len()
	if line, ok := appendLine(w.buf.AvailableBuffer(), v); ok {
		w.buf.Write(line)
	} else if err := w.enc.Encode(v); err != nil {
		w.buf.Truncate(mark)
		w.err = fmt.Errorf("encode a line of %s: %w", w.f.Name(), err)
		return w.err
	}
	w.lines++
	if w.buf.Len() > w.flushAt {
		return w.flush()
	}
	return nil
}

func (w *Writer) flush() error {
	if w.buf.Len() == 0 {
		return w.err
	}
	if _, err := w.f.Write(w.buf.Bytes()); err != nil {
		w.err = fmt.Errorf("%w (free space on the results disk, then run with -resume)", err)
		return w.err
	}
	w.buf.Reset()
	return nil
}

// Lines is how many lines were accepted.
func (w *Writer) Lines() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lines
}

// Close flushes and closes the file.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	ferr := w.err
	if ferr == nil {
		ferr = w.flush()
	}
	return errors.Join(ferr, w.f.Close())
}

// maxLine bounds one JSON line; a longer one is a corrupt file.
const maxLine = 4 << 20

// Read calls yield for each line of a JSON Lines file, in order. A torn last line (no newline) is
// reported through torn and skipped; any other line that does not parse is an error with its number.
func Read[T any](path string, yield func(*T) error) (torn bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return ReadFrom(f, path, yield)
}

// ReadFrom is Read on an open stream; name is used in errors.
func ReadFrom[T any](r io.Reader, name string, yield func(*T) error) (torn bool, err error) {
	br := bufio.NewReaderSize(r, 1<<16)
	var d decoder
	var line []byte
	for n := 1; ; n++ {
		line, err = readLine(br, line[:0])
		if errors.Is(err, io.EOF) {
			return len(line) > 0, nil
		}
		if err != nil {
			return false, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		v := new(T)
		if !d.decode(line, v) {
			v = new(T)
			if err := json.Unmarshal(line, v); err != nil {
				return false, fmt.Errorf("%s:%d: not a JSON line of this file: %w", name, n, err)
			}
		}
		if err := yield(v); err != nil {
			return false, fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
}

// readLine appends a line without its newline; at the end of the file it returns what is left and io.EOF.
func readLine(br *bufio.Reader, line []byte) ([]byte, error) {
	for {
		part, err := br.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return nil, fmt.Errorf("line longer than %d bytes", maxLine)
		}
		if err == nil {
			return line[:len(line)-1], nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}
