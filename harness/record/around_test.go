package record

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What worsened is told, what did not is not, and what cannot be known is not taken for good.
func TestAround(t *testing.T) {
	k := func(lines, xid int) *KernelLog { return &KernelLog{Lines: lines, Xid: xid, IOErrors: 3} }
	a := Around{Before: Health{Kernel: k(10, 1)}, After: Health{Kernel: k(12, 3)}}
	lines, known := a.Complaints()
	assert.True(t, known)
	assert.Equal(t, []string{"2 lines of the kernel's log: Xid, a fault of the GPU"}, lines)
	for _, logs := range [][2]*KernelLog{{nil, k(1, 0)}, {k(1, 0), nil}, {k(12, 0), k(10, 3)}} {
		lines, known = (&Around{Before: Health{Kernel: logs[0]}, After: Health{Kernel: logs[1]}}).Complaints()
		assert.False(t, known)
		assert.Empty(t, lines)
	}
	a = Around{Before: Health{Kernel: k(10, 1)}, After: Health{Kernel: k(10, 1)}}
	lines, known = a.Complaints()
	assert.True(t, known)
	assert.Empty(t, lines)

	// A saturated ring: as many old complaints fell out as new ones came.
	full := func(lines, xid int) *KernelLog {
		return &KernelLog{Lines: lines, Wrapped: true, NVErrMemory: 1500, Xid: xid}
	}
	a = Around{Before: Health{Kernel: full(2000, 1)}, After: Health{Kernel: full(2001, 1)}}
	lines, known = a.Complaints()
	assert.False(t, known)
	assert.Empty(t, lines)
	a.After.Kernel = full(2001, 2)
	lines, known = a.Complaints()
	assert.False(t, known, "there may be more")
	assert.Equal(t, []string{"1 lines of the kernel's log: Xid, a fault of the GPU"}, lines)
	a.After.Kernel = full(1900, 1)
	a.After.Kernel.Since = &KernelLog{Lines: 310, NVErrMemory: 300}
	lines, known = a.Complaints()
	assert.True(t, known, "all that is newer was seen")
	assert.Equal(t, []string{"300 lines of the kernel's log: NV_ERR_NO_MEMORY of the GPU's driver"}, lines)
	a.After.Kernel.Since = &KernelLog{}
	lines, known = a.Complaints()
	assert.True(t, known)
	assert.Empty(t, lines)

	drives := func(d ...DriveHealth) Health { return Health{Drives: d} }
	quiet := DriveHealth{Device: "nvme0n1", CriticalWarning: new(0.0), MediaErrors: new(2.0), ErrorLogEntries: new(5.0), Throttled1: new(1.0), WarningMinutes: new(3.0)}
	bad := quiet
	bad.Device, bad.CriticalWarning, bad.MediaErrors, bad.ErrorLogEntries = "nvme1n1", new(4.0), new(3.0), new(9.0)
	bad.Throttled1, bad.WarningMinutes = new(2.0), new(4.0)
	before := quiet
	before.Device = "nvme1n1"
	a = Around{Before: drives(quiet, before), After: drives(quiet, bad)}
	worn, known := a.Worn()
	assert.True(t, known)
	assert.Equal(t, []string{"nvme1n1: critical warning 0x04 of its SMART log", "nvme1n1: 1 media errors more"}, worn)
	hot, known := a.Throttled()
	assert.True(t, known)
	assert.Equal(t, []string{"nvme1n1: 1 changes into lighter throttling", "nvme1n1: 1 min above its warning temperature"}, hot)
	a = Around{Before: drives(quiet), After: drives(DriveHealth{Device: "nvme0n1"})}
	_, known = a.Worn()
	assert.False(t, known)
	_, known = a.Throttled()
	assert.False(t, known)
}
