package sim

import "time"

// BurstSpec is what the server moves at once, beside its KV (mechanism Bursts): ReadBytes and then WriteBytes, first when it
// has run for Every, and then each Every. A burst that is not over when the next is due takes its place.
type BurstSpec struct {
	ReadBytes, WriteBytes int64
	Every                 time.Duration
}

// armBursts lets the time until the first burst run from a start of the server.
func (e *engine) armBursts(started int64) {
	e.burstNS = Never
	if every := int64(e.mech.Bursts.Every); every > 0 {
		e.burstNS = nvmeRoundUp(float64(started + every))
	}
}

// burst begins a burst that is due. It moves in the swapper's pieces and with as many in flight, by a ring of completions:
// no task sleeps on it.
func (e *engine) burst(now int64) {
	if e.burstNS > now {
		return
	}
	for e.burstNS <= now {
		e.burstNS = nvmeRoundUp(float64(e.burstNS + int64(e.mech.Bursts.Every)))
	}
	if len(e.mover.lanes[laneBurst].queue) > 0 {
		return
	}
	if b := e.mech.Bursts.ReadBytes; b > 0 {
		e.mover.enqueue(laneBurst, job{kind: jobBurstRead, bytes: b}, now)
	}
	if b := e.mech.Bursts.WriteBytes; b > 0 {
		e.mover.enqueue(laneBurst, job{kind: jobBurstWrite, bytes: b}, now)
	}
}
