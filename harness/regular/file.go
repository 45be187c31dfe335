package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ErrNoFile marks a path that leads to something else than a regular file.
var ErrNoFile = errors.New("not a regular file")

// ErrTooLarge marks a file that holds more than its kind may.
var ErrTooLarge = errors.New("too large")

// flags do not wait for a writer of a pipe, nor take a terminal over. Neither changes how a regular file is read.
const flags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY

// Open opens a regular file, or a link to one, to be read to its end by somebody who bounds what he keeps of it.
// Anything else is an ErrNoFile.
func Open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, opening(path, err, os.Stat)
	}
	return checked(f, path)
}

// Read is the content of a regular file of at most limit bytes. A larger one is an ErrTooLarge and is not read.
func Read(path string, limit int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	return whole(f, path, limit)
}

// ReadIn is Read for a file in a folder that the name must not lead out of.
func ReadIn(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := root.OpenFile(name, flags, 0)
	if err != nil {
		return nil, opening(name, err, root.Stat)
	}
	if f, err = checked(f, name); err != nil {
		return nil, err
	}
	return whole(f, name, limit)
}

// opening is why a path could not be opened; a socket says so of itself.
func opening(path string, err error, stat func(string) (fs.FileInfo, error)) error {
	if info, serr := stat(path); errors.Is(err, syscall.ENXIO) && serr == nil && !info.Mode().IsRegular() {
		return refused(path, info.Mode())
	}
	return err
}

// checked closes and refuses what has been opened and is no regular file. It asks the open file and not the path, which
// may have become another one meanwhile.
func checked(f *os.File, path string) (*os.File, error) {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = refused(path, info.Mode())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func refused(path string, mode fs.FileMode) error {
	return fmt.Errorf("%s is %s, %w: correct the path, or put a file there", path, kind(mode), ErrNoFile)
}

// whole reads a file to its end and closes it. What the kernel makes up when it is read says that its size is 0, so
// the limit holds for what comes, too.
func whole(f *os.File, path string, limit int64) (data []byte, err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if size := info.Size(); size > limit {
		return nil, fmt.Errorf("%s is %w: %s, and such a file has at most %s", path, ErrTooLarge, inUnits(size), inUnits(limit))
	}
	if data, err = io.ReadAll(io.LimitReader(f, limit+1)); err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is %w: such a file has at most %s", path, ErrTooLarge, inUnits(limit))
	}
	return data, nil
}

// kind names what a mode stands for.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return mode.Type().String()
}

// inUnits prints a size in the largest unit of which it has at least one.
func inUnits(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, u := float64(n), 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	return fmt.Sprintf("%.4g %s", v, units[u])
}
