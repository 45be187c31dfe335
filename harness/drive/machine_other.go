//go:build !linux

package drive

import (
	"context"
	"io"
)

func place(string) (Place, error) { return Place{}, errLinux }

func node(string) (Number, error) { return Number{}, errLinux }

// directFile is of Linux only.
type directFile struct{}

func newDirectFile(context.Context, string, int64, int64, io.Reader) (*directFile, error) {
	return nil, errLinux
}

func (*directFile) write(context.Context) error { return errLinux }
func (*directFile) read(context.Context) error  { return errLinux }
func (*directFile) close() error                { return nil }
