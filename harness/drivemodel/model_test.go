package drivemodel

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/drive"
	"sparkharness/harness/fio"
	"sparkharness/harness/record"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/sim"
	"sparkharness/harness/treatment"
)

// modelBench is a bench on which the drive is the queue model itself.
type modelBench struct {
	t *testing.T
	p sim.NVMeParams
}

func (b modelBench) Measure(_ context.Context, name, text string) (*treatment.Measured, error) {
	jobs, files, err := fio.Confined(name, []byte(text))
	require.NoError(b.t, err)
	require.NoError(b.t, fio.Lasting(jobs))
	require.Len(b.t, jobs, 1)
	require.Len(b.t, files, 1)
	j := jobs[0]
	mix := make([]sim.NVMeStream, j.NumJobs)
	for i := range mix {
		mix[i] = sim.NVMeStream{ReadShare: j.ReadShare, IOBytes: j.BlockBytes, Depth: j.IODepth}
	}
	s := sim.SolveNVMe(b.p, mix).Streams[0]
	out := &treatment.Measured{Version: "fio-model"}
	seconds, n := j.Runtime.Seconds(), float64(j.NumJobs)
	if j.ReadShare == 1 {
		out.Read = &treatment.Rate{Seconds: seconds, IOs: n * s.ReadIOPS * seconds, Bytes: n * s.BytesPerSec * seconds, MeanUS: s.ReadMeanNS / 1e3,
			P50US: new(s.ReadP50NS / 1e3), P99US: new(s.ReadP99NS / 1e3)}
	} else {
		out.Write = &treatment.Rate{Seconds: seconds, IOs: n * s.WriteIOPS * seconds, Bytes: n * s.BytesPerSec * seconds, MeanUS: s.WriteMeanNS / 1e3,
			P50US: new(s.WriteP50NS / 1e3), P99US: new(s.WriteP99NS / 1e3)}
	}
	return out, nil
}

// shipped is a drive of configs/drives as the queue model has it.
func shipped(t *testing.T, name string) (*config.Drive, sim.NVMeParams) {
	t.Helper()
	folder, err := config.OpenFolder("../../configs")
	require.NoError(t, err)
	d, err := config.LoadDriveFile(folder, name)
	require.NoError(t, err)
	p := simrig.Drive(d)
	p.JiffyNS, p.BackgroundBytes = 1, pageBytes
	return d, p
}

func measured(t *testing.T, b bench, d *config.Drive) *Figures {
	t.Helper()
	f, err := measure(t.Context(), b, fileBytes, 2, func(string) {})
	require.NoError(t, err)
	f.Leaf = record.DriveLeaf{Device: record.Device{Name: "nvme0n1"}, MaxSectorsKB: new(int64(d.MaxCommand.Value) >> 10), Virtual: true}
	f.Date, f.System = "2026-11-28", "Linux 6.17.0"
	return f
}

// A drive that is made of what a modelled drive shows behaves as that: the reads of a loader, a deep queue of small ones, of large
// ones, and writes.
func TestRoundTrip(t *testing.T) {
	for _, name := range []string{"pm9e1-4tb", "oem-4tb", "sata", "network-volume", "virtual-limited"} {
		t.Run(name, func(t *testing.T) {
			of, p := shipped(t, name)
			b := modelBench{t, p}
			f := measured(t, b, of)
			d, err := f.Model("again")
			require.NoError(t, err)
			again := measured(t, modelBench{t, params(d)}, of)
			assert.InEpsilon(t, f.One.MeanUS, again.One.MeanUS, 0.01, "a read of the loader")
			assert.InEpsilon(t, f.Small.IOPS(), again.Small.IOPS(), 0.15, "small reads")
			assert.InEpsilon(t, f.Large.BytesPerSec(), again.Large.BytesPerSec(), 0.1, "large reads")
			assert.InEpsilon(t, f.Write.BytesPerSec(), again.Write.BytesPerSec(), 0.1, "writes")
			assert.InEpsilon(t, f.OneWrite.MeanUS, again.OneWrite.MeanUS, 0.3, "a write of the loader")
		})
	}
}

// params is a drive as the queue model has it.
func params(d *config.Drive) sim.NVMeParams {
	p := simrig.Drive(d)
	p.JiffyNS, p.BackgroundBytes = 1, pageBytes
	return p
}

// took are figures of a second of I/Os of a size.
func took(iops, bytes, mean, p50, p99 float64) treatment.Rate {
	return treatment.Rate{Seconds: 1, IOs: iops, Bytes: iops * bytes, MeanUS: mean, P50US: &p50, P99US: &p99}
}

