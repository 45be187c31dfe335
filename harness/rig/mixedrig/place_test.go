package mixedrig

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/rig"
)

// compared is an experiment that compares two drives.
func compared(t *testing.T) *config.Experiment {
	t.Helper()
	e := small(t, "default")
	e.Hypothesis.Hypothesis = "DRIVES"
	e.Hypothesis.Sweep.Drive = []string{"A", "B"}
	return e
}

// folders makes folders in one on a real drive, where nothing may be left of the rig.
func folders(t *testing.T, names ...string) (out []string) {
	t.Helper()
	base := onDrive(t)
	for _, name := range names {
		dir := filepath.Join(base, name)
		require.NoError(t, os.Mkdir(dir, 0o755))
		out = append(out, dir)
	}
	t.Cleanup(func() {
		for _, dir := range out {
			assert.NoError(t, os.Remove(dir), "the rig has left something")
		}
	})
	return out
}

// Two folders that cannot be compared as drives are refused, each in a line, before anything is written.
func TestPlacesAreRefused(t *testing.T) {
	dirs := folders(t, "a", "b")
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dirs[0], link))
	for _, tc := range []struct {
		what       string
		a, b       string
		same       bool
		want       string
		undecided  bool
		memoryOnly bool
	}{
		{what: "one folder", a: dirs[0], want: "DRIVES compares two drives, and -dir names one folder: name one on each, as in -dir /mnt/a,/mnt/b", undecided: true},
		{what: "one folder by two names", a: dirs[0], b: link, same: true, want: "are one folder: name two, on two drives or, with -same-drive, on one"},
		{what: "one drive", a: dirs[0], b: dirs[1], want: "): name a folder on another one, or give -same-drive for an A/A control, which must find no difference"},
		{what: "B in memory", a: dirs[0], b: "/dev/shm", want: "-dir: /dev/shm is on no local drive: its file system is tmpfs", memoryOnly: true},
		{what: "A in memory", a: "/dev/shm", b: dirs[0], want: "-dir: /dev/shm is on no local drive: its file system is tmpfs", memoryOnly: true},
		{what: "B is not there", a: dirs[0], b: dirs[1] + "x", want: "make the directory first"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			if _, err := os.Stat("/dev/shm"); tc.memoryOnly && err != nil {
				t.Skip("LEFT OUT: there is no /dev/shm here")
			}
			_, err := New(compared(t), Options{Dir: tc.a, Second: tc.b, SameDrive: tc.same})
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "\n")
			_, undecided := errors.AsType[*rig.UndecidableError](err)
			assert.Equal(t, tc.undecided, undecided)
		})
	}
	_, err := New(small(t, "default"), Options{Dir: dirs[0], Second: dirs[1]})
	require.ErrorContains(t, err, "HX measures one drive, and -dir names two folders: name one, or run DRIVES, which compares them")
	_, undecided := errors.AsType[*rig.UndecidableError](err)
	assert.True(t, undecided)
}

// In an A/A control each arm's cells lie in its own folder, and the cell says which of the two the loader read.
func TestTwoFoldersOnADrive(t *testing.T) {
	dirs := folders(t, "a", "b")
	e := compared(t)
	r, err := New(e, Options{Dir: dirs[0], Second: dirs[1], SameDrive: true, Out: io.Discard, Journal: t.TempDir(), MostOthers: 1e15})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	facts := r.Facts()
	assert.True(t, facts.SameDrive)
	assert.Contains(t, facts.Capabilities, rig.TwoDrives)
	assert.Contains(t, facts.Origin, "real: one drive in two folders, an A/A control (A: ")

	p := plan()
	for i, arm := range []string{"A", "B"} {
		pc := p.Cells[0]
		pc.Drive = arm
		require.NoError(t, r.Prepare(t.Context()))
		m, err := r.Open(t.Context(), e.Stacks["B"])
		require.NoError(t, err)
		require.NoError(t, m.Begin(t.Context(), pc))
		s := begun(t, m)
		fetchSome(t, m)
		use, moved := s.Storage(t.Context()), s.Drives(t.Context())
		assert.Contains(t, use.Layout, dirs[i]+string(filepath.Separator))
		require.Len(t, moved, 2)
		require.Len(t, use.Idle, 2, "the drive is read while it is idle, in whichever folder")
		for j, d := range moved {
			assert.Equal(t, []string{"A", "B"}[j], d.Arm)
			require.NotNil(t, d.ReadBytes)
			assert.GreaterOrEqual(t, *d.ReadBytes, use.Reads.Bytes, "one drive, whose counters others can only add to")
			require.NotNil(t, d.LoaderReadBytes)
			if i == j {
				assert.Positive(t, *d.LoaderReadBytes)
			} else {
				assert.Zero(t, *d.LoaderReadBytes)
			}
		}
		require.NoError(t, m.Close())
	}
}
