//go:build !linux

package diskrig

import (
	"errors"
	"os"
	"time"
)

var errLinux = errors.New("a storage of real files is on Linux only: run this on the machine that has the drive")

func openDirect(*os.Root, string, int) (*os.File, error) { return nil, errLinux }
func aligned(*os.File) error                             { return errLinux }
func allocate(*os.File, int64) error                     { return errLinux }
func freeBytes(string) (int64, error)                    { return 0, errLinux }
func memory(int64) ([]byte, error)                       { return nil, errLinux }
func giveBack([]byte) error                              { return errLinux }
func thread() (undo func())                              { return func() {} }
func cpu() time.Duration                                 { return 0 }
func wait(d time.Duration)                               { time.Sleep(d) }
