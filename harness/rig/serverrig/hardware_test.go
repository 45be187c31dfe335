package serverrig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/procfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/cpus"
	"sparkharness/harness/doctor"
	"sparkharness/harness/drive"
	layout "sparkharness/harness/experiment"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/treatment"
)

// onDrive has the rig use a folder on a real drive; where temporary files lie on none it says so loudly and skips.
func onDrive(t *testing.T) (string, func(*layout.Choices, *LaunchOptions)) {
	t.Helper()
	dir := t.TempDir()
	if _, err := drive.Of(dir, drive.Here()); errors.Is(err, drive.ErrNoDrive) {
		t.Skipf("NOT TESTED ON A REAL DRIVE: %v: set TMPDIR to a folder on one", err)
	}
	return dir, func(c *layout.Choices, o *LaunchOptions) {
		c.Device, c.Dir = dir, dir
		o.Treatment = treatment.Options{Span: 200 * time.Millisecond, ProbeFile: 4 << 20}
	}
}

var simulatedKinds = map[string]string{"A": "sim-trtllm", "B": "sim-dynamo"}

const smallFio = "[global]\nioengine=psync\ndirect=1\nthread\ntime_based\nruntime=1h\nfilename=load.dat\nsize=4m\n[heavy]\nrw=randread\nbs=16k\n"

// The machine is treated beside a server that runs: fio and the probe show in the sources, the page cache is emptied, and all files
// are gone at the end.
func TestTreatments(t *testing.T) {
	if _, err := exec.LookPath("fio"); err != nil {
		t.Skip("NOT TESTED WITH THE REAL FIO, which is not installed: apt install fio")
	}
	dir, on := onDrive(t)
	r, out := launching(t, overlay(t, nil), simulatedKinds, "L8B", on, func(_ *layout.Choices, o *LaunchOptions) { o.SkipDoctor = true })
	assert.Subset(t, r.Facts().Capabilities, []string{rig.Fio, rig.Probe})
	assert.Equal(t, mayDropCaches() == nil, r.treating.cannot[rig.DropCaches] == "")
	r.exp.Fio = map[string]string{"heavy": smallFio}
	r.exp.Hypothesis.Sweep.Fio = []string{"none", "heavy"}
	r.plan = &record.Plan{RunID: "r", Cells: []record.PlannedCell{{Fio: "heavy"}}}
	require.NoError(t, r.Prepare(t.Context()))
	assert.Contains(t, out.String(), "fio and the probe use 0.01 GB of their own in "+dir)
	b := begun(t, r, "stack", "B")
	sources := b.Sources()
	unpin, others := func() error { return nil }, ""
	if runtime.NumCPU() > 1 {
		if undo, err := cpus.Pin("0"); err == nil { // elsewhere the client has no CPU of its own
			unpin, others = undo, cpus.Others()
		}
	}
	var undos []func(context.Context) error
	for _, tr := range []rig.Treatment{{Kind: rig.Probe}, {Kind: rig.Fio, Name: "heavy", Text: smallFio}} {
		done, err := b.Apply(t.Context(), tr)
		require.NoError(t, err)
		undos = append(undos, done.Undo)
	}
	require.NoError(t, unpin())
	if others != "" {
		assert.Equal(t, others, mayUse(t, ownFio(t)), "fio keeps off the client's CPUs")
	}
	sample := func() (s record.SysSample) {
		for _, source := range sources.Sys {
			require.NoError(t, source.Sample(t.Context(), &s))
		}
		return s
	}
	sample()
	for until := time.Now().Add(time.Minute); ; {
		time.Sleep(400 * time.Millisecond)
		s := sample()
		if s.Fio != nil && s.Fio.ReadBytes > 0 && s.Probe != nil && s.Probe.N > 0 {
			break
		}
		require.True(t, time.Now().Before(until), "fio and the probe read")
	}
	for _, undo := range undos {
		require.NoError(t, undo(t.Context()))
	}
	if mayDropCaches() == nil {
		done, err := b.Apply(t.Context(), rig.Treatment{Kind: rig.DropCaches})
		require.NoError(t, err)
		require.NotNil(t, done.Seen.After)
	}
	around := sources.Health(t.Context())
	assert.NotZero(t, around.Before.At)
	assert.GreaterOrEqual(t, around.After.At, around.Before.At)
	require.NoError(t, b.Close())
	require.NoError(t, r.Close())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// Without fio the arms with it are refused, with what to install.
func TestFioIsNotInstalled(t *testing.T) {
	_, on := onDrive(t)
	_, err := program() // compiled while go is in the PATH
	require.NoError(t, err)
	t.Setenv("PATH", t.TempDir()) // without fio
	r, _ := launching(t, overlay(t, nil), simulatedKinds, "L8B", on)
	assert.NotContains(t, r.Facts().Capabilities, rig.Fio)
	r.exp.Hypothesis.Sweep.Fio = []string{"none", "heavy"}
	require.ErrorContains(t, r.Check(r.exp, &record.Plan{}), "which rig spark cannot do: choose another rig with -rig, or a configuration without it; fio is not installed: apt install fio")
	_, err = (&launched{of: r}).Apply(t.Context(), rig.Treatment{Kind: rig.Fio})
	require.EqualError(t, err, "fio cannot be done: fio is not installed: apt install fio")
}

// over are files in place of others.
type over struct {
	fs.FS
	files fstest.MapFS
}

func (o over) Open(name string) (fs.File, error) {
	if _, ok := o.files[name]; ok {
		return o.files.Open(name)
	}
	return o.FS.Open(name)
}

// A page cache that leaves a server too little free memory is told before the first one is started; another is not.
func TestPageCacheBeforeAServer(t *testing.T) {
	for free, told := range map[string]bool{"2097152": true, "67108864": false} {
		here := doctor.Here()
		here.Files = over{here.Files, fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: 134217728 kB\nMemFree: " + free + " kB\nMemAvailable: 120000000 kB\nCached: 60000000 kB\n" +
			"SwapTotal: 0 kB\nSwapFree: 0 kB\n")}}}
		here.Sleep = func(context.Context, time.Duration) error { return nil }
		here.Lateness = func(context.Context) ([]time.Duration, error) { return make([]time.Duration, 300), nil }
		r, out := launching(t, overlay(t, nil), simulatedKinds, "L8B", func(_ *layout.Choices, o *LaunchOptions) { o.Machine = here })
		_ = r.Prepare(t.Context()) // this machine may lack something
		assert.Equal(t, told, strings.Contains(out.String(), "warning: page-cache: 2.0 GiB free, 57 GiB in the page cache; 8.0 GiB free are the guard: before the server starts: sync; echo 3 >"), out)
		assert.Equal(t, told, strings.Contains(out.String(), "page-cache"), out)
	}
}

