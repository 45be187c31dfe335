//go:build !linux

package cpus

import "errors"

var errLinux = errors.New("processes are kept on CPUs on Linux only: leave -client-cpus out")

// Pin is for Linux.
func Pin(string) (func() error, error) { return nil, errLinux }

// Everywhere calls start.
func Everywhere(start func() error) error { return start() }
