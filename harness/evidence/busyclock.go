package evidence

import "sparkharness/harness/record"

// A GPU that worked for less than half of a sample's interval may have been asked for its clock while it rested, and a mean
// over less than some seconds is that of one burst.
const (
	busyUtil    = 50.0 // percent of the interval
	leastBusyMS = 10e3
)

// busyClock is the mean SM clock over the samples in which the GPU was busy, weighted by their length.
type busyClock struct{ clock mean } // MHz

func (b *busyClock) add(s *record.SysSample) {
	g := s.GPU
	if g == nil || g.Util == nil || *g.Util < busyUtil || g.SMClockMHz == nil {
		return
	}
	b.clock.add(g.SMClockMHz, s.DtMS)
}

// value is nil where the GPU was not busy for long enough, or told no clock.
func (b *busyClock) value() *float64 {
	if b.clock.weight < leastBusyMS {
		return nil
	}
	return b.clock.Value()
}
