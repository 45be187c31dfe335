package sim

// spill writes the KV of a sequence that ends to the NVMe (mechanism WriteOnlySpill), from where nothing reads it back: an
// engine that saves KV for a reuse that never comes. The bytes are those of the tokens whose KV exists, which is all but
// the token that was emitted last.
//
// With RequestLogBytes it appends so many bytes for each sequence that ends, as a server that logs its requests does.
//
// The write goes through a staging buffer outside the pool, whose copy takes no time here, in the swapper's pieces and
// with as many in flight, by a ring of completions: no task sleeps on it.
func (e *engine) spill(s *sequence, now int64) {
	bytes := e.mech.RequestLogBytes
	if e.mech.WriteOnlySpill && s.swapped == 0 {
		bytes += int64(s.computed+max(0, s.emitted-1)) * e.spec.KVBytesPerToken()
	}
	if bytes == 0 {
		return
	}
	e.mover.enqueue(laneSpill, job{kind: jobSpill, bytes: bytes}, now)
}
