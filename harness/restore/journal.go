package restore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"sparkharness/harness/disk"
)

// Undo puts one thing back, also when its context has ended. It does so once; further calls do nothing.
type Undo = func(context.Context) error

// Journal is what this process has done to the machine and not undone yet. It may be used by several goroutines.
type Journal struct {
	path string
	lock *disk.Lock
	root string // of the kernel's files: / but in tests

	mu   sync.Mutex
	f    *os.File
	ids  int
	open []*undoing // in the order in which they were done

	// Left are lines on what earlier starts have left and this one could not undo. The machine is not as it was found: a
	// measurement on it is of another machine.
	Left []string
}

const (
	journalSuffix = ".jsonl"
	lockSuffix    = ".lock"
)

// Home is the user's folder of journals: sparkharness/restore in $XDG_STATE_HOME, or in ~/.local/state (XDG Base Directory
// Specification 0.8).
func Home() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) { // the specification has relative paths ignored
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("where to note what is done to this machine: %w: set HOME or XDG_STATE_HOME", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "sparkharness", "restore"), nil
}

// Open undoes what dead processes have noted in dir and not undone, telling the user a line each on out, and begins a
// journal there. What living processes have noted, and those of other hosts that share the folder, is left alone.
func Open(dir string, out io.Writer) (*Journal, error) { return open(dir, "/", out) }

func open(dir, root string, out io.Writer) (*Journal, error) {
	if err := own(dir); err != nil {
		return nil, err
	}
	left, err := sweep(dir, root, out)
	if err != nil {
		return nil, err
	}
	j := &Journal{path: filepath.Join(dir, fmt.Sprintf("%d-%s%s", os.Getpid(), token(), journalSuffix)), root: root, Left: left}
	// In this order: a journal without a lock is that of a dead process.
	if j.lock, err = disk.Take(j.path + lockSuffix); err != nil {
		return nil, fmt.Errorf("lock a journal: %w", err)
	}
	if err := j.create(dir); err != nil {
		return nil, errors.Join(err, j.lock.Release())
	}
	return j, nil
}

// own makes the folder of journals where there is none, and refuses one in which others may write: what stands there is undone with this
// user's rights.
func own(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("folder of journals: %w", err)
	}
	st, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("folder of journals: %w", err)
	}
	if of, ok := st.Sys().(*syscall.Stat_t); ok && int(of.Uid) != os.Geteuid() {
		return fmt.Errorf("folder of journals %s is of user %d, this is user %d, and what stands there is undone: "+
			"set XDG_STATE_HOME to a folder of your own, as under sudo -E", dir, of.Uid, os.Geteuid())
	}
	if st.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("folder of journals %s can be written by others, and what stands there is undone: chmod go-w %s", dir, dir)
	}
	return nil
}

func (j *Journal) create(dir string) (err error) {
	if j.f, err = os.OpenFile(j.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return fmt.Errorf("begin a journal: %w", err)
	}
	me, _ := disk.OwnerOf(os.Getpid())
	if err := j.append(line{Event: eventBegun, Owner: &me}); err != nil {
		return err
	}
	return disk.Sync(dir)
}

// token is a text that nobody else has.
func token() string { return strings.ToLower(rand.Text()[:16]) }

// append writes a line and returns when the disk has it. The caller holds mu, or is alone.
func (j *Journal) append(l line) error {
	l.At = time.Now().UTC()
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode a line of the journal: %w", err)
	}
	if _, err = j.f.Write(append(b, '\n')); err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		return fmt.Errorf("note in %s: %w: make room there, nothing is done that could not be undone", j.path, err)
	}
	return nil
}

// Close undoes what is left, the latest first, and removes the journal. If something cannot be undone, the journal stays
// for the next start, and the error says what.
func (j *Journal) Close() error {
	var errs []error
	j.mu.Lock()
	todo := slices.Clone(j.open)
	j.mu.Unlock()
	for _, u := range slices.Backward(todo) {
		errs = append(errs, u.run(context.Background()), u.back(context.Background()))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.f == nil {
		return nil
	}
	errs = append(errs, j.f.Close())
	j.f = nil
	if len(j.open) == 0 {
		errs = append(errs, os.Remove(j.path))
	}
	return errors.Join(append(errs, j.lock.Release())...)
}
