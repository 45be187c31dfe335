package cpus

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Pin keeps all threads of this process, and those that they will start, on the CPUs of a list, and has Go run as many
// threads at a time. The returned function undoes both. Children inherit it: start servers in Everywhere.
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
		return everyThread(&before)
	}
	runtime.GOMAXPROCS(min(threads, len(cpus)))
	if err := everyThread(&set); err != nil {
		return nil, errors.Join(err, undo())
	}
	return undo, nil
}

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

// Everywhere calls start on a thread that may use every CPU that the kernel gives, so that a process that it starts may, too.
func Everywhere(start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("which CPUs this process may use: %w", err)
	}
	for c := range most {
		all.Set(c)
	}
	if err := unix.SchedSetaffinity(0, &all); err != nil {
		return fmt.Errorf("let a new process use all CPUs: %w", err)
	}
	return errors.Join(start(), unix.SchedSetaffinity(0, &before))
}
