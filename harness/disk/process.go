package disk

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Process is what the kernel tells of a process of this machine in /proc/<pid>/stat (proc_pid_stat(5)).
type Process struct {
	PID    int
	Parent int
	Group  int    // its process group
	Start  uint64 // clock ticks from boot to its start
	Zombie bool   // it has ended, and nobody has asked how
}

// ProcessOf is the process of a number; false if there is none.
func ProcessOf(pid int) (p Process, there bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, false
	}
	// The name in field 2 may hold blanks and parentheses: the fields are counted from the last of those.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const state, parent, group, start = 3, 4, 5, 22
	if len(fields) <= start-state {
		return p, false
	}
	p = Process{PID: pid, Zombie: fields[0][0] == 'Z' || fields[0][0] == 'X'}
	if p.Parent, err = strconv.Atoi(string(fields[parent-state])); err != nil {
		return p, false
	}
	if p.Group, err = strconv.Atoi(string(fields[group-state])); err != nil {
		return p, false
	}
	p.Start, err = strconv.ParseUint(string(fields[start-state]), 10, 64)
	return p, err == nil
}

// Processes are all processes of this machine, in the order of their numbers as text.
func Processes() (all []Process) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, there := ProcessOf(pid); there { // one that ended meanwhile is nobody's
			all = append(all, p)
		}
	}
	return all
}
