package mixedrig

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/drive"
	"sparkharness/harness/record"
	"sparkharness/harness/restore"
	"sparkharness/harness/rig"
	"sparkharness/harness/rig/diskrig"
)

// What the rig says of itself: real time, what is simulated and what is not, and an identity that is the drive's, too.
func TestFacts(t *testing.T) {
	dir := onDrive(t)
	r, _ := opened(t, small(t, "default"), dir)
	f := r.Facts()
	assert.Equal(t, []any{"disk", record.ClockReal, true}, []any{f.Rig, f.Clock, f.Simulated})
	require.NotNil(t, f.MaxReadDrift)
	assert.InDelta(t, 0.1, *f.MaxReadDrift, 0)
	d, err := drive.Of(dir, drive.Here())
	require.NoError(t, err)
	assert.Contains(t, f.Origin, "real: the drive ("+d.Leaves[0].Name)
	assert.Contains(t, f.Origin, "simulated: GPU, unified memory, engine and KV manager")
	assert.Equal(t, os.Geteuid() == 0, slices.Contains(f.Capabilities, rig.DropCaches))
	for _, c := range []string{rig.Fio, rig.Probe, rig.KVTelemetry, rig.ProvesCounters, rig.TellsWaits} {
		assert.Contains(t, f.Capabilities, c)
	}
	assert.NotContains(t, f.Capabilities, rig.LoRA)
	for _, line := range f.Uncalibrated {
		assert.NotContains(t, line, "pm9e1", "the modelled drive is not there")
		assert.NotContains(t, line, "queue model")
	}

	same, _ := opened(t, small(t, "default"), dir)
	assert.Equal(t, f.Machine, same.Facts().Machine)
	other := small(t, "default")
	other.Stacks["B"].Model = "M8B"
	folder, err := config.OpenFolder("../../../configs")
	require.NoError(t, err)
	other.Twin, err = config.LoadTwin(folder, other.World, other.Stacks)
	require.NoError(t, err)
	another, _ := opened(t, other, dir)
	assert.NotEqual(t, f.Machine, another.Facts().Machine, "the simulated part is of the identity")
}

// What has no drive, and worlds about a modelled drive, are refused before anything is written.
func TestRefusedAtOnce(t *testing.T) {
	if _, err := os.Stat("/dev/shm"); err == nil {
		_, err := New(small(t, "default"), Options{Dir: "/dev/shm"})
		require.ErrorIs(t, err, drive.ErrNoDrive)
		assert.ErrorContains(t, err, "-dir: /dev/shm is on no local drive: its file system is tmpfs, which is memory")
	}
	dir := onDrive(t)
	for _, world := range []string{"second_drive", "power_save", "counters_frozen", "carry_over", "cron_reads", "cpu_sleep"} {
		_, err := New(small(t, world), Options{Dir: dir})
		require.ErrorContains(t, err, "-rig disk: world "+world, world)
		assert.ErrorContains(t, err, "take another world")
	}
	_, err := New(small(t, "default"), Options{Dir: filepath.Join(dir, "none")})
	require.ErrorContains(t, err, "make the directory first")
}

// reading is a profile of fio on a small file.
const reading = "[a]\nioengine=psync\ndirect=1\nthread\ntime_based\nruntime=1h\nfilename=load.dat\nsize=16m\nrw=randread\nbs=16k\n"

// Cells that do not fit, and what fio lacks, are refused before anything is written.
func TestCheckRefuses(t *testing.T) {
	dir := onDrive(t)
	r, _ := opened(t, small(t, "default"), dir)
	require.NoError(t, r.Check(r.(*Rig).exp, plan()))

	foreign := filepath.Join(dir, diskrig.Folder)
	require.NoError(t, os.WriteFile(foreign, nil, 0o600))
	require.ErrorContains(t, r.Check(r.(*Rig).exp, plan()), foreign+" is no folder, so it is not this program's: move it away")
	require.NoError(t, os.Remove(foreign))

	large := small(t, "default")
	large.Stacks["B"].Dynamo.Tiers.Tier2.CapacityBytes = 1 << 50
	r, _ = opened(t, large, dir)
	require.ErrorContains(t, r.Check(large, plan()), "GiB (cell a)")

	long := plan()
	long.Cells[0].ContextTokens = 64000
	r, _ = opened(t, small(t, "default"), dir)
	require.ErrorContains(t, r.Check(r.(*Rig).exp, long), "leave no room for an answer")

	load := small(t, "default")
	load.Hypothesis.Sweep.Fio, load.Fio = []string{"none", "a"}, map[string]string{"none": "", "a": reading}
	r, _ = opened(t, load, dir)
	t.Setenv("PATH", t.TempDir())
	require.ErrorContains(t, r.Check(load, plan()), "fio is not installed")

	load.Hypothesis.Load.Adapters = &config.Adapters{}
	require.ErrorContains(t, r.Check(load, plan()), "HX asks for lora (load.adapters), which rig disk cannot do")
}

// A machine that is not as it was found is not measured: what an earlier run has left and could not be undone ends this one, and
// nothing is written.
func TestLeftIsRefused(t *testing.T) {
	dir, journal := onDrive(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(journal, "1-x.jsonl"), []byte("no line\n"), 0o600))
	r, err := New(small(t, "default"), Options{Dir: dir, Out: os.Stderr, Journal: journal})
	require.NoError(t, err)
	err = r.Prepare(t.Context())
	require.ErrorContains(t, err, "an earlier run has left what could not be undone")
	assert.ErrorContains(t, err, "1-x.jsonl has 1 lines that are none")
	require.NoError(t, r.Close())
	found, err := os.ReadDir(journal)
	require.NoError(t, err)
	assert.Len(t, found, 1, "its own journal is gone, and the evidence stays")
}

// One run at a time measures: a second one is refused before it writes anything, and whoever only shows a plan is none.
func TestOneRunAtATime(t *testing.T) {
	dir, journal := onDrive(t), filepath.Join(t.TempDir(), "journals")
	r, err := New(small(t, "default"), Options{Dir: dir, Out: io.Discard, Journal: journal})
	require.NoError(t, err)
	assert.NoDirExists(t, journal)
	turn, err := restore.TakeTurn(journal)
	require.NoError(t, err)
	require.ErrorContains(t, r.Prepare(t.Context()), fmt.Sprintf("another run measures on this machine (held by process %d on host ", os.Getpid()))
	left, err := filepath.Glob(filepath.Join(journal, "*.jsonl"))
	require.NoError(t, err)
	assert.Empty(t, left)
	require.NoError(t, r.Close())
	require.Error(t, restore.TurnTaken(journal), "who was refused gives nothing back")
	require.NoError(t, turn.End())
}

// A drive that others load all the time is refused; one that they load now and then is for the gates of each cell.
func TestBusyDriveIsRefused(t *testing.T) {
	require.EqualError(t, busy([]float64{90e6, 21e6, 300e6}, mostOthers, "d"), "others move at least 21 MB a second on the drive of d: end what they do, or wait for it")
	require.NoError(t, busy([]float64{90e6, 1e6, 300e6}, mostOthers, "d"))
	require.NoError(t, busy(nil, mostOthers, "d"))
}
