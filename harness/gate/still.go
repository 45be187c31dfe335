package gate

import (
	"fmt"

	"sparkharness/harness/evidence"
)

const (
	// A page stopped to count if it told of less than leastTold of what the drive read for tier 2 from some time on, ...
	leastTold = 0.25
	// ... and that was at least leastStillReads of what the page told of before, so that the tier did not fall silent.
	leastStillReads = 0.25
	// Before, tier 2 made at least so much of what the drive read: else what others read hides it.
	leastShareOfDrive = 0.5
	// The time in which it is looked for: a share of the phase, and many times as long as the page was ever silent before, because bytes
	// are counted when their fetch has ended.
	leastStillShare, leastStillGaps = 0.15, 4
	// leastStillMoves is how often the page told of reads before.
	leastStillMoves = 10
)

// stretch is the end of a measure phase, from some time on, s from the phase's start. Rates are bytes a second.
type stretch struct {
	from, to     float64
	told, drive  float64 // rates in it
	toldBefore   float64
	driveBefore  float64
	gap          float64 // the longest time before in which the page told of no read
	movesBefore  int
	others, tier float64 // rates of the drive: what others read before, and what is left for tier 2 in it
}

// standsStill says that the KV manager's page stopped to count in the middle of a cell, or all but: from some time on it told of less than a
// quarter of what the drive read for tier 2, which is what the drive reads without what others read before, and told of all before. Such
// a page is a copy of an earlier one, as a proxy or an exporter whose source hangs gives out. A page that falls behind and catches up is none.
// Nothing is said where fio runs, whose rate hides a tier's, nor where others read more than the tier.
func standsStill(c *evidence.Cell) string {
	if c.KV == nil || c.Sys.Measure.DeviceRead.Seconds == 0 || c.Info.Fio != nil && len(c.Info.Fio.Jobs) > 0 {
		return ""
	}
	points := c.KV.Tier2Reads
	if len(points) == 0 {
		return ""
	}
	const steps = 50
	end := points[len(points)-1].T
	var most *stretch
	for i := 1; i < steps; i++ {
		s := stretchFrom(c, end*float64(i)/steps, end)
		if s.still() && (most == nil || s.told/s.tier < most.told/most.tier) {
			most = &s
		}
	}
	if most == nil {
		return ""
	}
	return fmt.Sprintf("%s: from %.0f s of the measure phase on, for %.0f s, the KV manager's page told of %.2f MB/s from tier 2 while the drive read %.1f MB/s "+
		"for it (before, it told of %.1f MB/s): it is a copy of an earlier page, or its source hangs; see what serves it",
		c.Key, most.from, most.to-most.from, most.told/1e6, most.tier/1e6, most.toldBefore/1e6)
}

// still says that the page stopped to count with the stretch's begin.
func (s *stretch) still() bool {
	return s.movesBefore >= leastStillMoves && s.toldBefore >= leastShareOfDrive*s.driveBefore &&
		s.to-s.from >= leastStillShare*s.to && s.to-s.from >= leastStillGaps*s.gap &&
		s.tier >= leastStillReads*s.toldBefore && s.told < leastTold*s.tier
}

// stretchFrom sums what the page told of and what the drive read, before a time and from then on to the last line of the page.
func stretchFrom(c *evidence.Cell, from, to float64) stretch {
	s := stretch{from: from, to: to}
	last, moved := 0.0, 0.0
	for _, p := range c.KV.Tier2Reads {
		bytes := p.V * max(0, p.T-last)
		last = p.T
		switch {
		case p.T > from:
			s.told += bytes
		case p.V > 0:
			s.toldBefore += bytes
			s.gap = max(s.gap, p.T-moved)
			moved, s.movesBefore = p.T, s.movesBefore+1
		}
	}
	last = 0
	for _, b := range c.Sys.Measure.DeviceRead.Bins {
		bytes := b.V * max(0, b.T-last)
		last = b.T
		switch {
		case b.T > to:
		case b.T > from:
			s.drive += bytes
		default:
			s.driveBefore += bytes
		}
	}
	s.toldBefore, s.driveBefore = s.toldBefore/from, s.driveBefore/from
	s.told, s.drive = s.told/(to-from), s.drive/(to-from)
	s.others = max(0, s.driveBefore-s.toldBefore)
	s.tier = s.drive - s.others
	return s
}
