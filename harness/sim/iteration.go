package sim

import "slices"

// planned is a prompt chunk of the iteration under way.
type planned struct {
	seq    *sequence
	tokens int
}

// startStep forms a batch and starts an iteration, if there is anything to do.
func (e *engine) startStep(now int64) {
	budget := e.spec.MaxNumTokens - len(e.running)
	if e.mech.UnlimitedCompute {
		budget = 1 << 40
	}
	e.chunks, e.decoding = e.chunks[:0], append(e.decoding[:0], e.running...)
	var work []chunk
	for _, s := range e.prefill {
		if budget <= 0 {
			break
		}
		n := min(budget, s.promptTokens-s.computed)
		budget -= n
		if s.scheduledNS < 0 {
			s.scheduledNS = now
		}
		work = append(work, chunk{start: s.computed, tokens: n})
		e.chunks = append(e.chunks, planned{seq: s, tokens: n})
	}
	if len(work) == 0 && len(e.decoding) == 0 {
		return
	}
	var context int64
	for _, s := range e.decoding {
		context += int64(s.context())
	}
	ns := e.spec.Model.DecodeBaseNS
	if !e.mech.UnlimitedCompute {
		slowdown := e.host.p.memorySlowdown(e.storage.Counters(now).BytesPerSec)
		ns = e.spec.Model.stepNS(work, len(e.decoding), context, e.spec.KVBytesPerToken(), slowdown)
	}
	step := max(1, int64(ns/1000+0.5)) * 1000 // on the microsecond grid
	held := e.heldNS(now)
	if e.mech.PagedWeightsBytes > 0 {
		e.pageWeights(now, held, step)
		return
	}
	e.stepEndNS = now + held + step
	e.stats.LastIterNS = held + step
	e.host.step(now+held, step)
}

// finishStep emits the tokens of the iteration that ended at now.
func (e *engine) finishStep(now int64) {
	e.stats.Iterations++
	e.stats.BusyNS += e.stats.LastIterNS
	e.stepEndNS = -1
	for _, p := range e.chunks {
		p.seq.computed += p.tokens
		if p.seq.computed < p.seq.promptTokens {
			continue
		}
		e.prefill = slices.DeleteFunc(e.prefill, func(s *sequence) bool { return s == p.seq })
		p.seq.firstNS = now
		if write := e.kv.computed(p.seq, now); len(write) > 0 {
			e.mover.writeToDisk(write, now)
		}
		e.running = append(e.running, p.seq)
		e.decoding = append(e.decoding, p.seq)
	}
	for _, s := range e.decoding {
		e.emit(s, now)
	}
	e.running = slices.DeleteFunc(e.running, func(s *sequence) bool { return s.emitted >= s.maxTokens })
}

// emit delivers one token and, after the last, the sums of the request. The channel holds all events of
// a request, so the engine never waits for a client.
func (e *engine) emit(s *sequence, now int64) {
	s.emitted++
	e.stats.OutputTokens++
	s.events <- Event{Kind: EventToken}
	if s.emitted < s.maxTokens {
		return
	}
	cached := s.match.blocks() * e.spec.BlockTokens
	e.stats.Completed++
	e.stats.PromptTokens += int64(s.promptTokens)
	e.stats.CachedTokens += int64(cached)
	if len(e.perf) < perfRecords {
		e.perf = append(e.perf, PerfRecord{
			ID: s.id, Arrival: sec(s.arrivedNS), Scheduled: sec(s.scheduledNS), FirstToken: sec(s.firstNS), LastTok: sec(now),
			Reused: s.match.blocks(), Missed: e.kv.blocksFor(s.promptTokens) - s.match.blocks(),
		})
	}
	s.events <- Event{
		Kind: EventDone, CachedTokens: cached,
		WaitNS: s.scheduledNS - s.arrivedNS, PrefillNS: s.firstNS - s.scheduledNS,
		FirstNS: s.firstNS - s.arrivedNS, TotalNS: now - s.arrivedNS,
	}
	e.kv.finish(s)
	e.lora.release(s)
}
