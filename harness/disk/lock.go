package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// Lock is a file that one process holds. What holds is flock(2): it goes with the process, however that ends. The
// owner's text inside is for messages, and for folders that hosts share: a host may not see the locks of another one.
type Lock struct {
	path string
	f    *os.File
}

// HeldError says that another process has what was to be taken.
type HeldError struct {
	Path  string // lock file
	By    *Owner // nil: it has not said yet
	Blind bool   // whether it still lives cannot be seen from here
}

func (e *HeldError) Error() string {
	switch {
	case e.By == nil:
		return "held by another process"
	case e.Blind:
		return fmt.Sprintf("held by %v; whether that has ended cannot be seen from here: if it has, remove %s", e.By, e.Path)
	}
	return fmt.Sprintf("held by %v", e.By)
}

// passing says that the lock is held by one that has not signed: it sweeps, or is about to sign.
func (e *HeldError) passing() bool { return e.By == nil || !e.Blind && e.By.life() == dead }

// errMoved says that the file that was locked is no longer that of its path.
var errMoved = errors.New("the lock file was removed meanwhile")

// Whoever passes holds a lock for less than a millisecond; a machine under load is given more.
const (
	passingWait  = 10 * time.Millisecond
	passingTries = 500
)

// Take takes the lock of a path, whose folder must be there, until Release or the end of the process. A *HeldError says
// who has it. What a dead process has left is taken over, but never that of another host.
func Take(path string) (*Lock, error) { return take(path, flock) }

// take is Take with flock(2), or what stands for it.
func take(path string, flock func(*os.File) (bool, error)) (*Lock, error) {
	for tries := 0; ; tries++ {
		l, err := try(path, flock)
		var held *HeldError
		switch {
		case err == nil:
			if err := l.sign(); err != nil {
				return nil, errors.Join(err, l.Release())
			}
			return l, nil
		case errors.Is(err, errMoved):
		case errors.As(err, &held) && held.passing() && tries < passingTries:
			time.Sleep(passingWait)
		default:
			return nil, err
		}
	}
}

// TakeWithin is Take that waits for who has the lock, at most that long and until stop is closed.
func TakeWithin(path string, limit time.Duration, stop <-chan struct{}) (*Lock, error) {
	for start := time.Now(); ; {
		l, err := Take(path)
		var held *HeldError
		if !errors.As(err, &held) || held.Blind || time.Since(start) > limit {
			return l, err
		}
		select {
		case <-stop:
			return nil, err
		case <-time.After(passingWait):
		}
	}
}

// Held says who holds the lock of a path: a *HeldError, or nil if nobody does, or who does has not said yet. It leaves nothing at the
// path, and does not wait.
func Held(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	l := &Lock{path: path, f: f}
	err = l.claim(flock)
	_ = f.Close() // it was read
	held := (*HeldError)(nil)
	if errors.Is(err, errMoved) || errors.As(err, &held) && held.passing() {
		return nil
	}
	return err
}

// try locks the file of a path, and does not sign it.
func try(path string, flock func(*os.File) (bool, error)) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	l := &Lock{path: path, f: f}
	if err := l.claim(flock); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// claim makes the open file this process's.
func (l *Lock) claim(flock func(*os.File) (bool, error)) error {
	held, err := flock(l.f)
	sound := err == nil
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("lock %s: %w", l.path, err)
	}
	by, signed, err := l.owner()
	switch {
	case err != nil:
		return err
	case held && signed:
		return &HeldError{Path: l.path, By: &by}
	case held:
		return &HeldError{Path: l.path}
	case !l.current():
		return errMoved // a lock on it would keep nobody out
	}
	// A free lock of this kernel is the last word. Without locks, or from another kernel, the text is.
	if signed && !(sound && by.Boot == self().Boot) {
		if how := by.life(); how != dead {
			return &HeldError{Path: l.path, By: &by, Blind: how == unknown}
		}
	}
	return nil
}

// flock locks the file for this process, without waiting. A file system without locks is errors.ErrUnsupported.
func flock(f *os.File) (held bool, err error) {
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return true, nil
		case errors.Is(err, syscall.ENOLCK):
			return false, errors.Join(errors.ErrUnsupported, err)
		default:
			return false, err
		}
	}
}

// current says whether the file is still the one of its path.
func (l *Lock) current() bool {
	mine, err := l.f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(l.path)
	return err == nil && os.SameFile(mine, there)
}

// owner reads who signed; false if nobody has, or not to the end.
func (l *Lock) owner() (o Owner, signed bool, err error) {
	b, err := io.ReadAll(io.NewSectionReader(l.f, 0, 1<<12))
	if err != nil {
		return o, false, fmt.Errorf("read who holds %s: %w", l.path, err)
	}
	o, signed = parseOwner(b)
	return o, signed, nil
}

// sign writes this process into the file.
func (l *Lock) sign() error {
	o := self()
	o.Since = time.Now().UTC().Truncate(time.Second)
	b, err := o.text()
	if err != nil {
		return err
	}
	err = l.f.Truncate(0)
	if err == nil {
		_, err = l.f.WriteAt(b, 0)
	}
	if err != nil {
		return fmt.Errorf("write who holds %s: %w", l.path, err)
	}
	return nil
}

// Release frees the lock and removes its file.
func (l *Lock) Release() error {
	// In this order: removed while it is held, so that nobody else's is removed.
	return errors.Join(os.Remove(l.path), l.f.Close())
}

// SweepLocks removes the lock files that dead processes have left, of those in a folder whose names match a pattern of
// path/filepath. What it cannot judge stays.
func SweepLocks(dir, pattern string) {
	for _, path := range matching(dir, pattern) {
		// Unsigned, so that who comes meanwhile waits instead of being refused.
		if l, err := try(path, flock); err == nil {
			_ = l.Release() // a file too many does no harm
		}
	}
}
