package cpus

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Pin keeps all threads of this process, and those that they will start, on the CPUs of a list, and has Go run as many
// threads at a time. The returned function undoes both. Children inherit it: start servers in Elsewhere.
func Pin(list string) (undo func() error, err error) {
	cpus, err := Parse(list)
	if err != nil {
		return nil, err
	}
	var before, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return nil, fmt.Errorf("which CPUs this process may use: %w", err)
	}
	for _, c := range cpus {
		if !before.IsSet(c) {
			return nil, fmt.Errorf("CPU %d of %s is not one that this process may use: /proc/self/status tells which are", c, list)
		}
		set.Set(c)
	}
	threads := runtime.GOMAXPROCS(0)
	undo = func() error {
		runtime.GOMAXPROCS(threads)
		kept.Store(nil)
		return everyThread(&before)
	}
	runtime.GOMAXPROCS(min(threads, len(cpus)))
	if err := everyThread(&set); err != nil {
		return nil, errors.Join(err, undo())
	}
	kept.Store(&set)
	return undo, nil
}

// kept is where this process is pinned to, nil if it is not.
var kept atomic.Pointer[unix.CPUSet]

// everyThread sets the CPUs of all threads. One that starts meanwhile has those of its parent, so it looks again until it finds
// none that is new.
func everyThread(set *unix.CPUSet) error {
	done := map[string]bool{}
	for again := true; again; {
		again = false
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("threads of this process: %w", err)
		}
		for _, t := range tasks {
			if done[t.Name()] {
				continue
			}
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				return fmt.Errorf("threads of this process: %w", err)
			}
			if err := unix.SchedSetaffinity(id, set); err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return fmt.Errorf("keep this process on its CPUs: %w", err)
			}
			done[t.Name()], again = true, true
		}
	}
	return nil
}

// Elsewhere calls start on a thread that may use every CPU that the kernel gives but those that this process is pinned to, so that a process
// that it starts may, too. Where that leaves none it may use all.
func Elsewhere(start func() error) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("which CPUs this process may use: %w", err)
	}
	for c := range most {
		all.Set(c)
	}
	others := without(all)
	err = unix.SchedSetaffinity(0, &others)
	if errors.Is(err, unix.EINVAL) { // none of them is there
		err = unix.SchedSetaffinity(0, &all)
	}
	if err != nil {
		return fmt.Errorf("let a new process use other CPUs: %w", err)
	}
	defer func() { err = errors.Join(err, unix.SchedSetaffinity(0, &before)) }() // on a panic, too
	return start()
}

// without is a set without the CPUs that this process is pinned to.
func without(all unix.CPUSet) unix.CPUSet {
	if k := kept.Load(); k != nil {
		for c := range most {
			if k.IsSet(c) {
				all.Clear(c)
			}
		}
	}
	return all
}

// Others lists the CPUs of this machine but those that this process is pinned to, as the kernel would: "" where it is not, or where none
// would be left.
func Others() string {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	online, perr := Parse(strings.TrimSpace(string(text)))
	k := kept.Load()
	if k == nil || err != nil || perr != nil {
		return ""
	}
	return list(slices.DeleteFunc(online, k.IsSet))
}
