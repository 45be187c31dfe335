package treatment

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/disk"
	"sparkharness/harness/drive"
	"sparkharness/harness/record"
	"sparkharness/harness/restore"
	"sparkharness/harness/rig"
)

// profile is configs/fio/heavy.fio on a small file.
const profile = `
[global]
ioengine=libaio
direct=1
thread
time_based
runtime=4h
filename=load.dat
size=4m
group_reporting
[heavy]
rw=randrw
rwmixread=80
bs=16k
iodepth=8
numjobs=2
`

// treating is a Treater on the drive of the folder for temporary files, the user's folder, and what the user was told. Where that is
// on no drive it says so loudly and skips.
func treating(t *testing.T, change func(*Options)) (tr *Treater, dir string, told *bytes.Buffer) {
	t.Helper()
	dir, told = t.TempDir(), &bytes.Buffer{}
	d, err := drive.Of(dir, drive.Here())
	if errors.Is(err, drive.ErrNoDrive) {
		t.Skipf("NOT TESTED ON A REAL DRIVE: %v: set TMPDIR to a folder on one", err)
	}
	require.NoError(t, err)
	state := filepath.Join(t.TempDir(), "state")
	j, err := restore.Open(state, told)
	require.NoError(t, err)
	o := Options{Drive: d, Journal: j, Rng: rand.New(rand.NewPCG(1, 2)), Noise: rand.NewChaCha8([32]byte{1}), Out: told,
		Span: 300 * time.Millisecond, ProbeFile: 4 << 20, Showing: 20 * time.Second, GraceToEnd: 20 * time.Second}
	if change != nil {
		change(&o)
	}
	tr, err = New(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, errors.Join(tr.Close(), j.Close()))
		for _, left := range []string{dir, state} {
			entries, err := os.ReadDir(left)
			require.NoError(t, err)
			assert.Empty(t, entries, "the machine is as it was found")
		}
	})
	return tr, dir, told
}

// needFio skips, loudly, where fio is not installed.
func needFio(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("fio"); err != nil {
		t.Skip("NOT TESTED WITH THE REAL FIO, which is not installed: apt install fio")
	}
}

func TestRealFio(t *testing.T) {
	needFio(t)
	tr, dir, told := treating(t, nil)
	require.NoError(t, tr.Prepare(t.Context(), map[string]string{"heavy": profile, "none": "; nothing\n"}, true))
	assert.Contains(t, told.String(), "fio and the probe use 0.01 GB of their own in "+dir)
	files, err := filepath.Glob(dir + "/sparkharness-load-*/*.dat")
	require.NoError(t, err)
	require.Len(t, files, 2)
	var before []os.FileInfo
	for _, f := range files {
		st, err := os.Stat(f)
		require.NoError(t, err)
		before = append(before, st)
	}
	for range 2 { // the second cell uses the same file
		done, err := tr.Apply(t.Context(), rig.Treatment{Kind: rig.Fio, Name: "heavy", Text: profile})
		require.NoError(t, err)
		pid := tr.fioRuns.process.PID
		fio := done.Fio
		assert.Equal(t, []string{"heavy: rw=randrw rwmixread=80 bs=16384 iodepth=8 numjobs=2 ioengine=libaio"}, fio.Jobs)
		assert.Equal(t, 16, fio.InFlight)
		assert.InDelta(t, 0.3, fio.SpanS, 1e-9)
		require.NotNil(t, fio.ReadBytes)
		require.NotNil(t, fio.WriteBytes)
		assert.Positive(t, *fio.ReadBytes)
		assert.Positive(t, *fio.WriteBytes)
		assert.Greater(t, fio.DriveReadBytes, *fio.ReadBytes/2)
		var s record.SysSample
		require.NoError(t, tr.fio.Sample(t.Context(), &s))
		time.Sleep(1200 * time.Millisecond)
		require.NoError(t, tr.fio.Sample(t.Context(), &s))
		require.NotNil(t, s.Fio, "the sampler sees it")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, done.Undo(ended))
		_, runs := disk.OwnerOf(pid)
		assert.False(t, runs)
		end := fio.End
		require.NotNil(t, end)
		assert.True(t, strings.HasPrefix(end.Version, "fio-"), end.Version)
		assert.Greater(t, end.RanS, 1.0)
		for _, d := range []*record.FioDirection{end.Read, end.Write} {
			require.NotNil(t, d)
			assert.Positive(t, d.Bytes)
			assert.InDelta(t, d.Bytes, d.IOs*16384, 1)
			require.NotNil(t, d.MeanUS)
			require.NotNil(t, d.P50US)
			assert.LessOrEqual(t, *d.P50US, *d.P99US)
		}
		assert.GreaterOrEqual(t, end.Read.Bytes, *fio.ReadBytes)
		assert.Nil(t, end.Writes, "too short to tell")
		require.NoError(t, done.Undo(t.Context()), "once")
	}
	for i, f := range files {
		st, err := os.Stat(f)
		require.NoError(t, err)
		assert.True(t, os.SameFile(before[i], st) && st.Size() == before[i].Size(), f)
	}
	assert.Equal(t, 1, strings.Count(told.String(), "wrote "), "laid out once")
}

