package serverrig

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"sparkharness/harness/cpus"
	"sparkharness/harness/launch"
	"sparkharness/harness/restore"
)

// journalsOf is a folder of journals: the one that was named, or for "" the user's own.
func journalsOf(dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	return restore.Home()
}

// asFound refuses a machine that is not as it was found.
func asFound(j *restore.Journal) error {
	if len(j.Left) == 0 {
		return nil
	}
	return fmt.Errorf("an earlier run has left what could not be undone, so that a measurement would be of another machine: "+
		"undo it by hand as each line says, and start again:\n  %s", strings.Join(j.Left, "\n  "))
}

// noting is the journal of servers that are started. They may use all CPUs but those that the client keeps to.
type noting struct{ *restore.Journal }

// Begin notes a server, and starts it.
func (j noting) Begin(n launch.Noted, start func(launch.Mark) error) (gone func(context.Context) error, err error) {
	e := restore.Entry{Kind: restore.Process, What: n.What, GraceS: n.GraceS}
	if n.Docker != "" {
		e.Kind, e.Runtime = restore.Container, filepath.Base(n.Docker)
	}
	perr := cpus.Elsewhere(func() error {
		gone, err = j.Do(e, func(note *restore.Note) error { return start(note) }, nil)
		return nil // whoever starts must end what has been started, whatever becomes of the CPUs
	})
	if perr == nil || err != nil {
		return gone, errors.Join(perr, err)
	}
	return nil, errors.Join(perr, undone(gone))
}

// undone calls what undoes, if there is something to undo.
func undone(undo restore.Undo) error {
	if undo == nil {
		return nil
	}
	return undo(context.Background())
}
