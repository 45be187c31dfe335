package telemetry

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

func newProc(t testing.TB, tr *tree) *Proc {
	t.Helper()
	p, err := NewProc(tr.proc)
	require.NoError(t, err)
	return p
}

// The first reading is the example of the kernel's Documentation/filesystems/proc.rst, the second one
// is 100 ticks later: user 20, nice 4, system 10, idle 50, iowait 6, irq 2, softirq 3, steal 5, and
// guest 7, which is part of user.
func TestProcKernelExample(t *testing.T) {
	tr := newTree(t)
	p := newProc(t, tr)
	var s record.SysSample
	require.NoError(t, p.Sample(t.Context(), &s))
	assert.Nil(t, s.CPU, "the first call only takes a reading")
	assert.Nil(t, s.PSI)

	tr.show("after")
	s = record.SysSample{}
	require.NoError(t, p.Sample(t.Context(), &s))
	assert.Equal(t, &record.CPU{User: 24, System: 15, IOWait: 6, Idle: 50}, s.CPU)
	assert.Equal(t, &record.Mem{
		Available: new(26165736. * 1024), Cached: new(6636188. * 1024), SwapTotal: new(0.), SwapFree: new(0.),
	}, s.Mem)
	assert.Equal(t, &record.PSI{
		IOSomeUS: new(60000.), IOFullUS: new(48000.), MemSomeUS: new(0.), MemFullUS: new(0.),
	}, s.PSI)
	assert.False(t, s.Reset)
}

func TestProcIntervals(t *testing.T) {
	const psi0 = "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
	tests := map[string]struct {
		change func(*tree)
		check  func(*testing.T, *record.SysSample, error)
	}{
		"iowait and idle decrease": {
			func(tr *tree) { tr.write("stat", "cpu  2265 34 2290 22625562 6280 127 456 0 0 0\n") },
			func(t *testing.T, s *record.SysSample, err error) {
				require.NoError(t, err)
				assert.Equal(t, &record.CPU{User: 100}, s.CPU)
				assert.False(t, s.Reset)
			},
		},
		"user time falls": {
			func(tr *tree) { tr.write("stat", "cpu  10 0 10 100 0 0 0 0 0 0\n") },
			func(t *testing.T, s *record.SysSample, err error) {
				require.ErrorIs(t, err, ErrReset)
				assert.Nil(t, s.CPU)
				assert.True(t, s.Reset)
				assert.NotNil(t, s.Mem, "other groups are not concerned")
				assert.NotNil(t, s.PSI)
			},
		},
		"stat stands still": {
			func(tr *tree) { tr.show("before") },
			func(t *testing.T, s *record.SysSample, err error) {
				require.ErrorContains(t, err, "did not advance")
				assert.Nil(t, s.CPU)
			},
		},
		"stat is gone": {
			func(tr *tree) { tr.remove("stat") },
			func(t *testing.T, s *record.SysSample, err error) {
				require.ErrorIs(t, err, os.ErrNotExist)
				assert.Nil(t, s.CPU)
				assert.NotNil(t, s.Mem)
			},
		},
		"meminfo without swap lines": {
			func(tr *tree) { tr.write("meminfo", "MemTotal: 4 kB\nMemAvailable: 2 kB\n") },
			func(t *testing.T, s *record.SysSample, err error) {
				require.NoError(t, err)
				assert.Equal(t, &record.Mem{Available: new(2048.)}, s.Mem)
			},
		},
		"kernel without PSI": {
			func(tr *tree) { tr.remove("pressure") },
			func(t *testing.T, s *record.SysSample, err error) {
				require.NoError(t, err)
				assert.Nil(t, s.PSI)
			},
		},
		"PSI of I/O only": {
			func(tr *tree) { tr.remove("pressure/memory"); tr.replace("pressure/io", "4651642", "4651650") },
			func(t *testing.T, s *record.SysSample, err error) {
				require.NoError(t, err)
				assert.Equal(t, &record.PSI{IOSomeUS: new(0.), IOFullUS: new(8.)}, s.PSI)
			},
		},
		"PSI total falls": {
			func(tr *tree) { tr.write("pressure/io", psi0) },
			func(t *testing.T, s *record.SysSample, err error) {
				require.ErrorIs(t, err, ErrReset)
				assert.Nil(t, s.PSI)
				assert.True(t, s.Reset)
			},
		},
		"PSI is not what it should be": {
			func(tr *tree) { tr.write("pressure/memory", "some avg10=x\n") },
			func(t *testing.T, s *record.SysSample, err error) {
				require.ErrorContains(t, err, "pressure of memory")
				assert.Equal(t, &record.PSI{IOSomeUS: new(0.), IOFullUS: new(0.)}, s.PSI)
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t)
			p := newProc(t, tr)
			require.NoError(t, p.Sample(t.Context(), &record.SysSample{}))
			tr.write("stat", "cpu  2256 34 2290 22625563 6290 127 456 0 0 0\n")
			tt.change(tr)
			var s record.SysSample
			tt.check(t, &s, p.Sample(t.Context(), &s))
		})
	}
}

// A machine that has just booted shows zeros; they are a first reading like any other.
func TestProcFromZero(t *testing.T) {
	tr := newTree(t)
	tr.write("stat", "cpu  0 0 0 0 0 0 0 0 0 0\n")
	p := newProc(t, tr)
	require.NoError(t, p.Sample(t.Context(), &record.SysSample{}))
	tr.write("stat", "cpu  10 0 10 20 0 0 0 0 0 0\n")
	var s record.SysSample
	require.NoError(t, p.Sample(t.Context(), &s))
	assert.Equal(t, &record.CPU{User: 25, System: 25, Idle: 50}, s.CPU)
}

// A read that failed loses nothing: the next deltas span both intervals.
func TestProcAfterFailure(t *testing.T) {
	tr := newTree(t)
	p := newProc(t, tr)
	require.NoError(t, p.Sample(t.Context(), &record.SysSample{}))
	tr.write("pressure/io", "some avg10=x\n")
	require.Error(t, p.Sample(t.Context(), &record.SysSample{}))
	tr.show("after")
	var s record.SysSample
	require.NoError(t, p.Sample(t.Context(), &s))
	assert.Equal(t, 60000., *s.PSI.IOSomeUS)
}

func TestNewProcWithoutTree(t *testing.T) {
	_, err := NewProc(filepath.Join(t.TempDir(), "proc"))
	require.ErrorContains(t, err, "open proc tree")
}

func BenchmarkProc(b *testing.B) {
	tr := newTree(b)
	p := newProc(b, tr)
	tr.write("stat", "cpu  2255 34 2290 22625563 6290 127 456 0 0 0\n")
	tr.write("meminfo", "MemTotal: 127600524 kB\nMemFree: 100 kB\nMemAvailable: 100 kB\nCached: 100 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n")
	b.ReportAllocs()
	for b.Loop() {
		var s record.SysSample
		_ = p.Sample(b.Context(), &s) // the rendered time stands still
		if s.Mem == nil {
			b.Fatal("no memory")
		}
	}
}
