package evidence

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// trafficOf adds a byte count a sample, each of so many seconds.
func trafficOf(seconds float64, bytes ...float64) *Traffic {
	t := &Traffic{}
	for i, b := range bytes {
		t.add(float64(i+1)*seconds, b, seconds)
	}
	return t
}

func TestTraffic(t *testing.T) {
	for name, tc := range map[string]struct {
		traffic *Traffic
		bins    []float64 // bytes/s
		burst   Burst
		least   float64
	}{
		"200 ms":                          {trafficOf(0.2, 0, 0, 0, 0, 10, 20, 0, 0, 0, 0, 7), []float64{10, 20}, Burst{30, 1, 1.2}, 30},
		"250 ms, a burst across two bins": {trafficOf(0.25, 0, 0, 5, 5, 5, 5, 0, 0), []float64{10, 10}, Burst{20, 1, 1.5}, 20},
		"in what is left at the end":      {trafficOf(0.2, 1, 0, 0, 0, 0, 0, 50), []float64{1}, Burst{50, 1, 1.4}, 50},
		"a second":                        {trafficOf(1, 3, 9, 4), []float64{3, 9, 4}, Burst{9, 1, 2}, 9},
		"400 ms is 1.2 s":                 {trafficOf(0.4, 0, 12, 0, 0, 0, 0), []float64{10, 0}, Burst{12, 1.2, 0.8}, 10},
		"3 s":                             {trafficOf(3, 30, 60), []float64{10, 20}, Burst{60, 3, 6}, 20},
		"less than a second":              {trafficOf(0.2, 5, 1), nil, Burst{6, 0.4, 0.4}, 6},
		"nothing":                         {trafficOf(0.2, 0, 0, 0, 0, 0), []float64{0}, Burst{0, 1, 1}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			require.Len(t, tc.traffic.Bins, len(tc.bins))
			for i, want := range tc.bins {
				assert.InDelta(t, want, tc.traffic.Bins[i].V, 1e-9, "bin %d", i)
			}
			b := tc.traffic.Burst()
			require.NotNil(t, b)
			assert.InDelta(t, tc.burst.Bytes, b.Bytes, 1e-9)
			assert.InDelta(t, tc.burst.Seconds, b.Seconds, 1e-9)
			assert.InDelta(t, tc.least, b.PerSecond(), 1e-9)
			assert.Equal(t, b.Bytes, b.AtMost())
			if tc.burst.Bytes > 0 && name != "400 ms is 1.2 s" {
				assert.InDelta(t, tc.burst.At, b.At, 1e-9)
			}
		})
	}
}

// Nothing told is not nothing moved.
func TestTrafficUntold(t *testing.T) {
	var none Traffic
	assert.Nil(t, none.PerSecond())
	assert.Nil(t, none.Burst())
	assert.Equal(t, new(0.0), trafficOf(1, 0).PerSecond())
}

// Samples that do not follow each other make no second together.
func TestTrafficGap(t *testing.T) {
	tr := trafficOf(0.2, 9, 9, 9, 9)
	tr.gap()
	for i := range 6 {
		tr.add(2+0.2*float64(i), 1, 0.2)
	}
	require.Len(t, tr.Bins, 1)
	assert.InDelta(t, 5, tr.Bins[0].V, 1e-9)
	assert.InDelta(t, 5, tr.Burst().Bytes, 1e-9, "a whole second counts for more than a part of one")
	assert.InDelta(t, 36+6, tr.Bytes, 1e-9, "what was moved stays moved")
}

// storageSample is a sample of 0.2 s: what the device moved, and the server if it is told.
func storageSample(i int, phase string, read, written float64, server *record.ServerIO) *record.SysSample {
	s := sysAt(100+0.2*float64(i+1), 0.2, 1)
	s.Phase = phase
	s.NVMe.ReadBytes, s.NVMe.WriteBytes = read, written
	s.Server = server
	return s
}

// loaded is a cell with the samples.
func loaded(t *testing.T, samples ...*record.SysSample) *Cell {
	t.Helper()
	path := filepath.Join(t.TempDir(), record.FileSysmon)
	w, err := record.Create(path, 0)
	require.NoError(t, err)
	for _, s := range samples {
		require.NoError(t, w.Write(s))
	}
	require.NoError(t, w.Close())
	c := &Cell{}
	require.NoError(t, c.loadSys(path))
	return c
}

