package evidence

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// A request waited for admission if the server says that it waited longer than iterations take; one slow
// token does not hide the waits, and waits that are not known are not waits of zero.
func TestWaits(t *testing.T) {
	c := &Cell{}
	for range 2000 {
		c.Info.Load.Gaps.Add(50 * time.Millisecond)
	}
	c.Info.Load.Gaps.Add(8 * time.Second)
	c.Requests = []Request{
		{RC: record.RCOK, WaitMS: ptr(10.0)}, {RC: record.RCOK, WaitMS: ptr(49.0)}, {RC: record.RCOK, WaitMS: ptr(61.0)},
		{RC: record.RCOK}, {RC: record.RCTimeout, WaitMS: ptr(900.0)},
	}
	points, answered := c.Waits()
	assert.Equal(t, 4, answered)
	require.Len(t, points, 3)
	assert.Equal(t, []float64{0, 0, 1}, []float64{points[0].V, points[1].V, points[2].V})
}

// Where chunks hold several tokens the gaps between them stand for iterations, alone or beside those of tokens.
func TestWaitsByChunks(t *testing.T) {
	c := &Cell{Requests: []Request{{RC: record.RCOK, WaitMS: ptr(61.0)}, {RC: record.RCOK, WaitMS: ptr(205.0)}}}
	c.Info.Load.ChunkGaps = new(record.GapHist)
	for range 2000 {
		c.Info.Load.ChunkGaps.Add(200 * time.Millisecond)
	}
	for range 2 {
		points, answered := c.Waits()
		assert.Equal(t, 2, answered)
		require.Len(t, points, 2)
		assert.Equal(t, []float64{0, 1}, []float64{points[0].V, points[1].V})
		c.Info.Load.Gaps.Add(50 * time.Millisecond)
	}
	assert.EqualValues(t, 2000, c.Info.Load.ChunkGaps.Count(), "the cell's own stay as they are")
}
