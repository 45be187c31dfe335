package telemetry

import (
	"errors"
	"io"
	"os"
)

// kernelFile is a file below /proc that is read again and again. It stays open: a read from offset 0 makes
// the kernel write the text anew, and opening and closing it took most of a sample's time. Owned by one
// goroutine.
type kernelFile struct {
	path string
	f    *os.File
	buf  []byte
}

// read returns the whole text, valid until the next read. A file that has become unreadable or empty is
// opened anew by its path, because another one may stand there by now.
func (k *kernelFile) read() ([]byte, error) {
	if k.f != nil {
		if text, err := k.all(); err == nil && len(text) > 0 {
			return text, nil
		}
		_ = k.close() // it was read
	}
	f, err := os.Open(k.path)
	if err != nil {
		return nil, err
	}
	k.f = f
	text, err := k.all()
	if err != nil {
		_ = k.close()
	}
	return text, err
}

// maxKernelFile bounds a file: the longest, stat on a machine with many interrupts, has some ten kilobytes.
const maxKernelFile = 1 << 20

var errKernelFileTooLong = errors.New("longer than 1 MiB")

// all reads to the end. The kernel may give less than was asked for before it, so only an empty read ends
// the text.
func (k *kernelFile) all() ([]byte, error) {
	if k.buf == nil {
		k.buf = make([]byte, 1<<10)
	}
	for n := 0; ; {
		m, err := k.f.ReadAt(k.buf[n:], int64(n))
		n += m
		if errors.Is(err, io.EOF) {
			return k.buf[:n], nil
		}
		if err != nil {
			return nil, err
		}
		if len(k.buf) >= maxKernelFile {
			return nil, &os.PathError{Op: "read", Path: k.path, Err: errKernelFileTooLong}
		}
		k.buf = append(k.buf, make([]byte, len(k.buf))...)
	}
}

// close is done by read too; the file is opened again when it is needed.
func (k *kernelFile) close() error {
	if k.f == nil {
		return nil
	}
	err := k.f.Close()
	k.f = nil
	return err
}