// The device's bytes and the server's come from the samples of their phase; a server that is not told has none.
func TestPhaseTraffic(t *testing.T) {
	var samples []*record.SysSample
	for i := range 10 {
		samples = append(samples, storageSample(i, record.PhaseBaseline, 100, 200, nil))
	}
	for i := 10; i < 25; i++ {
		samples = append(samples, storageSample(i, record.PhaseWarmup, 1e9, 1e9, &record.ServerIO{ReadBytes: 1e9, WriteBytes: 1e9}))
	}
	for i := 25; i < 40; i++ {
		server := &record.ServerIO{ReadBytes: 10, WriteBytes: 1000}
		if i == 30 {
			server.WriteBytes = 5e6
		}
		samples = append(samples, storageSample(i, record.PhaseMeasure, 300, 1000, server))
	}
	c := loaded(t, samples...)
	b, m := &c.Sys.Baseline, &c.Sys.Measure
	assert.InDelta(t, 500, *b.DeviceRead.PerSecond(), 1e-6)
	assert.InDelta(t, 1000, *b.DeviceWrite.PerSecond(), 1e-6)
	assert.Nil(t, b.ServerRead.PerSecond())
	assert.Nil(t, b.ServerWrite.Burst())
	assert.InDelta(t, 1500, *m.DeviceRead.PerSecond(), 1e-6)
	assert.InDelta(t, 5000, m.DeviceWrite.Burst().PerSecond(), 1e-6)
	assert.InDelta(t, 50, *m.ServerRead.PerSecond(), 1e-6)
	assert.InDelta(t, 5e6+4000, m.ServerWrite.Burst().Bytes, 1e-6)
	require.Len(t, m.ServerWrite.Bins, 3)
	assert.InDelta(t, 1, m.ServerWrite.Bins[0].T, 1e-6)
	assert.InDelta(t, m.WriteBytes, m.DeviceWrite.Bytes, 1e-6, "the sums that accounts are made of")

	g := &Group{Cells: []*Cell{c, c}}
	written := func(p *PhaseSums) *Traffic { return &p.ServerWrite }
	assert.Equal(t, []stats.Rep{m.ServerWrite.Bins, m.ServerWrite.Bins}, g.TrafficReps(written))
	untold := loaded(t, samples[:10]...)
	assert.Nil(t, (&Group{Cells: []*Cell{c, untold}}).TrafficReps(written), "told of one repetition is told of none")
}

// A reading that follows one that failed covers both intervals; after a reset it covers its own.
func TestDeviceTrafficAfterAMissingReading(t *testing.T) {
	for _, reset := range []bool{false, true} {
		var samples []*record.SysSample
		for i := range 8 {
			s := storageSample(i, record.PhaseMeasure, 100, 0, nil)
			if i == 2 {
				s.NVMe, s.Reset = nil, reset
			}
			samples = append(samples, s)
		}
		c := loaded(t, samples...)
		seconds := 1.6
		if reset {
			seconds = 1.4
		}
		assert.InDelta(t, seconds, c.Sys.Measure.DeviceRead.Seconds, 1e-9)
		assert.InDelta(t, 700, c.Sys.Measure.DeviceRead.Bytes, 1e-9)
	}
}

// A row has what all of its repetitions tell.
func TestStorageColumns(t *testing.T) {
	ev := repetitions()
	for i, c := range ev.Cells {
		c.Sys.Baseline.DeviceRead, c.Sys.Baseline.DeviceWrite = *trafficOf(1, 1e6, 0), *trafficOf(1, 2e6, 0)
		c.Sys.Measure.DeviceRead, c.Sys.Measure.DeviceWrite = *trafficOf(1, 0, 8e6, 4e6), *trafficOf(1, 3e6*float64(i), 0, 0)
		c.Sys.Measure.ServerRead, c.Sys.Measure.ServerWrite = *trafficOf(1, 0, 0, 0), *trafficOf(1, 0, 0, 3e6)
	}
	mb := func(v *float64) float64 {
		require.NotNil(t, v)
		return *v
	}
	row := ev.row(ev.Groups()[0])
	for _, f := range []struct {
		name string
		want float64
		got  *float64
	}{
		{"write", 1, row.NVMeWriteMBs}, {"idle read", 0.5, row.NVMeIdleReadMBs}, {"idle write", 1, row.NVMeIdleWriteMBs},
		{"read burst", 8, row.NVMeReadBurst}, {"write burst", 6, row.NVMeWriteBurst}, {"idle read burst", 1, row.NVMeIdleReadBurst},
		{"idle write burst", 2, row.NVMeIdleWriteBurst}, {"server read", 0, row.ServerReadMBs}, {"server write", 1, row.ServerWriteMBs},
		{"server read burst", 0, row.ServerReadBurst}, {"server write burst", 3, row.ServerWriteBurst},
	} {
		assert.InDelta(t, f.want, mb(f.got), 1e-9, f.name)
	}
	ev.Cells[1].Sys.Measure.ServerRead, ev.Cells[1].Sys.Measure.ServerWrite = Traffic{}, Traffic{}
	row = ev.row(ev.Groups()[0])
	assert.Nil(t, row.ServerReadMBs)
	assert.Nil(t, row.ServerWriteBurst)
	assert.NotNil(t, row.NVMeWriteBurst)
}
