package mixedrig

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// looped is a new file system of so many MiB on a loop device, and the device. Both are gone when the test ends.
func looped(t *testing.T, base string, mib int64) (dir, device string) {
	t.Helper()
	dir, image := filepath.Join(base, "mnt"), filepath.Join(base, "img")
	require.NoError(t, os.Mkdir(dir, 0o755))
	f, err := os.Create(image)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(mib<<20))
	require.NoError(t, f.Close())
	run := func(name string, args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	node, err := run("losetup", "--direct-io=on", "--show", "-f", image)
	if err != nil {
		t.Skipf("NOT TESTED WITH LOOP DEVICES: there are none to be had here: %s", node)
	}
	t.Cleanup(func() { assert.NoError(t, exec.Command("losetup", "-d", node).Run()) }) //nolint:noctx // the test's context has ended
	said, err := run("mkfs.ext4", "-q", "-m", "0", node)
	require.NoError(t, err, said)
	if said, err = run("mount", node, dir); err != nil {
		t.Skipf("NOT TESTED WITH LOOP DEVICES: nothing can be mounted here: %s", said)
	}
	t.Cleanup(func() { assert.NoError(t, exec.Command("umount", dir).Run()) }) //nolint:noctx // the test's context has ended
	return dir, filepath.Base(node)
}

// needsLoops skips a test that wants to make loop devices where that cannot be.
func needsLoops(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED WITH LOOP DEVICES: they take root")
	}
	for _, name := range []string{"losetup", "mkfs.ext4", "mount", "umount"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("NOT TESTED WITH LOOP DEVICES: %v", err)
		}
	}
}

// On two loop devices each arm is the device whose counters move, and a drive without the room is refused before anything is written.
func TestTwoLoopDevices(t *testing.T) {
	needsLoops(t)
	base := folders(t, "a", "b", "c")
	for _, dir := range base {
		t.Cleanup(func() {
			_ = os.Remove(filepath.Join(dir, "img")) // one that is left shows when the folder is removed
			_ = os.Remove(filepath.Join(dir, "mnt"))
		})
	}
	a, deviceA := looped(t, base[0], 1024)
	b, deviceB := looped(t, base[1], 1024)
	narrow, _ := looped(t, base[2], 256)

	e := compared(t)
	r, err := New(e, Options{Dir: a, Second: narrow, Out: io.Discard, Journal: t.TempDir(), MostOthers: 1e15, ProbeFile: 32 << 20})
	require.NoError(t, err)
	err = r.Check(e, plan())
	require.ErrorContains(t, err, "that are free in "+narrow+" at most a fifth is taken")
	assert.ErrorContains(t, err, "the files of fio and the probe 0.03 GiB", "the second one is read while it is idle, too")
	assert.NotContains(t, err.Error(), "\n")
	require.NoError(t, r.Close())
	for _, dir := range []string{a, narrow} {
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Len(t, left, 1, "lost+found alone")
	}

	_, err = New(e, Options{Dir: a, Second: b, SameDrive: true})
	require.ErrorContains(t, err, "-same-drive: "+a+" lies on "+deviceA+" and "+b+" on "+deviceB+": leave it out, or name two folders on one drive")

	r, err = New(e, Options{Dir: a, Second: b, Out: io.Discard, Journal: t.TempDir(), MostOthers: 1e15, ProbeFile: 32 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	assert.Contains(t, r.Facts().Origin, "real: two drives (A: "+deviceA+", ext4; B: "+deviceB+", ext4)")
	assert.Contains(t, r.Facts().Origin, deviceA+" is a file on ")
	assert.Contains(t, r.Facts().Origin, "; both lie on ")
	require.NoError(t, r.Check(e, plan()))
	require.NoError(t, r.Prepare(t.Context()))
	pc := plan().Cells[0]
	pc.Drive = record.DriveB
	m, err := r.Open(t.Context(), e.Stacks["B"])
	require.NoError(t, err)
	require.NoError(t, m.Begin(t.Context(), pc))
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	s := begun(t, m)
	fetchSome(t, m)
	moved := s.Drives(t.Context())
	require.Len(t, moved, 2)
	use := s.Storage(t.Context())
	assert.Equal(t, []string{deviceA}, moved[0].Devices)
	assert.Equal(t, []string{deviceB}, moved[1].Devices)
	assert.Zero(t, *moved[0].ReadBytes, "the other drive stands still")
	assert.GreaterOrEqual(t, *moved[1].ReadBytes, use.Reads.Bytes)
	assert.Positive(t, use.Reads.Bytes)
	assert.Equal(t, deviceB, s.Device.Name, "and the one that is watched is the arm's")

	require.Len(t, use.Idle, 2, "and it is the arm's that is read while it is idle")
	after := s.Drives(t.Context())
	assert.Zero(t, *after[0].ReadBytes)
	assert.GreaterOrEqual(t, *after[1].ReadBytes, float64(use.Idle[1].N)*use.Idle[1].Bytes)
}

// fetchSome asks for prompts until some come back from tier 2.
func fetchSome(t *testing.T, m rig.Machine) {
	t.Helper()
	for _, tag := range []string{"a", "b", "c", "d", "a", "b", "c", "d"} {
		ask(t, m.Endpoint(), tag, 4)
		settled(t, m)
	}
}
