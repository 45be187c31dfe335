package evidence

import (
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// Traffic is what was moved in one direction in a phase. The zero value is of a phase of which nothing is told; it is not
// of one in which nothing was moved.
type Traffic struct {
	Bytes   float64
	Seconds float64 // that samples cover, and that Bytes are of
	// Bins are the rates in bytes/s, in bins of whole samples that follow each other and cover a second: T is a bin's end
	// from the phase's start. What is left at the end of the phase, or before a sample that is missing, and covers no second
	// is in no bin.
	Bins stats.Rep

	bin, recent []piece // pieces of the bin that is open, and of the last second
	burst       *Burst
}

// piece is what one sample has counted.
type piece struct{ bytes, seconds float64 }

// Burst is what was moved in the second in which most was: Bytes in so many Seconds, which end at At (s from the phase's
// start). Seconds is the length of whole samples, not exactly one:
//
//   - At a cadence of up to a second it is one to less than two, 1.0 at 200 ms. Any stretch of samples counts, wherever it
//     begins, so that a burst does not hide by lying across a bin's edge; but a second that begins inside a sample may have
//     seen more, at most Bytes of this stretch and one sample more.
//   - At a longer cadence it is the sample's own length, and inside that nothing is known: any one second has seen between
//     Bytes/Seconds and Bytes.
//   - It is less than one where the samples of a phase cover no whole second.
//
// So bursts are compared between phases that were sampled alike.
type Burst struct{ Bytes, Seconds, At float64 }

// PerSecond is the least that the second can have seen, in bytes/s.
func (b Burst) PerSecond() float64 { return b.Bytes / max(1, b.Seconds) }

// AtMost is the most that one second inside the burst can have seen, in bytes/s.
func (b Burst) AtMost() float64 { return b.Bytes }

// PerSecond is the mean rate in bytes/s; nil if no sample covers the phase.
func (t *Traffic) PerSecond() *float64 { return record.Over(&t.Bytes, t.Seconds) }

// Burst is the second in which most was moved; nil if no sample covers the phase.
func (t *Traffic) Burst() *Burst { return t.burst }

// add takes what a sample has counted over its seconds, which end at (s from the phase's start).
func (t *Traffic) add(at, bytes, seconds float64) {
	const whole = 1 - 1e-6
	t.Bytes += bytes
	t.Seconds += seconds
	p := piece{bytes, seconds}
	t.bin = append(t.bin, p)
	if sum := total(t.bin); sum.seconds >= whole {
		t.Bins = append(t.Bins, stats.Point{T: at, V: sum.bytes / sum.seconds})
		t.bin = t.bin[:0]
	}
	t.recent = append(t.recent, p)
	for total(t.recent[1:]).seconds >= whole {
		t.recent = t.recent[1:]
	}
	sum := total(t.recent)
	b := &Burst{Bytes: sum.bytes, Seconds: sum.seconds, At: at}
	switch {
	case t.burst == nil, t.burst.Seconds < whole && b.Seconds >= whole, b.PerSecond() > t.burst.PerSecond():
		t.burst = b
	}
}

// gap says that what comes next does not follow what came last.
func (t *Traffic) gap() { t.bin, t.recent = t.bin[:0], nil }

func total(pieces []piece) (sum piece) {
	for _, p := range pieces {
		sum.bytes += p.bytes
		sum.seconds += p.seconds
	}
	return sum
}

// addTraffic adds what another phase has moved; bins and bursts are left alone.
func (t *Traffic) addTraffic(o *Traffic) {
	t.Bytes += o.Bytes
	t.Seconds += o.Seconds
}
