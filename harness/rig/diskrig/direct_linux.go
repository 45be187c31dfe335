package diskrig

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"sparkharness/harness/punctual"
)

// openDirect opens a file below root for direct I/O.
func openDirect(root *os.Root, name string, flag int) (*os.File, error) {
	f, err := root.OpenFile(name, flag|unix.O_DIRECT, 0o600)
	if errors.Is(err, unix.EINVAL) {
		return nil, fmt.Errorf("%w: the file system has no direct I/O (O_DIRECT): choose a directory on another one", err)
	}
	return f, err
}

// aligned refuses a file for which whole pages in memory of whole pages are not aligned, as statx(2) says.
func aligned(f *os.File) error {
	var st unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &st)
	if err != nil || st.Mask&unix.STATX_DIOALIGN == 0 {
		return nil // a kernel before 6.1 does not say, and a page is enough for any device that has no larger blocks
	}
	memory, offset := int(st.Dio_mem_align), int(st.Dio_offset_align)
	if memory == 0 || offset == 0 {
		return errors.New("the file system has no direct I/O (statx: alignment 0): choose a directory on another one")
	}
	if os.Getpagesize()%memory != 0 || page%offset != 0 {
		return fmt.Errorf("direct I/O there is aligned to %d bytes of memory and %d of the file, and here to %d and %d: "+
			"choose a directory on another drive", memory, offset, os.Getpagesize(), page)
	}
	return nil
}

// allocate has the file system find the space of a file.
func allocate(f *os.File, size int64) error {
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	return nil
}

// freeBytes is the space that a user may take.
func freeBytes(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// memory is aligned to pages, and the garbage collector leaves it alone.
func memory(bytes int64) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("memory for %d bytes: %w", bytes, err)
	}
	return b, nil
}

func giveBack(b []byte) error { return unix.Munmap(b) }

// thread makes the calling goroutine's clock and sleep exact, which are its thread's. Undo it in the same goroutine.
func thread() (undo func()) {
	runtime.LockOSThread()
	// Timers of a thread may be late by its slack, 50 us unless it says otherwise.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // without it waits are late, which is measured
	return func() {
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) // the thread's default again
		runtime.UnlockOSThread()
	}
}

// cpu is the CPU time of the calling thread.
func cpu() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// wait returns when so much time has passed: it sleeps, and spins for the last of it.
func wait(d time.Duration) {
	end := time.Now().Add(d)
	punctual.Until(end.Add(-spin))
	for time.Now().Before(end) {
	}
}
