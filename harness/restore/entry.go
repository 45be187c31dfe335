package restore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"sparkharness/harness/disk"
)

// Kind is what was done to the machine, and so how it is undone.
type Kind string

// Kinds of entries.
const (
	Process   Kind = "process"   // ended with its whole group: SIGTERM, then SIGKILL
	Fio       Kind = "fio"       // a process that is asked with SIGINT, upon which fio prints its last figures
	Container Kind = "container" // removed by its label, running or not
	Folder    Kind = "folder"    // removed with all that is in it
	File      Kind = "file"      // removed
	Setting   Kind = "setting"   // the old value is written again
)

// Entry is one thing that is done to the machine, with all that somebody else needs to undo it.
type Entry struct {
	Kind Kind   `json:"kind"`
	What string `json:"what"` // in a user's words, such as "fio heavy"
	// Token marks what was made, so that nothing else is taken for it. Do chooses one where it is empty.
	Token string `json:"token"`
	// Leader is the first process of the group of a process or a fio, from when it has been started.
	Leader *disk.Owner `json:"leader,omitempty"`
	GraceS float64     `json:"grace_s,omitempty"` // s between asking a process to end and killing it; 0: 10 s
	// Runtime is the program that removes a container, or runs one: docker or podman.
	Runtime string `json:"runtime,omitempty"`
	// Image is that of a container which writes into a folder; what is another user's there is removed by a container of it.
	Image string `json:"image,omitempty"`
	// RuntimeEnv are the variables, NAME=value, by which it finds its daemon, as they were when the entry was noted; null in
	// journals of versions that did not note them.
	RuntimeEnv []string `json:"runtime_env"`
	// Path is a folder or file directly in the folder Below, which the user has named; of a setting, the kernel's file.
	Path  string `json:"path,omitempty"`
	Below string `json:"below,omitempty"`
	// Old and New are the values of a setting.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// grace is how long a process may take to end after it has been asked.
func (e *Entry) grace() time.Duration {
	if e.GraceS == 0 {
		return 10 * time.Second
	}
	return time.Duration(e.GraceS * float64(time.Second))
}

// check refuses an entry that could not be undone, or would undo what was never done.
func (e *Entry) check(root string) error {
	if e.Token == "" {
		return errors.New("an entry needs a token")
	}
	switch e.Kind {
	case Process, Fio:
		return nil
	case Container:
		return e.checkRuntime()
	case Folder, File:
		if !filepath.IsAbs(e.Below) || filepath.Dir(e.Path) != filepath.Clean(e.Below) {
			return fmt.Errorf("%s %s must lie directly in a folder that the user has named by its absolute path, not in %q", e.Kind, e.Path, e.Below)
		}
		if !strings.Contains(filepath.Base(e.Path), e.Token) {
			return fmt.Errorf("%s %s must have its token %s in its name", e.Kind, e.Path, e.Token)
		}
		if e.Image == "" {
			return nil
		}
		if strings.HasPrefix(e.Image, "-") {
			return fmt.Errorf("image %q would be taken for a flag", e.Image)
		}
		return e.checkRuntime()
	case Setting:
		if !allowed(root, e.Path) {
			return fmt.Errorf("setting %s is not among those that may be changed: see the list in harness/restore/setting.go", e.Path)
		}
		return nil
	}
	return fmt.Errorf("kind %q is not known", e.Kind)
}

func (e *Entry) checkRuntime() error {
	if e.Runtime != "docker" && e.Runtime != "podman" {
		return fmt.Errorf("container runtime %q: must be docker or podman", e.Runtime)
	}
	return nil
}

// errLeft says that something could not be put back, or not be told from what others have made.
var errLeft = errors.New("left as it is")

// restore undoes the entry from what stands in it alone. It says what it found and did, "" if nothing was left to do; it
// may be called again.
func (e *Entry) restore(ctx context.Context, root string, sameBoot bool) (did string, err error) {
	switch e.Kind {
	case Process, Fio:
		if !sameBoot {
			return "", nil // all processes went with the boot
		}
		return e.end(ctx)
	case Container:
		return e.removeContainer(ctx)
	case Folder:
		return e.removeFolder(ctx)
	case File:
		return e.removeFile()
	case Setting:
		if !sameBoot {
			return "", nil // the kernel chose anew
		}
		return e.reset(root)
	}
	return "", fmt.Errorf("kind %q is of a later version: %w", e.Kind, errLeft)
}