// free and held are what fio 3.33 showed of a virtual drive, as it is and below a control group's 1,800 I/Os a second.
func free() *Figures {
	f := &Figures{Fio: "fio-3.33", Date: "2026-11-28", System: "Linux 6.18.44", Tasks: 2,
		Leaf: record.DriveLeaf{Device: record.Device{Name: "vda"}, Transport: "virtio", Virtual: true, MaxSectorsKB: new(int64(4096))},
		One:  took(5262, oneBytes, 188.7, 154.6, 370.7), Small: took(55717, smallBytes, 2290.7, 1646.6, 8355.8), Large: took(880, largeBytes, 18048, 16056, 64750),
		OneWrite: took(7786, oneBytes, 123, 95.7, 226.3), Write: took(2118, largeBytes, 7426, 6652, 27918)}
	f.One.KernelUS = kernel
	return f
}

// kernel is the CPU time of the kernel for a read of the two, us.
const kernel = 23.7

func held() *Figures {
	f := free()
	f.One, f.Small, f.Large = took(1797, oneBytes, 555.1, 195.6, 428), took(1861, smallBytes, 68718, 99090, 104333), took(902, largeBytes, 17630, 16712, 46924)
	f.One.KernelUS = kernel
	f.OneWrite, f.Write = took(1790, oneBytes, 552.4, 97.8, 284.7), took(990, largeBytes, 16014, 8585, 66847)
	f.Limits = drive.Limits{ReadIOPS: 1800, WriteIOPS: 1800}
	return f
}

// loaderTurn is how long a read of the loader and its software of 220 us take, us, on a modelled drive.
func loaderTurn(d *config.Drive) float64 {
	return 1e6 / sim.SolveNVMe(params(d), []sim.NVMeStream{{ReadShare: 1, IOBytes: oneBytes, Depth: 1, SoftwareNS: 220_000}}).Streams[0].ReadIOPS
}

// Where nothing holds, each figure is the measured one, and the model's read takes what the drive's did.
func TestModelOfADrive(t *testing.T) {
	d, err := free().Model("vda")
	require.NoError(t, err)
	assert.Nil(t, d.Limits)
	assert.Equal(t, config.BasisMeasured, d.ControllerIOPS.Basis)
	assert.InDelta(t, 55720, d.ControllerIOPS.Value, 0)
	assert.Equal(t, "vda, Linux 6.18.44, 2026-11-28, fio-3.33: 4 KiB random reads, 128 in flight", d.ControllerIOPS.Source)
	assert.InDelta(t, 922.7e6, float64(d.Link.Value), 0.1e6)
	assert.Equal(t, config.BasisMeasured, d.Link.Basis)
	assert.Equal(t, config.BasisAssumed, d.FlashWrite.Basis, "the link is that of reads")
	assert.Contains(t, d.FlashWrite.Source, "came to 2.221GB/s")
	assert.Equal(t, config.Size(4<<20), d.MaxCommand.Value)
	assert.Equal(t, config.Size(8<<20), d.WriteCache.Value)
	assert.Equal(t, "virtual", d.Interface)
	assert.InEpsilon(t, 188.7-kernel, modelled(d, oneBytes).ReadMeanNS/1e3, 0.002)
	assert.InEpsilon(t, 188.7-kernel+220, loaderTurn(d), 0.005)
	assert.Equal(t, config.BasisFitted, d.PageRead.Basis)
	assert.Contains(t, d.PageRead.Source, "128 KiB random reads, one at a time, took 188.7 us on average, of them 23.7 us of the kernel's CPU time, which is the loader's, less command")
	for _, of := range []config.Figure[config.Size]{d.PageBytes, d.WriteCache} {
		assert.Equal(t, config.BasisAssumed, of.Basis)
	}
}

