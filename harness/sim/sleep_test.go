package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sleeper is a drive that falls asleep after 100 ms and takes 8 ms to wake.
func sleeper(p NVMeParams) *NVMeDevice {
	d := NewNVMeDevice(p, 1)
	d.sleep = SleepSpec{Idle: 100 * time.Millisecond, Exit: 8 * time.Millisecond}
	return d
}

// The first read after a rest waits until the drive is awake, the next does not.
func TestASleepingDriveWakes(t *testing.T) {
	read := NVMeStream{ReadShare: 1, IOBytes: 128 << 10, Depth: 1}
	took := func(d *NVMeDevice, at int64) time.Duration {
		d.Start(at, read, 128<<10)
		_, ends := nvmeDrain(t, d)
		require.Len(t, ends, 1)
		return time.Duration(ends[0] - at)
	}
	awake := took(NewNVMeDevice(nvmeQuiet(), 1), 1e9)
	d := sleeper(nvmeQuiet())
	const exit = 8 * time.Millisecond
	assert.Equal(t, awake, took(d, 99e6), "not yet")
	assert.Equal(t, awake, took(d, 150e6))
	assert.Equal(t, awake+exit, took(d, 300e6))
	assert.Equal(t, awake, took(d, 320e6))
	c := d.Counters(500e6)
	assert.EqualValues(t, 4, c.ReadsCompleted)
	assert.InDelta(t, 8, c.MSReading, 1, "the wait is the request's")
	assert.InDelta(t, 8, c.MSDoingIO, 4.1)
	// What comes while it wakes waits for the rest of it.
	d.Start(1000e6, read, 128<<10)
	d.Start(1005e6, read, 128<<10)
	_, ends := nvmeDrain(t, d)
	require.Len(t, ends, 2)
	assert.Greater(t, ends[0], int64(1008e6))
	assert.Less(t, ends[1], int64(1009e6))
}

// Of a drive that only the operating system uses a read takes milliseconds, and beside a stream what it takes there; without
// the mechanism it is the other way round.
func TestReadsOfAnIdleDriveAreSlow(t *testing.T) {
	await := func(d *NVMeDevice, busy bool) float64 {
		const span = 2000 * nvmeSecond
		if busy {
			d.Start(0, NVMeStream{ReadShare: 0, IOBytes: 128 << 10, Depth: 1}, -1)
		}
		c := d.Counters(span)
		return float64(c.MSReading) / float64(c.ReadsCompleted)
	}
	p := DefaultNVMeParams()
	idle, busy := await(sleeper(p), false), await(sleeper(p), true)
	t.Logf("r_await idle %.2f ms, busy %.2f ms", idle, busy)
	assert.InDelta(t, 2.4, idle, 0.4, "after three of ten gaps of a mean of 83 ms it sleeps: exp(-100/83) x 8 ms")
	assert.Less(t, busy, 0.3)
	assert.Less(t, await(NewNVMeDevice(p, 1), false), await(NewNVMeDevice(p, 1), true))
}

// Bytes and requests are those of a drive that never sleeps.
func TestSleepTakesNothingAway(t *testing.T) {
	p := DefaultNVMeParams()
	a, b := sleeper(p).Counters(1000*nvmeSecond), NewNVMeDevice(p, 1).Counters(1000*nvmeSecond)
	assert.Equal(t, b.ReadsCompleted, a.ReadsCompleted)
	assert.Equal(t, b.SectorsWritten, a.SectorsWritten)
	assert.Greater(t, a.MSReading, b.MSReading)
}
