package evidence

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/record"
)

// Throughput is what was answered in full: a request that ended otherwise was served, and completed nothing.
func TestThroughputCountsWholeAnswers(t *testing.T) {
	c := &Cell{}
	c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd = ptr(100.0), ptr(120.0)
	for _, rc := range []string{record.RCOK, record.RCOK, record.RCOK, record.RCTimeout, record.RCRejected, record.RCHTTP, record.RCRefused,
		record.RCCut, record.RCServer, record.RCMalformed, record.RCShort, record.RCCancelled} {
		c.Requests = append(c.Requests, Request{RC: rc})
	}
	assert.InDelta(t, 3.0/20, c.RPS(), 1e-12)
}
