package evidence

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
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

// A cell that breaks what reads it is an error like any other fault of a cell: it must not end what else is under way.
func TestPanicOfACellIsItsError(t *testing.T) {
	const broken = "ctx=256/conc=4/rep=1"
	_, err := load("../../fixtures/runs/h2a", nil, func(run *record.Run, pc record.PlannedCell, w *config.Windows) (*Cell, error) {
		if pc.Key == broken {
			panic("broken")
		}
		return loadCell(run, pc, w)
	})
	require.ErrorContains(t, err, "cell "+broken+": panic: broken")
	require.ErrorContains(t, err, "cell_test.go", "where")
}
