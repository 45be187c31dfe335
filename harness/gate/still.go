package gate

import (
	"fmt"
	"sort"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

const (
	// A page stood still if in fewer than one of a million cells so many requests would have passed over tier 2 by chance.
	maxStillChance = 1e-6
	// leastStillReads is the share of the drive's rate at other times that it kept while the page told of no read. Where the tiers
	// above 2 came to hold all, the drive falls silent with the page.
	leastStillReads = 0.25
)

// stretch is a time of a measure phase in which the KV manager's page told of no read from tier 2, s from the phase's start.
type stretch struct {
	from, to float64
	inside   int     // requests sent in it whose first token came in it
	outside  int     // other requests, ...
	read     int     // ... and those of them in whose time the page told of a read
	chance   float64 // that none of those inside would have read, if all were alike; over all stretches of the cell
}

// standsStill says that the KV manager's page stopped to count in the middle of a cell: it told of reads from tier 2 and then of none
// while the drive went on as before, over so many requests that chance does not do it. Such a page is a copy of an earlier one,
// as a proxy or an exporter whose source hangs gives out, and what it did not count is missing in all that is said of tier 2.
func standsStill(c *evidence.Cell) string {
	if c.KV == nil || c.Sys.Measure.DeviceRead.Seconds == 0 {
		return ""
	}
	s := longestStill(c)
	if s == nil || s.chance >= maxStillChance {
		return ""
	}
	in, out := rateBeside(c, s)
	if out <= 0 || in < leastStillReads*out {
		return ""
	}
	return fmt.Sprintf("%s: from %.0f s to %.0f s of the measure phase the KV manager's page told of no read from tier 2 while %d requests were "+
		"answered and the drive read %.1f MB/s (at other times %.1f MB/s, and the page told of reads in the time of %d of %d requests): "+
		"it is a copy of an earlier page, or its source hung; see what serves -metrics", c.Key, s.from, s.to, s.inside, in/1e6, out/1e6, s.read, s.outside)
}

// longestStill is the stretch over which most requests were answered; nil where the page never told of a read.
func longestStill(c *evidence.Cell) *stretch {
	moved := []float64{0}
	end := 0.0
	for _, p := range c.KV.Tier2Reads {
		if p.V > 0 && p.T > 0 {
			moved = append(moved, p.T)
		}
		end = max(end, p.T)
	}
	if len(moved) == 1 {
		return nil
	}
	moved = append(moved, end)
	inside := make([]int, len(moved)) // by the move that ends the stretch
	read, all := 0, 0
	for i := range c.Requests {
		r := &c.Requests[i]
		if r.RC != record.RCOK || !r.HasTTFT || r.Censored {
			continue
		}
		all++
		// The page tells of a read no sooner than it ends, so that the one after the first token is this request's as well.
		next := sort.SearchFloat64s(moved, r.At)
		switch {
		case next == len(moved):
			all-- // the page was not read any more
		case next > 0 && r.At+r.TTFT/1000 < moved[next]:
			inside[next]++
		default:
			read++
		}
	}
	most := 1
	for i := range inside {
		if inside[i] > inside[most] {
			most = i
		}
	}
	s := &stretch{from: moved[most-1], to: moved[most], inside: inside[most], outside: all - inside[most], read: read}
	// Those in other stretches did not read either: Fisher's exact test on reading inside and outside, times the number of stretches.
	s.chance = stats.NoneDrawn(all, read, s.inside) * float64(len(moved)-1)
	return s
}

// rateBeside is what the drive read a second inside the stretch and outside, without what fio, the probe and the idle machine read.
func rateBeside(c *evidence.Cell, s *stretch) (in, out float64) {
	m := &c.Sys.Measure
	idle, _ := c.IdleBytes()
	others := (record.OrZero(m.FioReadBytes) + record.OrZero(c.ProbeBytes(m)) + record.OrZero(idle)) / m.DeviceRead.Seconds
	var n, k float64
	for _, b := range m.DeviceRead.Bins {
		if b.T > s.from+1 && b.T <= s.to {
			in, n = in+b.V, n+1
		} else if b.T <= s.from || b.T > s.to+1 {
			out, k = out+b.V, k+1
		}
	}
	return in/max(1, n) - others, out/max(1, k) - others
}
