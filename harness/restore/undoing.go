package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"sparkharness/harness/disk"
)

// undoing is an entry that is to be undone, once.
type undoing struct {
	journal *Journal
	id      int
	undo    Undo // nil: the entry alone
	once    sync.Once
	mu      sync.Mutex
	entry   Entry
	undone  bool
}

// Note is what an action is told of its entry.
type Note struct{ u *undoing }

// Token marks what the action makes.
func (n *Note) Token() string { return n.u.entry.Token }

// Env is what a process must have in its environment, NAME=value.
func (n *Note) Env() string { return envName + "=" + n.u.entry.Token }

// Label is what a container must have as its label, name=value.
func (n *Note) Label() string { return labelName + "=" + n.u.entry.Token }

// Started notes the leader of a process group.
func (n *Note) Started(pid int) error {
	leader, runs := disk.OwnerOf(pid)
	if !runs {
		return nil // it has ended already; what it may have started has the token
	}
	n.u.mu.Lock()
	n.u.entry.Leader = &leader
	n.u.mu.Unlock()
	j := n.u.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.append(line{Event: eventStarted, ID: n.u.id, Leader: &leader})
}

// Do notes an entry, then acts. What it returns undoes it: by undo first, if that is not nil, and then by what stands in
// the entry, so that a fault of undo leaves nothing behind. If act fails, what it has begun is undone at once.
func (j *Journal) Do(e Entry, act func(*Note) error, undo Undo) (Undo, error) {
	if e.Token == "" {
		e.Token = token()
	}
	if err := e.check(j.root); err != nil {
		return nil, fmt.Errorf("%s: %w", e.What, err)
	}
	if e.Runtime != "" && e.RuntimeEnv == nil {
		e.RuntimeEnv = daemonOf(os.Environ())
	}
	u := &undoing{journal: j, undo: undo, entry: e}
	j.mu.Lock()
	if j.f == nil {
		j.mu.Unlock()
		return nil, fmt.Errorf("%s: the journal is closed", e.What)
	}
	j.ids++
	u.id = j.ids
	err := j.append(line{Event: eventDoing, ID: u.id, Entry: &e})
	if err == nil {
		j.open = append(j.open, u)
	}
	j.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.What, err)
	}
	acted := false
	defer func() {
		if !acted { // a panic
			_ = u.back(context.Background())
		}
	}()
	err = act(&Note{u})
	acted = true
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", e.What, err), u.back(context.Background()))
	}
	return u.run, nil
}

// run undoes, once.
func (u *undoing) run(ctx context.Context) (err error) {
	u.once.Do(func() {
		defer func() { err = errors.Join(err, u.back(context.WithoutCancel(ctx))) }() // on a panic too
		if u.undo != nil {
			err = u.undo(context.WithoutCancel(ctx))
		}
	})
	return err
}

// back undoes by what stands in the entry, and notes that.
func (u *undoing) back(ctx context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.undone {
		return nil
	}
	if _, err := u.entry.restore(ctx, u.journal.root, true); err != nil {
		return fmt.Errorf("%s: %w", u.entry.What, err)
	}
	u.undone = true
	j := u.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open = slices.DeleteFunc(j.open, func(o *undoing) bool { return o == u })
	return j.append(line{Event: eventUndone, ID: u.id})
}
