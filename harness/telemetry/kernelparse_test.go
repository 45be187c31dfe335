package telemetry

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/procfs"
	"github.com/prometheus/procfs/blockdevice"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The files of the fixtures, and what the simulated host renders, are all of the form that the parsers
// here take: a kernel's files must not go through procfs without anybody noticing.
func TestKernelFormsAreTaken(t *testing.T) {
	const (
		simStat     = "cpu  12 0 3 4567 0 0 0 0 0 0\nintr 0\nctxt 0\nbtime 946684800\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n"
		simMeminfo  = "MemTotal:       125829120 kB\nMemFree:        1 kB\nMemAvailable:   2 kB\nBuffers:        0 kB\nCached:         3 kB\nSwapCached:     0 kB\nSwapTotal:      0 kB\nSwapFree:       4 kB\nDirty:          0 kB\n"
		simPressure = "some avg10=0.00 avg60=1.50 avg300=12.25 total=17\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n"
		simDisk     = " 259       0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n"
		simIO       = "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 0\n"
	)
	for _, text := range []string{simIO, "rchar: 64744\nwchar: 67109049\nsyscr: 155\nsyscw: 4098\nread_bytes: 1868894208\nwrite_bytes: 869158912\ncancelled_write_bytes: 4096\n"} {
		assert.True(t, alike(t, "7/io", []byte(text)), text)
	}
	files := map[string][]string{
		"stat": {simStat}, "meminfo": {simMeminfo}, "pressure/io": {simPressure}, "pressure/memory": {simPressure}, "diskstats": {simDisk},
	}
	for name := range files {
		for _, moment := range []string{"before", "after"} {
			files[name] = append(files[name], string(fixture(t, filepath.Join(moment, "proc", name))))
		}
		for _, text := range files[name] {
			assert.True(t, alike(t, name, []byte(text)), "%s: %s", name, text)
		}
	}
}

func TestKernelFormsThatGoToProcfs(t *testing.T) {
	tests := map[string][]string{
		"stat": {
			"", "cpu", "cpu  1 2 3 4 5 6 7 8 9 10", "cpu 1 2 3 4 5 6 7 8 9 10\n", "cpu  1 2 3 4 5 6 7 8 9\n", "cpu  1 2 3 4 5 6 7 8 9 10 11\n",
			"cpu  1 2 3 4 5 6 7 8 9 -1\n", "cpu  1 2 3  4 5 6 7 8 9 10\n", "cpu0 1 2 3 4 5 6 7 8 9 10\n", "cpu  9007199254740993 2 3 4 5 6 7 8 9 10\n",
		},
		"meminfo":     {"Cached: 1\n", "Cached: 010 kB\n", "Cached: 0x1 kB\n", "Cached: 1 MB\n", "Cached: 1 kB", "\n", "Cached: 1234567890123456789 kB\n"},
		"pressure/io": {"some avg10=0.0 avg60=0.00 avg300=0.00 total=1\n", "some avg10=0.00 avg60=0.00 avg300=0.00 total=-1\n", "most avg10=0.00 avg60=0.00 avg300=0.00 total=1\n", "some\n"},
		"diskstats": {
			" 259 0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11\n", " 259 0 nvme0n1p1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n",
			" 259 0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\n", " 259 0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 x\n",
		},
		"7/io": {
			"", "rchar: 1\n", "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: -1\n",
			"rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nwrite_bytes: 6\nread_bytes: 5\ncancelled_write_bytes: 0\n",
			"rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 0",
			"rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 0\nmore: 1\n",
		},
	}
	for name, texts := range tests {
		for _, text := range texts {
			assert.False(t, takes(name, []byte(text)), "%s: %q", name, text)
		}
	}
}

func takes(name string, text []byte) (ok bool) {
	switch name {
	case "stat":
		_, ok = parseCPU(text)
	case "meminfo":
		_, ok = parseMemory(text)
	case "diskstats":
		_, ok = parseDisk(text, "nvme0n1")
	case "7/io":
		_, ok = parseIO(text)
	default:
		_, ok = parseStalls(text)
	}
	return ok
}

// alike reports whether the parser here takes the text, and requires that procfs reads the same from it.
// A line that is not used here may be one that procfs refuses.
func alike(t *testing.T, name string, text []byte) bool {
	t.Helper()
	if !takes(name, text) {
		return false
	}
	if name == "stat" { // of a second aggregate line, which no kernel writes, procfs would take that one
		text = text[:bytes.IndexByte(text, '\n')+1]
	}
	dir := t.TempDir()
	path := filepath.Join(dir, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, text, 0o644))
	proc, err := procfs.NewFS(dir)
	require.NoError(t, err)
	switch name {
	case "stat":
		got, _ := parseCPU(text)
		want, err := proc.Stat()
		require.NoError(t, err)
		require.Equal(t, want.CPUTotal, got)
	case "meminfo":
		got, _ := parseMemory(text)
		if want, err := proc.Meminfo(); err == nil {
			require.Equal(t, memory{want.MemAvailableBytes, want.CachedBytes, want.SwapTotalBytes, want.SwapFreeBytes}, got)
		}
	case "diskstats":
		got, _ := parseDisk(text, "nvme0n1")
		disks, err := blockdevice.NewFS(dir, dir)
		require.NoError(t, err)
		if want, err := disks.ProcDiskstats(); err == nil {
			for _, d := range want {
				if d.DeviceName == "nvme0n1" {
					require.Equal(t, d.IOStats, got)
					return true
				}
			}
			t.Fatal("procfs sees no such device")
		}
	case "7/io":
		got, _ := parseIO(text)
		p, err := proc.Proc(7)
		require.NoError(t, err)
		want, err := p.IO()
		require.NoError(t, err, "every line of it is used")
		require.Equal(t, transfers{want.ReadBytes, want.WriteBytes, uint64(want.CancelledWriteBytes)}, got)
	default:
		got, _ := parseStalls(text)
		want, err := proc.PSIStatsForResource(filepath.Base(name))
		require.NoError(t, err, "every line of it is used")
		require.Equal(t, stalls{total(want.Some), total(want.Full)}, got)
	}
	return true
}

func FuzzKernelParse(f *testing.F) {
	names := []string{"stat", "meminfo", "pressure/io", "diskstats", "7/io"}
	for i, name := range names[:4] {
		f.Add(i, fixture(f, filepath.Join("before", "proc", name)))
	}
	f.Add(0, []byte("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 1 2\n"))
	f.Add(1, []byte("SwapTotal: 0 kB\nSwapFree: 1 kB\nHugePages_Total: 0\nCached: 7 kB\nCached: 8 kB\n"))
	f.Add(2, []byte("full avg10=99.99 avg60=0.00 avg300=0.00 total=18\n"))
	f.Add(3, []byte("   7       0 loop0 1 2 3 4\n 259       0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n"))
	f.Add(4, []byte("rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 0\n"))
	f.Fuzz(func(t *testing.T, which int, text []byte) {
		alike(t, names[uint(which)%uint(len(names))], text)
	})
}
