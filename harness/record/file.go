package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"

	"sparkharness/harness/regular"
)

// FileSum is what a file held when it was sealed.
type FileSum struct {
	Name   string `json:"name"`
	Lines  int    `json:"lines"` // ends of lines
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// SumFile reads a regular file once.
func SumFile(path string) (FileSum, error) { return sumUpTo(path, math.MaxInt64-1) }

// sumUpTo is SumFile of a file that should not have more bytes. Of one that does, only the size is told: it may be of any.
func sumUpTo(path string, most int64) (sum FileSum, err error) {
	f, err := regular.Open(path)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return sum, err
	}
	sum.Name, sum.Bytes = filepath.Base(path), info.Size()
	if sum.Bytes > most {
		return sum, nil
	}
	h, lines := sha256.New(), lineCount(0)
	if sum.Bytes, err = io.Copy(io.MultiWriter(h, &lines), io.LimitReader(f, most+1)); err != nil {
		return sum, fmt.Errorf("read %s: %w", path, err)
	}
	sum.Lines, sum.SHA256 = int(lines), hex.EncodeToString(h.Sum(nil))
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
