package evidence

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

func tenSeconds() *config.Windows { return &config.Windows{Length: config.Duration(10 * time.Second)} }

// sysAt is a machine sample that ends at ts after dt seconds with so many reads of 4 KiB, 1 ms each.
func sysAt(ts, dt, reads float64) *record.SysSample {
	return &record.SysSample{TS: ts, DtMS: dt * 1000, CPU: &record.CPU{User: 10, IOWait: 2, Idle: 88},
		NVMe: &record.NVMe{Reads: reads, ReadBytes: reads * 4096, ReadMS: reads}}
}

// What samples count is in the windows that they overlap, no more and no less.
func TestWindowsSpreadSamples(t *testing.T) {
	ws := newWindows(tenSeconds(), 35)
	require.Len(t, ws, 3, "whole windows only")
	addSys(ws, 2, sysAt(2, 4, 400))    // half of it before the phase
	addSys(ws, 10, sysAt(10, 8, 800))  // ends with the first window
	addSys(ws, 25, sysAt(25, 15, 900)) // two thirds in the second
	addSys(ws, 40, sysAt(40, 15, 300)) // a third in the third, the rest beyond
	for i, want := range []float64{200 + 800, 600, 300 + 100} {
		assert.InDelta(t, want, ws[i].sums.Reads, 1e-9, "window %d", i)
		assert.InDelta(t, 10, ws[i].block, 1e-9, "window %d is covered", i)
		v, known := IOWait.of(&ws[i], 0)
		assert.True(t, known)
		assert.InDelta(t, 2, v, 1e-9, "a gauge is averaged over time, not summed")
	}
}

// r_await is not known from few reads, and no reading is known without a sample.
func TestReadingsThatAreNotKnown(t *testing.T) {
	ws := newWindows(tenSeconds(), 20)
	addSys(ws, 10, sysAt(10, 10, 999))
	_, known := RAwait.of(&ws[0], 1000)
	assert.False(t, known)
	v, known := RAwait.of(&ws[0], 999)
	assert.True(t, known)
	assert.Equal(t, 1.0, v)
	for _, r := range append(append(append([]Reading{RAwait, FetchP95}, OperatorReadings...), DeviceReadings...), KVReadings...) {
		_, known := r.of(&ws[1], 0)
		assert.False(t, known, "%s of a window without samples", r.Name)
	}
}

// A request belongs to the window in which its first token came; one of the warm-up too.
func TestWindowOfARequest(t *testing.T) {
	c := &Cell{Windows: newWindows(tenSeconds(), 30)}
	for _, r := range []record.Request{
		{RC: record.RCOK, IntendedTS: 95, TTFTms: ptr(7000.0), Phase: record.PhaseWarmup}, // at 2 s
		{RC: record.RCOK, IntendedTS: 108, TTFTms: ptr(1000.0)},                           // at 9 s
		{RC: record.RCOK, IntendedTS: 108, TTFTms: ptr(3000.0)},                           // at 11 s
		{RC: record.RCOK, IntendedTS: 129, TTFTms: ptr(3000.0)},                           // beyond
		{RC: record.RCTimeout, IntendedTS: 101, E2Ems: ptr(24000.0), Censored: true},      // gave up at 25 s
		{RC: record.RCServer, IntendedTS: 108, TTFTms: ptr(1000.0)},                       // failed: says nothing
	} {
		c.window(&r, 100)
	}
	assert.Equal(t, []float64{7000, 1000}, c.Windows[0].TTFT)
	assert.Equal(t, []float64{3000}, c.Windows[1].TTFT)
	assert.Empty(t, c.Windows[2].TTFT)
	assert.Equal(t, 1, c.Windows[2].Censored)
}
