package launch

import "syscall"

// ownGroup puts a process and what it starts into a group of their own. SIGTERM comes to it when the harness dies without having
// stopped it.
func ownGroup(container bool) *syscall.SysProcAttr {
	if container { // docker's command is not the server: the container outlives it
		return &syscall.SysProcAttr{Setpgid: true}
	}
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
