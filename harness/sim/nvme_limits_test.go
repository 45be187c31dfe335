package sim

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nvmeLimited is the default drive below limits.
func nvmeLimited(l NVMeLimits) NVMeParams {
	p := nvmeQuiet()
	p.Limits = l
	return p
}

// What comes slower than the limit takes as long as without one, what comes faster leaves at its rate, however many are in flight;
// the kernel's own times of a request begin when it has been let through.
func TestNVMeLimits(t *testing.T) {
	loader := nvmeReader(128*nvmeKiB, 1)
	loader.SoftwareNS, loader.Sync = 220_000, true
	free := SolveNVMe(nvmeQuiet(), []NVMeStream{loader}).Streams[0]
	require.InEpsilon(t, 3466, free.ReadIOPS, 0.02)

	slack := SolveNVMe(nvmeLimited(NVMeLimits{ReadIOPS: 3600}), []NVMeStream{loader}).Streams[0]
	assert.InEpsilon(t, free.ReadIOPS, slack.ReadIOPS, 1e-3, "it does not bind")
	assert.InEpsilon(t, free.ReadMeanNS, slack.ReadMeanNS, 1e-2)

	held := SolveNVMe(nvmeLimited(NVMeLimits{ReadIOPS: 1800}), []NVMeStream{loader})
	one := held.Streams[0]
	assert.InEpsilon(t, 1800, one.ReadIOPS, 1e-3)
	assert.InEpsilon(t, 1e9/1800-220_000, one.ReadMeanNS, 1e-2, "what the software leaves of its turn")
	assert.InEpsilon(t, free.ReadReqNS, one.ReadReqNS, 0.02, "r_await")
	assert.InEpsilon(t, free.ReadReqNS*1800/1e9, held.BusyShare, 0.03, "io_ticks")
	assert.InEpsilon(t, one.ReadMeanNS*1800/1e9, held.StalledShare, 0.02, "a task waits for its turn, too")

	for name, tc := range map[string]struct {
		limits NVMeLimits
		stream NVMeStream
		bytes  float64 // a second
	}{
		"reads a second":         {NVMeLimits{ReadIOPS: 1800}, nvmeReader(4*nvmeKiB, 64), 7_372_800},
		"bytes read a second":    {NVMeLimits{ReadBytesPerSec: 100e6}, nvmeReader(512*nvmeKiB, 16), 100e6},
		"what holds more":        {NVMeLimits{ReadIOPS: 100, ReadBytesPerSec: 100e6}, nvmeReader(512*nvmeKiB, 16), 52_428_800},
		"writes a second":        {NVMeLimits{WriteIOPS: 900}, NVMeStream{IOBytes: 16 * nvmeKiB, Depth: 8}, 14_745_600},
		"bytes written a second": {NVMeLimits{WriteBytesPerSec: 50e6}, NVMeStream{IOBytes: 128 * nvmeKiB, Depth: 8}, 50e6},
		"requests, not I/Os":     {NVMeLimits{ReadIOPS: 100}, nvmeReader(1024*nvmeKiB, 4), 52_428_800},
	} {
		got := SolveNVMe(nvmeLimited(tc.limits), []NVMeStream{tc.stream}).Streams[0]
		assert.InEpsilon(t, tc.bytes, got.BytesPerSec, 0.01, name)
	}
}

// Neither direction waits for the other's limit, and the operating system's own requests wait for none.
func TestNVMeLimitsAreOfADirection(t *testing.T) {
	reader, writer := nvmeReader(128*nvmeKiB, 1), NVMeStream{IOBytes: 128 * nvmeKiB, Depth: 32}
	both := SolveNVMe(nvmeLimited(NVMeLimits{WriteIOPS: 1000}), []NVMeStream{reader, writer})
	alone := SolveNVMe(nvmeQuiet(), []NVMeStream{reader})
	assert.InEpsilon(t, 1000, both.Streams[1].WriteIOPS, 0.01)
	assert.InEpsilon(t, alone.Streams[0].ReadMeanNS, both.Streams[0].ReadMeanNS, 0.1)
	assert.InEpsilon(t, alone.BackgroundWriteNS, both.BackgroundWriteNS, 0.2)

	p := nvmeLimited(NVMeLimits{ReadIOPS: -1})
	require.ErrorContains(t, p.Validate(), "Limits.ReadIOPS is -1, set zero or more")
}