// A limit is no time of each read: a loader that is slower does not feel it, and one that is faster is held at it.
func TestModelBelowALimit(t *testing.T) {
	d, err := held().Model("vda")
	require.NoError(t, err)
	require.NotNil(t, d.Limits)
	assert.InDelta(t, 1800, d.Limits.ReadIOPS.Value, 0)
	assert.InDelta(t, 1800, d.Limits.WriteIOPS.Value, 0)
	assert.Contains(t, d.Limits.ReadIOPS.Source, "this process's control group lets so many reads a second through")
	assert.Nil(t, d.Limits.Read)
	assert.Equal(t, config.BasisAssumed, d.ControllerIOPS.Basis)
	assert.InEpsilon(t, 195.6-kernel, modelled(d, oneBytes).ReadMeanNS/1e3, 0.002, "behind the limit: the median")
	assert.Contains(t, d.PageRead.Source, "took 195.6 us in the median, because a limit held the others, of them 23.7 us of the kernel's CPU time")
	assert.InEpsilon(t, 1e6/1800., loaderTurn(d), 0.005)
	d.Limits.ReadIOPS.Value = 3000
	assert.InEpsilon(t, 195.6-kernel+220, loaderTurn(d), 0.005)

	// One that nobody tells shows: a deep queue gets no more than one read at a time.
	f := held()
	f.Limits = drive.Limits{}
	f.Small = took(1800, smallBytes, 68718, 99090, 104333)
	d, err = f.Model("vda")
	require.NoError(t, err)
	assert.InDelta(t, 1800, d.Limits.ReadIOPS.Value, 0)
	assert.Contains(t, d.Limits.ReadIOPS.Source, "a limit that nobody tells")
	assert.InEpsilon(t, 1e6/1800., loaderTurn(d), 0.005)

	// Bytes a second, told and not.
	for _, told := range []float64{100e6, 0} {
		f = free()
		f.Limits.ReadBytes = told
		f.One, f.Small, f.Large = took(763, oneBytes, 1310, 150, 9000), took(24400, smallBytes, 5200, 5200, 5200), took(95.4, largeBytes, 160000, 160000, 160000)
		d, err = f.Model("vda")
		require.NoError(t, err)
		require.NotNil(t, d.Limits.Read)
		assert.InEpsilon(t, 100e6, float64(d.Limits.Read.Value), 0.001)
		assert.Nil(t, d.Limits.ReadIOPS)
		assert.Equal(t, config.BasisAssumed, d.Link.Basis)
		assert.InEpsilon(t, oneBytes/100e6*1e6, loaderTurn(d), 0.01)
		assert.Equal(t, config.BasisAssumed, d.ControllerIOPS.Basis)
	}

	// One that is told and holds nothing changes nothing.
	f = free()
	f.Limits.ReadIOPS = 1e6
	d, err = f.Model("vda")
	require.NoError(t, err)
	assert.InEpsilon(t, 188.7-kernel, modelled(d, oneBytes).ReadMeanNS/1e3, 0.002)
	assert.InDelta(t, 55720, d.ControllerIOPS.Value, 0)
	assert.InEpsilon(t, 188.7-kernel+220, loaderTurn(d), 0.005)
}

// Drives of all kinds have a model: what is measured of one may leave no time for another part of it.
func TestModelOfOddDrives(t *testing.T) {
	for name, change := range map[string]func(*Figures){
		"a queue that hardly helps": func(f *Figures) {
			f.Small, f.Large = took(6600, smallBytes, 19000, 19000, 30000), took(850, largeBytes, 18000, 18000, 30000)
		},
		"a cache behind it": func(f *Figures) {
			f.Small, f.Large = took(2e6, smallBytes, 60, 60, 90), took(30000, largeBytes, 500, 500, 900)
		},
		"slow writes": func(f *Figures) {
			f.OneWrite, f.Write = took(300, oneBytes, 3300, 3300, 9000), took(30, largeBytes, 5e5, 5e5, 9e5)
		},
		"no percentiles":  func(f *Figures) { f.One.P50US, f.One.P99US = nil, nil },
		"no spread":       func(f *Figures) { f.One.P99US = f.One.P50US },
		"small requests":  func(f *Figures) { f.Leaf.MaxSectorsKB = new(int64(64)) },
		"tiny requests":   func(f *Figures) { f.Leaf.MaxSectorsKB = new(int64(4)) },
		"untold requests": func(f *Figures) { f.Leaf.MaxSectorsKB = nil },
		"fast NVMe": func(f *Figures) {
			f.Leaf.Virtual, f.Leaf.PCIe = false, &record.PCIeLink{Speed: "32.0 GT/s PCIe", Width: "4"}
			f.One, f.Small, f.Large = took(14000, oneBytes, 70, 69, 80), took(1.4e6, smallBytes, 90, 90, 120), took(14200, largeBytes, 1100, 1100, 1300)
			f.OneWrite, f.Write = took(25000, oneBytes, 39, 38, 60), took(11500, largeBytes, 1390, 1390, 2000)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := free()
			change(f)
			d, err := f.Model("odd")
			require.NoError(t, err)
			assert.InEpsilon(t, f.One.MeanUS-f.One.KernelUS, modelled(d, oneBytes).ReadMeanNS/1e3, within)
			require.NoError(t, params(d).Validate())
			assert.Equal(t, d, saved(t, d), "as a run reads it")
		})
	}
}

// A disk is not what the queue model is about, and is refused.
func TestNoModelOfADisk(t *testing.T) {
	f := free()
	f.Leaf.Virtual, f.Leaf.Transport = false, "sata"
	f.One, f.Small, f.Large = took(110, oneBytes, 9000, 8500, 20000), took(300, smallBytes, 4e5, 4e5, 9e5), took(60, largeBytes, 2e5, 2e5, 4e5)
	f.OneWrite, f.Write = took(400, oneBytes, 2400, 2000, 9000), took(100, largeBytes, 1.6e5, 1.6e5, 4e5)
	_, err := f.Model("disk")
	require.ErrorContains(t, err, "a read of 128 KiB takes it 9000.0 us, and the model at least 99")
	assert.NotContains(t, err.Error(), "\n")
}
