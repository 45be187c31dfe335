//go:build !linux

package launch

import "syscall"

// ownGroup puts a process and what it starts into a group of their own.
func ownGroup(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
