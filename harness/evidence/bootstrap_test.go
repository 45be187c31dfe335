package evidence

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/stats"
)

// iowait under load is compared with that of the idle machine before it.
func TestIOWaitAboveIdle(t *testing.T) {
	around := func(n int, mean float64) stats.Rep {
		var out stats.Rep
		for i := range n {
			out = append(out, stats.Point{T: float64(i), V: mean + 0.2*float64(i%3-1)})
		}
		return out
	}
	ev := repetitions()
	for _, c := range ev.Cells {
		c.Sys.Measure.IOWaits, c.Sys.Baseline.IOWaits = around(300, 3.5), around(30, 0.5)
	}
	d, err := ev.IOWaitAboveIdle(ev.Groups()[0])
	require.NoError(t, err)
	assert.InDelta(t, 3, d.Value, 1e-9)
	lo, hi := d.Interval(0.95)
	assert.InDelta(t, 3, lo, 0.1)
	assert.InDelta(t, 3, hi, 0.1)
	assert.Less(t, lo, hi)

	for _, c := range ev.Cells {
		c.Sys.Baseline.IOWaits = nil
	}
	_, err = ev.IOWaitAboveIdle(ev.Groups()[0])
	require.Error(t, err, "without an idle machine there is nothing to compare with")
}
