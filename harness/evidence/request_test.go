package evidence

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// requestsOf reads requests back from the lines of a file, which are written in the given order.
func requestsOf(t *testing.T, lines ...record.Request) *Cell {
	t.Helper()
	folder := t.TempDir()
	w, err := record.Create(filepath.Join(folder, record.FileMetrics), 0)
	require.NoError(t, err)
	for i := range lines {
		lines[i].RC, lines[i].RunID = record.RCOK, "r"
		require.NoError(t, w.Write(&lines[i]))
	}
	require.NoError(t, w.Close())
	c := &Cell{}
	c.Info.Load.MeasureStart = ptr(100.0)
	require.NoError(t, c.loadRequests(folder, "r"))
	return c
}

// Lines stand in the order in which requests ended; the first touch of an adapter is the request of the measure phase
// that was to be sent first, and those of one instant are ordered by user and number.
func TestFirstTouch(t *testing.T) {
	line := func(phase string, ts float64, user, seq int, adapter string) record.Request {
		r := record.Request{Phase: phase, IntendedTS: ts, User: user, Seq: seq, TTFTms: ptr(float64(100*user + seq))}
		if adapter != "" {
			r.Adapter = &adapter
		}
		return r
	}
	c := requestsOf(t,
		line(record.PhaseWarmup, 99, 1, 0, "a"), // a touch of the warm-up counts nowhere
		line(record.PhaseMeasure, 103, 2, 1, "a"),
		line(record.PhaseMeasure, 101, 3, 0, "b"),
		line(record.PhaseMeasure, 102, 1, 1, "a"),
		line(record.PhaseMeasure, 101, 2, 0, "b"),
		line(record.PhaseMeasure, 101, 1, 3, "b"),
		line(record.PhaseMeasure, 101, 1, 2, ""), // the base model
	)
	var order, first []float64
	for _, q := range c.Requests {
		order = append(order, q.TTFT)
		if q.FirstTouch {
			first = append(first, q.TTFT)
		}
	}
	assert.Equal(t, []float64{102, 103, 200, 300, 101, 201}, order)
	assert.Equal(t, []float64{103, 101}, first, "of b and of a")
	g := &Group{Cells: []*Cell{c}}
	assert.Len(t, g.FirstTouches()[0], 2)
	assert.Len(t, g.LaterTouches()[0], 4)
}

// What the server tells of a request in a file of its own is joined by the id that was sent with it, unless the
// request's own line tells it.
func TestWaitsAreJoined(t *testing.T) {
	folder := t.TempDir()
	perf := `{"request_id":"u1-q0","wait_ms":5}` + "\n" + `{"request_id":"u2-q0","wait_ms":6}` + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, record.FilePerf), []byte(perf), 0o644))
	w, err := record.Create(filepath.Join(folder, record.FileMetrics), 0)
	require.NoError(t, err)
	for _, r := range []record.Request{
		{RunID: "r", RC: record.RCOK, Phase: record.PhaseMeasure, User: 1},
		{RunID: "r", RC: record.RCOK, Phase: record.PhaseMeasure, User: 2, ServerWaitMS: ptr(7.0)},
		{RunID: "r", RC: record.RCOK, Phase: record.PhaseMeasure, User: 3},
	} {
		require.NoError(t, w.Write(&r))
	}
	require.NoError(t, w.Close())
	c := &Cell{}
	require.NoError(t, c.loadRequests(folder, "r"))
	require.Len(t, c.Requests, 3)
	assert.Equal(t, []*float64{ptr(5.0), ptr(7.0), nil}, []*float64{c.Requests[0].WaitMS, c.Requests[1].WaitMS, c.Requests[2].WaitMS})
}