// What the hypothesis needs and the machine lacks ends the run before it begins, each with its remedy; -skip-doctor has it begin.
func TestDoctorBeforeAPlan(t *testing.T) {
	late := doctor.Here()
	late.Run = func(context.Context, string, ...string) (string, error) {
		return "", &exec.Error{Name: "x", Err: exec.ErrNotFound}
	}
	late.Sleep = func(context.Context, time.Duration) error { return nil }
	late.Lateness = func(context.Context) ([]time.Duration, error) {
		lags := make([]time.Duration, 300)
		for i := range lags {
			lags[i] = 50 * time.Millisecond
		}
		return lags, nil
	}
	r, out := launching(t, overlay(t, nil), simulatedKinds, "L8B", func(_ *layout.Choices, o *LaunchOptions) { o.Machine = late })
	began := time.Now()
	err := r.Prepare(t.Context())
	assert.Less(t, time.Since(began), 5*time.Second)
	require.ErrorContains(t, err, "this machine lacks what H2B needs (-skip-doctor measures all the same):\n  client-lateness: 300 sends late by p50 50.000, p99 50.000 ms: end other programs on this machine")
	assert.NotContains(t, err.Error()+out.String(), "server-answers", "servers are not there yet")
	assert.Contains(t, out.String(), "warning: not known: ")
	r.o.SkipDoctor = true
	require.NoError(t, r.Prepare(t.Context()))
}

// until calls stop when a text is written to it.
type until struct {
	bytes.Buffer
	text string
	stop func()
}

func (u *until) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(u.text)) {
		u.stop()
	}
	return u.Buffer.Write(p)
}

