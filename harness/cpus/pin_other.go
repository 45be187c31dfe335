//go:build !linux

package cpus

import "errors"

var errLinux = errors.New("processes are kept on CPUs on Linux only: leave -client-cpus out")

// Pin is for Linux.
func Pin(string) (func() error, error) { return nil, errLinux }

// Elsewhere calls start.
func Elsewhere(start func() error) error { return start() }

// Others is for Linux.
func Others() string { return "" }
