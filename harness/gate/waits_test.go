package gate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// Waits that are not known are not waits of zero: a claim about them needs nearly all of them told.
func TestWaitsKnown(t *testing.T) {
	c := &evidence.Cell{}
	for range 2000 {
		c.Info.Load.Gaps.Add(50 * time.Millisecond)
	}
	c.Info.Load.Gaps.Add(8 * time.Second)
	c.Requests = []evidence.Request{
		{RC: record.RCOK, WaitMS: ptr(10.0)}, {RC: record.RCOK, WaitMS: ptr(49.0)}, {RC: record.RCOK, WaitMS: ptr(61.0)},
		{RC: record.RCOK}, {RC: record.RCTimeout, WaitMS: ptr(900.0)},
	}
	ev := &evidence.Evidence{Exp: goodEvidence().Exp, Cells: []*evidence.Cell{c}}
	g := gate.WaitsKnown(ev)
	assert.False(t, g.Passed)
	assert.Equal(t, gate.Invalid, g.OnFailure)
	assert.Contains(t, g.Detail, "perf_metrics_max_requests")
	assert.Contains(t, g.Detail, "75 % of the answers")

	c.Requests[3].WaitMS = ptr(0.0)
	g = gate.WaitsKnown(ev)
	assert.True(t, g.Passed, g.Detail)
}
