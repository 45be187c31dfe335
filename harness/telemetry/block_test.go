package telemetry

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/procfs/blockdevice"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// 200 ms: 2000 reads of 128 KiB in 141 ms of read time, 100 writes of 16 KiB in 25 ms, and 166 ms
// weighted; the figures are iostat(1)'s definitions applied by hand.
func TestBlockIostatFigures(t *testing.T) {
	tr := newTree(t)
	synctest.Test(t, func(t *testing.T) {
		b, err := NewBlock(tr.proc, tr.sys, "nvme0n1")
		require.NoError(t, err)
		var s record.SysSample
		require.NoError(t, b.Sample(t.Context(), &s))
		assert.Nil(t, s.NVMe, "the first call only takes a reading")

		time.Sleep(200 * time.Millisecond)
		tr.show("after")
		require.NoError(t, b.Sample(t.Context(), &s))
		assert.Equal(t, &record.NVMe{
			RPS: 10000, RMBs: 1310.72, RAwait: new(0.0705),
			WPS: 500, WMBs: 8.192, WAwait: new(0.25),
			AquSz: 0.83, UtilPct: 99,
			Reads: 2000, ReadBytes: 512000 * 512, ReadMS: 141,
			Writes: 100, WriteBytes: 3200 * 512, WriteMS: 25,
			IOms: 198, WeightedMS: 166,
		}, s.NVMe)

		s = record.SysSample{}
		require.ErrorContains(t, b.Sample(t.Context(), &s), "no time passed")

		time.Sleep(time.Second)
		require.NoError(t, b.Sample(t.Context(), &s))
		assert.Equal(t, &record.NVMe{}, s.NVMe, "nothing was done: rates are 0, awaits are absent")
	})
}

func TestBlockFailures(t *testing.T) {
	tr := newTree(t)
	synctest.Test(t, func(t *testing.T) {
		b, err := NewBlock(tr.proc, tr.sys, "nvme0n1")
		require.NoError(t, err)
		require.NoError(t, b.Sample(t.Context(), &record.SysSample{}))

		time.Sleep(100 * time.Millisecond)
		tr.remove("diskstats")
		var s record.SysSample
		require.ErrorIs(t, b.Sample(t.Context(), &s), os.ErrNotExist)
		assert.Nil(t, s.NVMe)

		time.Sleep(100 * time.Millisecond)
		tr.show("after")
		require.NoError(t, b.Sample(t.Context(), &s))
		assert.Equal(t, 10000., s.NVMe.RPS, "the interval of the failed read is part of this one")
		assert.Equal(t, 2000., s.NVMe.Reads)

		time.Sleep(200 * time.Millisecond)
		tr.show("before")
		s = record.SysSample{}
		require.ErrorIs(t, b.Sample(t.Context(), &s), ErrReset)
		assert.True(t, s.Reset)
		assert.Nil(t, s.NVMe)

		time.Sleep(200 * time.Millisecond)
		tr.show("after")
		s = record.SysSample{}
		require.NoError(t, b.Sample(t.Context(), &s), "after a reset the count starts again")
		assert.Equal(t, 2000., s.NVMe.Reads)

		time.Sleep(200 * time.Millisecond)
		tr.replace("diskstats", " nvme0n1 ", " nvme1n1 ")
		require.ErrorContains(t, b.Sample(t.Context(), &s), "loop0, nvme1n1, nvme0n1p1, nvme0n1p2")
	})
}

