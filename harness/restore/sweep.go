package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/disk"
)

// sweep undoes what stands in the journals of dead processes, and returns lines on what it could not.
func sweep(dir, root string, out io.Writer) (left []string, err error) {
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("folder of journals: %w", err)
	}
	for _, e := range found {
		if !strings.HasSuffix(e.Name(), journalSuffix) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		lock, err := disk.Take(path + lockSuffix)
		if held := (*disk.HeldError)(nil); errors.As(err, &held) {
			continue // its process lives, or nobody can see from here whether it does
		}
		if err != nil {
			return nil, fmt.Errorf("lock the journal %s: %w", path, err)
		}
		more, err := sweepOne(path, root, out)
		left = append(left, more...)
		if err = errors.Join(err, lock.Release()); err != nil {
			return nil, err
		}
	}
	disk.SweepLocks(dir, "*"+journalSuffix+lockSuffix)
	return left, nil
}

// sweepOne undoes what stands in a journal whose lock is held, the latest first, and removes it when nothing is left.
func sweepOne(path, root string, out io.Writer) (lines []string, err error) {
	l, err := readJournal(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // its process has closed it meanwhile
	}
	tell := func(format string, args ...any) {
		lines = append(lines, fmt.Sprintf(format, args...))
		fmt.Fprintln(out, "not restored:", lines[len(lines)-1])
	}
	if err != nil {
		tell("%v: look at it and remove it", err)
		return lines, nil
	}
	if len(l.damaged) > 0 {
		tell("%s has %d lines that are none, the first is line %d: look at it and remove it", path, len(l.damaged), l.damaged[0])
	}
	if l.owner == nil {
		if len(l.entries) == 0 && len(l.damaged) == 0 {
			return nil, os.Remove(path) // its process died while it began it
		}
		if len(l.damaged) == 0 {
			tell("%s does not say whose it is: look at it and remove it", path)
		}
		return lines, nil
	}
	if here, _ := disk.OwnerOf(os.Getpid()); l.owner.Host != here.Host {
		if len(l.entries) > 0 {
			tell("%v has left %s: start there, or remove %s", *l.owner, l.entries[0].What, path)
		}
		return lines, nil
	}
	journal := &Journal{path: path, root: root}
	if journal.f, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return lines, fmt.Errorf("go on with the journal %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, journal.f.Close()) }()
	for _, e := range slices.Backward(l.entries) {
		did, rerr := "", e.check(root) // the text may be of another version, or somebody's by hand
		if rerr == nil {
			did, rerr = e.bounded(root, l.owner.ThisBoot())
		} else {
			rerr = fmt.Errorf("%w: %w", rerr, errLeft)
		}
		switch {
		case rerr != nil:
			tell("%s, which %v has left: %v; mend that and start again, or undo it by hand and remove %s", e.What, *l.owner, rerr, path)
			continue
		case did != "":
			fmt.Fprintf(out, "restored: %s (%s), which %v had left\n", did, e.What, *l.owner)
		}
		if err := journal.append(line{Event: eventUndone, ID: e.id}); err != nil {
			return lines, err
		}
	}
	if len(lines) == 0 {
		return nil, os.Remove(path)
	}
	return lines, nil
}

// longest bounds the undoing of one entry of an earlier start.
const longest = 2 * time.Minute

func (e *Entry) bounded(root string, sameBoot bool) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	did, err := e.restore(ctx, root, sameBoot)
	if e.Kind != Container || did != "" || err != nil || !sameBoot {
		return did, err
	}
	// Its process may have died while the runtime was about to make it.
	select {
	case <-ctx.Done():
	case <-time.After(stillComing):
	}
	return e.restore(ctx, root, sameBoot)
}

// stillComing is for how long a runtime may take to make a container whose client has died.
const stillComing = 2 * time.Second
