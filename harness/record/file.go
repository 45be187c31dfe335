package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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
func SumFile(path string) (sum FileSum, err error) {
	f, err := regular.Open(path)
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
