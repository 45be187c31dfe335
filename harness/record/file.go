package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// FileSum is what a file held when it was sealed.
type FileSum struct {
	Name   string `json:"name"`
	Lines  int    `json:"lines"` // ends of lines
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// openRegular opens a file for reading and refuses what is none: opening a FIFO would wait for a writer, and reading
// a device might not end.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// SumFile reads a regular file once.
func SumFile(path string) (sum FileSum, err error) {
	f, err := openRegular(path)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h, lines := sha256.New(), lineCount(0)
	if sum.Bytes, err = io.Copy(io.MultiWriter(h, &lines), f); err != nil {
		return sum, fmt.Errorf("read %s: %w", path, err)
	}
	sum.Name, sum.Lines, sum.SHA256 = filepath.Base(path), int(lines), hex.EncodeToString(h.Sum(nil))
	return sum, nil
}

// lineCount counts the ends of lines that are written to it.
type lineCount int

func (n *lineCount) Write(b []byte) (int, error) {
	for _, c := range b {
		if c == '\n' {
			*n++
		}
	}
	return len(b), nil
}

// sumBytes is the SHA-256 of what a file is to hold.
func sumBytes(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// WriteWhole puts a file into place in one step and on the disk: a reader, also after a crash, sees the old file or
// the whole new one.
func WriteWhole(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return SyncPath(dir)
}

// SyncPath makes a file or the entries of a folder outlive a crash of the machine.
func SyncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// maxSmall bounds the files that are read whole, bytes: the plan of a hundred thousand cells has half of it.
const maxSmall = 64 << 20

// readSmall reads a regular file that is not larger than what a run leaves.
func readSmall(path string) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err = errors.Join(err, f.Close()); err == nil && len(b) > maxSmall {
		err = fmt.Errorf("%s is larger than %d MiB, which no run leaves", path, maxSmall>>20)
	}
	return b, err
}