// Laying out the files of a run's treatments ends with its context, and when the rig is closed nothing of them is there.
func TestPreparingIsInterrupted(t *testing.T) {
	dir, on := onDrive(t)
	ctx, cancel := context.WithCancel(t.Context())
	out := &until{text: "fio and the probe use ", stop: cancel}
	r, _ := launching(t, overlay(t, nil), simulatedKinds, "L8B", on, func(_ *layout.Choices, o *LaunchOptions) { o.SkipDoctor, o.Out = true, out })
	r.exp.Hypothesis.Sweep.Fio, r.exp.Fio = []string{"none", "a"}, map[string]string{"none": "", "a": ""}
	r.plan = &record.Plan{Cells: []record.PlannedCell{{Cell: record.NewCell("fio", "none")}}}
	require.ErrorIs(t, r.Prepare(ctx), context.Canceled)
	assert.Contains(t, out.String(), "fio and the probe use ")
	assert.NotContains(t, out.String(), "wrote ")
	require.NoError(t, r.Close())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
	left, err = os.ReadDir(r.journals)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// What the kernel complains of during a cell is told with the cell, once; what was written and how warm it is at the end.
func TestConditionIsTold(t *testing.T) {
	readings := []record.Health{
		{At: 1, Untold: []string{"wear of nvme0n1 is not told"}, Kernel: &record.KernelLog{Lines: 10, Xid: 1}, Drives: []record.DriveHealth{{Device: "nvme0n1", WriteBytes: new(2e12)}}},
		{At: 2, Kernel: &record.KernelLog{Lines: 13, Xid: 2, NVErrMemory: 1, IOErrors: 1}, Drives: []record.DriveHealth{{Device: "nvme0n1", WriteBytes: new(2.0125e12), TemperatureC: new(61.0)}},
			Temperatures: []record.Temperature{{Chip: "nvme", Label: "Composite", C: 61}, {Chip: "acpitz", Label: "x", C: 40}}},
	}
	var out bytes.Buffer
	c := condition{drives: []string{"nvme0n1"}, out: &out, read: func(_ context.Context, before *record.Health, drives ...string) record.Health {
		assert.Equal(t, []string{"nvme0n1"}, drives)
		assert.Equal(t, len(readings) == 1, before != nil && before.At == 1, "the second is read against the first")
		next := readings[0]
		readings = readings[1:]
		return next
	}}
	around := c.begin(t.Context())
	c.end(t.Context(), "ctx=256/rep=1", around)
	c.end(t.Context(), "ctx=256/rep=1", around)
	c.end(t.Context(), "one that has not begun", nil)
	c.tell()
	assert.Equal(t, `warning: wear of nvme0n1 is not told
warning: cell ctx=256/rep=1: 1 lines of the kernel's log: NV_ERR_NO_MEMORY of the GPU's driver (dmesg): the run will be Invalid by its gate health
warning: cell ctx=256/rep=1: 1 lines of the kernel's log: Xid, a fault of the GPU (dmesg): the run will be Invalid by its gate health
warning: cell ctx=256/rep=1: 1 lines of the kernel's log: I/O errors (dmesg): the run will be Invalid by its gate health
nvme0n1: 12.5 GB were written to it from the first cell to the last, as it says itself
nvme0n1: 61 degrees Celsius after the last cell
hottest after the last cell: nvme Composite, 61 degrees Celsius
`, out.String())
	assert.InDelta(t, 2.0, around.After.At, 0)
}

// A client that keeps to some CPUs has them for itself.
func TestServersKeepOffTheClientsCPUs(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("this machine has one CPU")
	}
	r, _ := launching(t, overlay(t, nil), simulatedKinds, "L8B")
	undo, err := cpus.Pin("0")
	if err != nil {
		t.Skip(err)
	}
	a, others := begun(t, r, "stack", "A"), cpus.Others()
	assert.NotEmpty(t, others)
	assert.Equal(t, others, r.place(r.exp.Stacks["A"], 1).CPUs, "containers have it of docker")
	require.NoError(t, undo())
	pids, err := processesAt(procRoot, a.Endpoint().BaseURL)
	require.NoError(t, err)
	require.NotEmpty(t, pids)
	assert.Equal(t, others, mayUse(t, pids[0]))
	require.NoError(t, a.Close())
}

// mayUse lists the CPUs of a process.
func mayUse(t *testing.T, pid int) string {
	t.Helper()
	status, err := os.ReadFile(filepath.Join(procRoot, fmt.Sprint(pid), "status"))
	require.NoError(t, err)
	_, list, _ := strings.Cut(string(status), "Cpus_allowed_list:\t")
	list, _, _ = strings.Cut(list, "\n")
	return list
}

// ownFio is the fio that this process has started.
func ownFio(t *testing.T) int {
	t.Helper()
	all, err := procfs.AllProcs()
	require.NoError(t, err)
	for _, p := range all {
		if stat, err := p.Stat(); err == nil && stat.PPID == os.Getpid() && stat.Comm == "fio" {
			return p.PID
		}
	}
	t.Fatal("no fio runs")
	return 0
}
