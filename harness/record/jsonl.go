package record

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"sparkharness/harness/regular"
)

// Writer appends JSON lines to a file. A line is handed to the operating system whole, so a killed
// process leaves whole lines (at most the last one torn, which Read tolerates). Safe for concurrent use.
type Writer struct {
	mu    sync.Mutex
	f     *os.File
	buf   []byte
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
	return &Writer{f: f, flushAt: flushAt}, nil
}

// Write appends one line. The first error (a full disk, say) is kept and returned by every later
// call, so that the caller stops instead of measuring into the void.
func (w *Writer) Write(v Line) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	buf, err := AppendLine(w.buf, v)
	if err != nil {
		w.err = fmt.Errorf("encode a line of %s: %w", w.f.Name(), err)
		return w.err
	}
	w.buf = buf
	w.lines++
	if len(w.buf) > w.flushAt {
		return w.flush()
	}
	return nil
}

func (w *Writer) flush() error {
	if len(w.buf) == 0 {
		return w.err
	}
	if _, err := w.f.Write(w.buf); err != nil {
		w.err = fmt.Errorf("%w (free space on the results disk, then run with -resume)", err)
		return w.err
	}
	w.buf = w.buf[:0]
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
// reported through torn and skipped; any other line that does not parse, or that holds what cannot have been
// measured, is an error with its number.
func Read[T any, P lineOf[T]](path string, yield func(*T) error) (torn bool, err error) {
	var d decoder
	return ReadLines(path, parsed[T, P](&d, yield))
}

// ReadComplete is Read for a file of a complete cell: there a torn last line is a DamageError.
func ReadComplete[T any, P lineOf[T]](path string, yield func(*T) error) error {
	torn, err := Read[T, P](path, yield)
	if err == nil && torn {
		err = damaged(path, "its last line is cut off")
	}
	return err
}

// ReadFrom is Read on an open stream; name is used in errors.
func ReadFrom[T any, P lineOf[T]](r io.Reader, name string, yield func(*T) error) (torn bool, err error) {
	var d decoder
	return readLines(r, name, parsed[T, P](&d, yield))
}

func parsed[T any, P lineOf[T]](d *decoder, yield func(*T) error) func(line []byte) error {
	return func(line []byte) error {
		v, err := decodeLine[T, P](d, line)
		if err != nil {
			return fmt.Errorf("not a JSON line of this file: %w", err)
		}
		if err := checkLine(P(v)); err != nil {
			return err
		}
		return yield(v)
	}
}

// ReadLines is Read for a file of lines that are not of this package: yield gets their text without the
// newline, valid until it returns.
func ReadLines(path string, yield func(line []byte) error) (torn bool, err error) {
	f, err := regular.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return readLines(f, path, yield)
}

func readLines(r io.Reader, name string, yield func(line []byte) error) (torn bool, err error) {
	br := bufio.NewReaderSize(r, 1<<16)
	var line []byte
	for n := 1; ; n++ {
		line, err = readLine(br, line[:0])
		if errors.Is(err, io.EOF) {
			return len(line) > 0, nil
		}
		if err == nil {
			err = yield(line)
		}
		if err != nil {
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
