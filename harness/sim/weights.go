package sim

import "math"

// weightsComing is the end of an iteration that waits for weights: not known before they are there.
const weightsComing = math.MaxInt64

// pageWeights makes an iteration read the weights that memory does not hold, and then compute. They
// are mapped from their file, so they come as page faults bring them: a readahead window at a time (fileRead).
func (e *engine) pageWeights(now, held int64) {
	e.stepEndNS = weightsComing
	e.paged = pagedStep{started: now, held: held}
	e.mover.enqueue(laneWeights, job{kind: jobWeights, bytes: e.mech.PagedWeightsBytes}, now)
}

// pagedStep is the iteration that waits for weights.
type pagedStep struct{ started, held int64 }

// weightsRead lets the iteration compute.
func (e *engine) weightsRead(now int64) { e.beginStep(now, e.paged.started, e.paged.held) }
