package diskrig

import "time"

// pacer has a worker spend the software time of each of its I/Os: what the thread's CPU time since the I/O before, which is
// what this program has spent on it, does not make up is waited for. A wait that ends late shortens the next.
type pacer struct {
	each time.Duration // software time of an I/O
	at   time.Duration // CPU time of the thread when the last wait ended
	owed time.Duration // still to be spent; negative: waits ended late by that much
}

// paced is what became of the software time of an I/O.
type paced struct{ measured, slept time.Duration }

// spin is how long before its end a wait stops to sleep: a thread wakes some 6 us late at best.
const spin = 15 * time.Microsecond

// mostLate is how much of a wait that ended late is made up for: some ticks of a scheduler.
const mostLate = 5 * time.Millisecond

// pause waits after an I/O. It does not wait for less than a microsecond.
func (p *pacer) pause() (out paced) {
	out.measured = cpu() - p.at
	p.owed += p.each - out.measured
	if p.owed >= time.Microsecond {
		began := time.Now()
		wait(p.owed)
		out.slept = time.Since(began)
		p.owed -= out.slept
	}
	// A worker that was kept from its CPU for long does not hurry through all that comes after.
	p.owed = max(p.owed, -mostLate)
	p.at = cpu()
	return out
}
