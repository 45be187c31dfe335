package sim

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const carryDecay = 1000 * time.Second

func carried(writesBefore float64) *NVMeDevice {
	d := NewNVMeDevice(nvmeQuiet(), 1)
	d.carry(CarryOverSpec{Latency: 3, Decay: carryDecay, WritesInFlight: 32}, writesBefore)
	return d
}

// After many writes a drive begins three times as slow and recovers with the time constant, to what it is without them.
func TestCarryOver(t *testing.T) {
	read := NVMeStream{ReadShare: 1, IOBytes: 128 << 10, Depth: 1}
	took := func(d *NVMeDevice, at time.Duration) float64 {
		d.Start(int64(at), read, 128<<20)
		var ends []int64
		for len(ends) == 0 {
			next, ok := d.Next()
			require.True(t, ok)
			if d.changes() < next { // as the engine does
				next = d.changes()
			}
			for range d.Advance(next) {
				ends = append(ends, next)
			}
		}
		return float64(ends[0]) - float64(at)
	}
	fresh := took(carried(31.9), 0)
	assert.Equal(t, took(NewNVMeDevice(nvmeQuiet(), 1), 0), fresh, "too few writes")
	for _, at := range []time.Duration{0, carryDecay / 2, carryDecay, 3 * carryDecay} {
		times := 1 + 2*math.Exp(-at.Seconds()/carryDecay.Seconds())
		d := carried(32)
		c := d.Counters(int64(at))
		assert.InEpsilon(t, times*fresh, took(d, at), 0.02, "after %v", at)
		now := d.Counters(d.asked)
		await := float64(now.MSReading-c.MSReading) / float64(now.ReadsCompleted-c.ReadsCompleted)
		assert.InEpsilon(t, times*68.5e-3, await, 0.03, "r_await, ms")
	}
	d := carried(32)
	assert.Equal(t, fresh, took(d, 20*carryDecay))
	assert.EqualValues(t, nvmeNever, d.changes(), "it is over")
}

// Host software between two I/Os does not get slower, and bandwidth that is the drive's does.
func TestCarryOverSlowsTheDriveOnly(t *testing.T) {
	rate := func(d *NVMeDevice, s NVMeStream) float64 {
		d.Start(0, s, -1)
		return d.bytesPerSec()
	}
	loader := NVMeStream{ReadShare: 1, IOBytes: 128 << 10, Depth: 1, SoftwareNS: 220_000}
	assert.InEpsilon(t, 128<<10/(220e-6+3*68.5e-6), rate(carried(100), loader), 0.02)
	heavy := NVMeStream{ReadShare: 0.7, IOBytes: 16 << 10, Depth: 128}
	assert.InEpsilon(t, rate(carried(0), heavy)/3, rate(carried(100), heavy), 1e-9)
}