// The arm without fio takes as long and starts nothing.
func TestNoFio(t *testing.T) {
	tr, _, _ := treating(t, func(o *Options) { o.Fio = "no-such-fio" })
	begun := time.Now()
	done, err := tr.Apply(t.Context(), rig.Treatment{Kind: rig.Fio, Name: "none", Text: "; nothing\n"})
	require.NoError(t, err)
	assert.GreaterOrEqual(t, time.Since(begun), 600*time.Millisecond)
	assert.Equal(t, []string{}, done.Fio.Jobs)
	assert.Nil(t, done.Fio.ReadBytes)
	assert.Nil(t, done.Fio.End)
	assert.Nil(t, tr.fioRuns)
	require.NoError(t, done.Undo(t.Context()))
}

// An interrupt while fio starts leaves none.
func TestInterruptedStart(t *testing.T) {
	needFio(t)
	tr, _, _ := treating(t, func(o *Options) { o.Span = time.Hour })
	require.NoError(t, tr.Prepare(t.Context(), map[string]string{"heavy": profile}, false))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := tr.Apply(ctx, rig.Treatment{Kind: rig.Fio, Name: "heavy", Text: profile})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Nil(t, tr.fioRuns)
	r := &record.FioRun{}
	require.NoError(t, tr.startFio(t.Context(), "heavy", profile, nil, r))
	pid := tr.fioRuns.process.PID
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = tr.watchFio(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, tr.abandonFio())
	_, runs := disk.OwnerOf(pid)
	assert.False(t, runs)
}

func TestProbe(t *testing.T) {
	tr, _, _ := treating(t, nil)
	done, err := tr.Apply(t.Context(), rig.Treatment{Kind: rig.Probe})
	require.NoError(t, err)
	assert.Equal(t, &record.ProbeRun{Bytes: 128 << 10, PerS: 20}, done.Probe)
	_, err = tr.Apply(t.Context(), rig.Treatment{Kind: rig.Probe})
	require.ErrorContains(t, err, "runs already")
	time.Sleep(700 * time.Millisecond)
	var s record.SysSample
	require.NoError(t, tr.probe.Sample(t.Context(), &s))
	require.NotNil(t, s.Probe)
	assert.Positive(t, s.Probe.N)
	require.NotNil(t, s.Probe.MeanUS)
	assert.Positive(t, *s.Probe.MeanUS)
	require.NoError(t, done.Undo(t.Context()))
	require.NotNil(t, done.Probe.Kept)
	assert.GreaterOrEqual(t, done.Probe.Kept.Reads, s.Probe.N)
	s = record.SysSample{}
	require.NoError(t, tr.probe.Sample(t.Context(), &s))
	assert.Nil(t, s.Probe)
}

// An engine without options of its own is one that fio has.
func TestRealEngines(t *testing.T) {
	needFio(t)
	tr, _, _ := treating(t, nil)
	require.NoError(t, tr.check(t.Context(), []string{"libaio", "psync"}))
	require.ErrorContains(t, tr.check(t.Context(), []string{"nosuch"}), "fio has no engine nosuch")
}
