package restore

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// opened is a journal in a folder of its own, and below, where things are made.
func opened(t *testing.T) (j *Journal, below string) {
	t.Helper()
	j, err := Open(filepath.Join(t.TempDir(), "state"), &bytes.Buffer{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	below, err = filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return j, below
}

// Before anything is done, it stands in the journal; when it has been undone, it does not count any more.
func TestNotedBeforeItActs(t *testing.T) {
	j, below := opened(t)
	noted := func() int {
		l, err := readJournal(j.path)
		require.NoError(t, err)
		require.NotNil(t, l.owner)
		assert.Equal(t, os.Getpid(), l.owner.PID)
		return len(l.entries)
	}
	assert.Zero(t, noted())
	undo, err := j.Do(Entry{Kind: Process, What: "nothing"}, func(n *Note) error {
		assert.Equal(t, 1, noted())
		assert.Len(t, n.Token(), 16)
		assert.Equal(t, "SPARKHARNESS_STARTED="+n.Token(), n.Env())
		assert.Equal(t, "sparkharness.started="+n.Token(), n.Label())
		return nil
	}, nil)
	require.NoError(t, err)
	dir, undoDir, err := j.Folder(below, "x", Writer{})
	require.NoError(t, err)
	assert.DirExists(t, dir)
	assert.Equal(t, 2, noted())
	require.NoError(t, undoDir(t.Context()))
	assert.NoDirExists(t, dir)
	assert.Equal(t, 1, noted())
	require.NoError(t, undo(t.Context()))
	assert.Zero(t, noted())
}

// What could not be noted is not done.
func TestNotNotedIsNotDone(t *testing.T) {
	j, below := opened(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	f := j.f
	j.f = full
	_, _, err = j.Folder(below, "x", Writer{})
	j.f = f
	require.ErrorContains(t, err, "make room there, nothing is done that could not be undone")
	assert.Empty(t, names(t, below))
	require.NoError(t, full.Close())
}

// Undoing calls what was given, and then makes sure; once, and in spite of a fault, a panic or a context that has ended.
func TestUndo(t *testing.T) {
	for name, tc := range map[string]struct {
		undo  func() error
		want  string
		panic bool
	}{
		"well":      {undo: func() error { return nil }},
		"a fault":   {undo: func() error { return errors.New("fio died") }, want: "fio died"},
		"a panic":   {undo: func() error { panic("slip") }, panic: true},
		"no orders": {},
	} {
		t.Run(name, func(t *testing.T) {
			j, below := opened(t)
			calls := 0
			e := Entry{Kind: Folder, What: "x", Below: below, Token: "abc", Path: filepath.Join(below, "x-abc")}
			var own Undo
			if tc.undo != nil {
				own = func(ctx context.Context) error {
					calls++
					assert.NoError(t, ctx.Err())
					return tc.undo()
				}
			}
			undo, err := j.Do(e, func(*Note) error { return os.Mkdir(e.Path, 0o755) }, own)
			require.NoError(t, err)
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			switch {
			case tc.panic:
				assert.Panics(t, func() { _ = undo(ended) })
			case tc.want != "":
				require.ErrorContains(t, undo(ended), tc.want)
			default:
				require.NoError(t, undo(ended))
			}
			assert.NoDirExists(t, e.Path)
			require.NoError(t, undo(t.Context()))
			require.NoError(t, j.Close())
			if tc.undo != nil {
				assert.Equal(t, 1, calls)
			}
		})
	}
}

// What fails halfway, or panics, is undone at once.
func TestFailedActIsUndone(t *testing.T) {
	j, below := opened(t)
	e := Entry{Kind: Folder, What: "x", Below: below, Token: "abc", Path: filepath.Join(below, "x-abc")}
	_, err := j.Do(e, func(*Note) error { return errors.Join(os.Mkdir(e.Path, 0o755), errors.New("no luck")) }, nil)
	require.EqualError(t, err, "x: no luck")
	assert.NoDirExists(t, e.Path)
	assert.Panics(t, func() {
		_, _ = j.Do(e, func(*Note) error { _ = os.Mkdir(e.Path, 0o755); panic("slip") }, nil)
	})
	assert.NoDirExists(t, e.Path)
	assert.Empty(t, j.open)
	_, err = j.Start(exec.Command("/no/such/program"), Entry{Kind: Process, What: "server"}, nil)
	require.ErrorContains(t, err, "server: fork/exec /no/such/program: no such file")
	assert.Empty(t, j.open)
}

// Close undoes the rest, the latest first; the journal goes with it.
func TestCloseUndoesInReverse(t *testing.T) {
	j, _ := opened(t)
	var order []int
	for i := range 3 {
		_, err := j.Do(Entry{Kind: Process, What: "nothing"}, func(*Note) error { return nil }, func(context.Context) error {
			order = append(order, i)
			return nil
		})
		require.NoError(t, err)
	}
	require.NoError(t, j.Close())
	assert.Equal(t, []int{2, 1, 0}, order)
	assert.Empty(t, names(t, filepath.Dir(j.path)))
	_, err := j.Do(Entry{Kind: Process, What: "nothing"}, func(*Note) error { return nil }, nil)
	require.ErrorContains(t, err, "closed")
}

func TestEntriesThatCouldNotBeUndone(t *testing.T) {
	j, below := opened(t)
	for want, e := range map[string]Entry{
		"must lie directly in a folder":    {Kind: Folder, Below: below, Path: "/etc", Token: "etc"},
		"by its absolute path":             {Kind: File, Below: ".", Path: "./abc", Token: "abc"},
		"must have its token abc":          {Kind: Folder, Below: below, Path: filepath.Join(below, "x"), Token: "abc"},
		"must be docker or podman":         {Kind: Container, Runtime: "rm"},
		"not among those that may be":      {Kind: Setting, Path: "/proc/sys/kernel/panic"},
		"/../kernel/panic is not among th": {Kind: Setting, Path: "/proc/sys/vm/../kernel/panic"},
		`kind "spell" is not known`:        {Kind: "spell"},
	} {
		_, err := j.Do(e, func(*Note) error { t.Error("acted"); return nil }, nil)
		require.ErrorContains(t, err, want)
	}
}

func TestFolderOfJournalsIsOnesOwn(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	_, err := Open(dir, &bytes.Buffer{})
	require.ErrorContains(t, err, "chmod go-w "+dir)
	_, err = TakeTurn(dir)
	require.ErrorContains(t, err, "chmod go-w "+dir)
}

// Root, whom sudo -E gives a user's HOME, neither believes that user's journals nor leaves files there.
func TestFolderOfJournalsOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("LEFT OUT: a folder of another user: only root can make one")
	}
	dir, below := filepath.Join(t.TempDir(), "state"), t.TempDir()
	j, err := Open(dir, &bytes.Buffer{})
	require.NoError(t, err)
	path, _, err := j.File(below, "x", ".dat")
	require.NoError(t, err)
	require.NoError(t, errors.Join(j.f.Close(), j.lock.Release())) // as one that was killed
	require.NoError(t, os.Chown(dir, 65534, 65534))
	there := names(t, dir)
	_, err = Open(dir, &bytes.Buffer{})
	require.EqualError(t, err, "folder of journals "+dir+" is of user 65534, this is user 0, and what stands there is undone: "+
		"set XDG_STATE_HOME to a folder of your own, as under sudo -E")
	_, err = TakeTurn(dir)
	require.ErrorContains(t, err, "set XDG_STATE_HOME")
	assert.FileExists(t, path)
	assert.Equal(t, there, names(t, dir))
}

func TestHome(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/var/state")
	home, err := Home()
	require.NoError(t, err)
	assert.Equal(t, "/var/state/sparkharness/restore", home)
	t.Setenv("XDG_STATE_HOME", "relative")
	t.Setenv("HOME", "/home/me")
	home, err = Home()
	require.NoError(t, err)
	assert.Equal(t, "/home/me/.local/state/sparkharness/restore", home)
	t.Setenv("HOME", "")
	_, err = Home()
	require.ErrorContains(t, err, "set HOME or XDG_STATE_HOME")
}

// A program that throws its environment away, as one that shows a title of its own does, is known by its number and start.
func TestUnmarkedProcessIsNoted(t *testing.T) {
	j, _ := opened(t)
	s, err := j.Start(exec.Command("env", "-i", "sleep", "300"), Entry{Kind: Process, What: "server"}, nil)
	require.NoError(t, err)
	l, err := readJournal(j.path)
	require.NoError(t, err)
	require.Len(t, l.entries, 1)
	require.NotNil(t, l.entries[0].Leader)
	assert.Equal(t, s.PID, l.entries[0].Leader.PID)
	assert.True(t, l.entries[0].Leader.Alive())
	require.Eventually(t, func() bool { return !l.entries[0].marked(s.PID) }, 20*time.Second, time.Millisecond)
	require.NoError(t, s.Undo(t.Context()))
	assert.ErrorContains(t, s.Err(), "signal: terminated")
	assert.True(t, l.entries[0].Leader.Dead())
}
