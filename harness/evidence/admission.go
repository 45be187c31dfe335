package evidence

import (
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// Waits says of each answered request of the cell whether it waited for admission (V is 1 or 0): the
// engine did not take it up at its next iteration, because its wait, as the server reports it, is longer
// than all but one in a thousand of the gaps between tokens. A gap is as long as an iteration, and one
// between chunks of several tokens at least as long; the longest of all would let one hiccup of the server
// hide every wait. answered counts those whose wait
// should be known.
func (c *Cell) Waits() (points stats.Rep, answered int) {
	gaps := &c.Info.Load.Gaps
	if more := c.Info.Load.ChunkGaps; more != nil {
		gaps = new(record.GapHist)
		gaps.Merge(&c.Info.Load.Gaps)
		gaps.Merge(more)
	}
	gap, ok := gaps.Quantile(0.999)
	if !ok {
		return nil, 0
	}
	longest := gap.Seconds() * 1e3
	for i := range c.Requests {
		r := &c.Requests[i]
		if r.RC != record.RCOK {
			continue
		}
		answered++
		if r.WaitMS == nil {
			continue
		}
		p := stats.Point{T: r.At}
		if *r.WaitMS > longest {
			p.V = 1
		}
		points = append(points, p)
	}
	return points, answered
}
