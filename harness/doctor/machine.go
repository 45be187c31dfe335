package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"sparkharness/harness/drive"
	"sparkharness/harness/outgoing"
)

// Machine is all that checks look at: Here, or a recorded one.
type Machine struct {
	// Files is the root of the file system, with proc, sys, dev and etc in it.
	Files fs.FS
	// Run is a command's standard output. Of one that ended badly it is returned beside the error; a command that is not
	// installed is an exec.ErrNotFound.
	Run func(ctx context.Context, name string, args ...string) (string, error)
	// Env is a variable of this process; ok is false if it is not set.
	Env   func(name string) (value string, ok bool)
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	// Space is that of the file system of a path.
	Space func(path string) (Space, error)
	// Synced says whether the kernel takes the clock for synchronised (adjtimex(2)), and its largest error.
	Synced func() (synced bool, most time.Duration, err error)
	// Writable says whether this process may write to a path.
	Writable func(path string) (bool, error)
	Drive    func(dir string) (*drive.Drive, error)
	// Prove moves the counters of a drive, with a file of its folder.
	Prove func(ctx context.Context, d *drive.Drive) (drive.Proof, error)
	// Lateness are the send lags of the load client on this machine, sorted.
	Lateness func(ctx context.Context) ([]time.Duration, error)
	// Spin keeps all processors busy until ctx ends.
	Spin func(ctx context.Context)
}

// Space is the room of a file system, bytes: what a user may still write, and all.
type Space struct{ Free, Total float64 }

// mostText bounds what is read of a file of the kernel's.
const mostText = 16 << 20

// text is the content of a file without white space around it.
func (m *Machine) text(path string) (string, error) {
	f, err := m.Files.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, mostText))
	return strings.Trim(string(b), " \t\r\n\x00"), err
}

// number is a whole number that a file holds alone.
func (m *Machine) number(path string) (float64, error) {
	text, err := m.text(path)
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/%s: %.40q is no whole number", path, text)
	}
	return float64(v), nil
}

// absent says that an error means that something is not there, and not that it could not be looked at.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound)
}

// short is what stands in a table for a foreign text.
func short(text string) string { return outgoing.Clean(text, 300) }

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// size is a number of bytes as people read it.
func size(b float64) string {
	switch {
	case b >= 10*gib:
		return fmt.Sprintf("%.0f GiB", b/gib)
	case b >= gib:
		return fmt.Sprintf("%.1f GiB", b/gib)
	case b >= mib:
		return fmt.Sprintf("%.0f MiB", b/mib)
	}
	return fmt.Sprintf("%.0f KiB", b/kib)
}