func TestNewBlockRefuses(t *testing.T) {
	tr := newTree(t)
	tests := map[string]struct{ proc, sys, device, want string }{
		"unknown device":           {tr.proc, tr.sys, "sda", "set telemetry.device to one of: loop0, nvme0n1"},
		"partition":                {tr.proc, tr.sys, "nvme0n1p2", "set telemetry.device to one of: loop0, nvme0n1"},
		"no proc root":             {"", tr.sys, "nvme0n1", "must be given"},
		"no sys root":              {tr.proc, "", "nvme0n1", "must be given"},
		"sys tree without devices": {tr.proc, tr.proc, "nvme0n1", "list block devices"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := NewBlock(tt.proc, tt.sys, tt.device)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// The kernel keeps the millisecond counters as 32-bit numbers and the others as 64-bit ones
// (Documentation/admin-guide/iostats.rst).
func TestBlockWrap(t *testing.T) {
	const top = math.MaxUint32
	busy := blockdevice.IOStats{ReadIOs: 10, ReadSectors: 80, WriteIOs: 10, WriteSectors: 80}
	tests := map[string]struct {
		prev, cur func(*blockdevice.IOStats)
		want      func(*record.NVMe) float64
		ms        float64
		reset     bool
	}{
		"ms reading wraps": {
			func(s *blockdevice.IOStats) { s.ReadTicks = top - 9 }, func(s *blockdevice.IOStats) { s.ReadTicks = 90 },
			func(n *record.NVMe) float64 { return n.ReadMS }, 100, false},
		"ms writing wraps": {
			func(s *blockdevice.IOStats) { s.WriteTicks = top }, func(s *blockdevice.IOStats) { s.WriteTicks = 0 },
			func(n *record.NVMe) float64 { return n.WriteMS }, 1, false},
		"ms doing I/O wraps": {
			func(s *blockdevice.IOStats) { s.IOsTotalTicks = top - 100 }, func(s *blockdevice.IOStats) { s.IOsTotalTicks = 99 },
			func(n *record.NVMe) float64 { return n.IOms }, 200, false},
		"weighted ms wraps": {
			func(s *blockdevice.IOStats) { s.WeightedIOTicks = top - 1e6 }, func(s *blockdevice.IOStats) { s.WeightedIOTicks = 1e6 },
			func(n *record.NVMe) float64 { return n.WeightedMS }, 2e6 + 1, false},
		"ms reading restarts": {
			func(s *blockdevice.IOStats) { s.ReadTicks = 9374 }, func(s *blockdevice.IOStats) { s.ReadTicks = 5 }, nil, 0, true},
		"a 64-bit ms counter falls": {
			func(s *blockdevice.IOStats) { s.ReadTicks = top + 100 }, func(s *blockdevice.IOStats) { s.ReadTicks = 150 }, nil, 0, true},
		"reads fall": {
			func(s *blockdevice.IOStats) { s.ReadIOs = top }, func(s *blockdevice.IOStats) { s.ReadIOs = 1 }, nil, 0, true},
		"sectors written fall": {
			func(s *blockdevice.IOStats) { s.WriteSectors = 9 }, func(s *blockdevice.IOStats) { s.WriteSectors = 8 }, nil, 0, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			prev, cur := busy, busy
			tt.prev(&prev)
			tt.cur(&cur)
			n := &record.NVMe{}
			err := addDeltas(n, &prev, &cur)
			if tt.reset {
				require.ErrorIs(t, err, ErrReset)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.ms, tt.want(n))
		})
	}
}

// Two disks that hold one file system: a stripe in which one of them is slower, and is busy all the time.
func TestBlockOfSeveral(t *testing.T) {
	tr := newTree(t)
	for _, disk := range []string{"nvme1n1", "nvme2c0n1"} {
		require.NoError(t, os.MkdirAll(filepath.Join(tr.sys, "block", disk), 0o755))
	}
	show := func(one, hidden string) {
		tr.write("diskstats", " 259       0 nvme0n1 7 0 7 7 7 0 7 7 0 7 7 0 0 0 0 0 0\n 259       1 nvme1n1 "+one+
			" 0 0 0 0 0 0\n   0       0 nvme2c0n1 "+hidden+" 0 0 0 0 0 0\n")
	}
	synctest.Test(t, func(t *testing.T) {
		show("100 0 800 10 50 0 400 5 0 20 15", "10 0 80 1 5 0 40 1 0 2 2")
		b, err := NewBlock(tr.proc, tr.sys, "nvme1n1", "nvme2c0n1")
		require.NoError(t, err)
		defer func() { require.NoError(t, b.Close()) }()
		var s record.SysSample
		require.NoError(t, b.Sample(t.Context(), &s))
		time.Sleep(time.Second)
		show("1100 0 16800 210 150 0 2000 35 0 420 245", "1010 0 16080 801 105 0 1640 51 0 1002 852")
		require.NoError(t, b.Sample(t.Context(), &s))
		assert.Equal(t, &record.NVMe{
			RPS: 2000, RMBs: 16.384, RAwait: new(0.5), WPS: 200, WMBs: 1.6384, WAwait: new(0.4), AquSz: 1.08, UtilPct: 70,
			Reads: 2000, ReadBytes: 32000 * 512, ReadMS: 1000, Writes: 200, WriteBytes: 3200 * 512, WriteMS: 80, IOms: 700, WeightedMS: 1080,
		}, s.NVMe)

		time.Sleep(time.Second)
		show("1100 0 16800 210 150 0 2000 35 0 420 245", "0 0 0 0 0 0 0 0 0 0 0")
		s = record.SysSample{}
		require.ErrorIs(t, b.Sample(t.Context(), &s), ErrReset)
		assert.True(t, s.Reset)
		assert.Nil(t, s.NVMe)
		time.Sleep(time.Second)
		tr.replace("diskstats", " nvme2c0n1 ", " nvme3n1 ")
		require.ErrorContains(t, b.Sample(t.Context(), &s), `"nvme2c0n1" has no line in diskstats, which lists: nvme0n1, nvme1n1, nvme3n1`)
	})
	_, err := NewBlock(tr.proc, tr.sys, "nvme1n1", "nvme1n1")
	require.ErrorContains(t, err, `"nvme1n1" is named twice`)
	_, err = NewBlock(tr.proc, tr.sys)
	require.ErrorContains(t, err, "no block device is named")
	_, err = NewBlock(tr.proc, tr.sys, "nvme1n1", "sdz")
	require.ErrorContains(t, err, `"sdz" is no whole disk`)
}

func BenchmarkBlock(b *testing.B) {
	tr := newTree(b)
	tr.write("diskstats", " 259       0 nvme0n1 446216 784926 9550688 4382310 424847 312726 5922052 19310380 0 3376340 23705160 0 0 0 0 0 0\n")
	src, err := NewBlock(tr.proc, tr.sys, "nvme0n1")
	require.NoError(b, err)
	require.NoError(b, src.Sample(b.Context(), &record.SysSample{}))
	b.ReportAllocs()
	for b.Loop() {
		var s record.SysSample
		if err := src.Sample(b.Context(), &s); err != nil {
			b.Fatal(err)
		}
	}
}
