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
	var work batch
	for _, s := range e.prefill {
		n := s.promptTokens - s.computed
		if budget <= 0 || e.spec.WholePrompts && len(work.prompt) > 0 && n > budget {
			break
		}
		if !e.spec.WholePrompts {
			n = min(budget, n)
		}
		budget -= n
		if s.scheduledNS < 0 {
			s.scheduledNS = now
			work.requests++
		}
		work.prompt = append(work.prompt, chunk{start: s.computed, tokens: n})
		e.chunks = append(e.chunks, planned{seq: s, tokens: n})
	}
	if len(work.prompt) == 0 && len(e.decoding) == 0 {
		return
	}
	work.decoding = len(e.decoding)
	for _, s := range e.decoding {
		work.tokens += int64(s.context())
		work.windowed += int64(min(s.context(), e.spec.Model.WindowTokens))
	}
	e.step = step{weights: e.spec.Model.DecodeBaseNS}
	if !e.mech.UnlimitedCompute {
		full, windowed := e.spec.kvByLayers()
		e.step = e.spec.Model.stepOf(work, full, windowed)
		e.step.weights = max(e.step.weights, e.spec.Model.leastNS(work, full, windowed, e.host.p.DRAMBytesPerSec))
		e.step = e.step.in(e.pageFactor)
	}
	held := e.heldNS(now)
	if e.mech.PagedWeightsBytes > 0 {
		e.pageWeights(now, held)
		return
	}
	from := e.due(now)
	e.beginStep(from, from, held)
}

// timerLateNS is how late timers are without anything being wrong: the runtime waits in whole milliseconds (netpoll_epoll.go).
const timerLateNS = 2_000_000

// due is when an iteration begins that is planned now: in real time as soon as the one before it ended, which a timer tells
// late. Else each iteration would be longer by that. What is later than a timer is a machine that has no time for this.
func (e *engine) due(now int64) int64 {
	if e.virtual || e.endedNS < 0 || now-e.endedNS > timerLateNS {
		return now
	}
	return e.endedNS
}

// beginStep lets the GPU work on the iteration, which was planned before, when it is held no longer.
func (e *engine) beginStep(now, planned, held int64) {
	from := now + held
	e.step.begin(from, e.memorySlowdown(now), e.thermal.pace(from))
	e.stepEndNS = e.step.endNS()
	e.stats.LastIterNS = e.stepEndNS - planned
	e.host.step(from, e.stepEndNS-from)
}

// memorySlowdown is what the GPU feels of all that devices and copies move now. A world of unlimited compute has no
// memory that could be slow.
func (e *engine) memorySlowdown(now int64) float64 {
	if e.mech.UnlimitedCompute {
		return 1
	}
	return e.host.p.memorySlowdown(e.storage.Counters(now).BytesPerSec + e.mover.copies.traffic())
}

// restep moves the end of the iteration under way when what shares the memory with it has changed.
func (e *engine) restep(now int64) {
	if e.stepEndNS < 0 || e.stepEndNS == weightsComing {
		return
	}
	slowdown := e.memorySlowdown(now)
	if slowdown == e.step.slowdown {
		return
	}
	e.step.until(now)
	e.step.slowdown = slowdown
	end := max(e.step.endNS(), nvmeRoundUp(float64(now)))
	e.stats.LastIterNS += end - e.stepEndNS
	e.host.restep(e.stepEndNS, end)
	e.stepEndNS = end
}

// finishStep emits the tokens of the iteration that ended at now.
func (e *engine) finishStep(now int64) {
	e.stats.Iterations++
	e.stats.BusyNS += e.stats.LastIterNS
	e.stepEndNS, e.endedNS = -1, now
	e.thermal.until(now, true)
	for _, p := range e.chunks {
		p.seq.computed += p.tokens
		e.offloadChunks(p.seq, now)
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
	s.events <- Event{Kind: EventToken, Choice: s.choice}
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
		Kind: EventDone, Choice: s.choice, CachedTokens: cached,
		WaitNS: s.scheduledNS - s.arrivedNS, PrefillNS: s.firstNS - s.scheduledNS,
		FirstNS: s.firstNS - s.arrivedNS, TotalNS: now - s.arrivedNS,
	}
	e.spill(s, now)
	e.kv.finish(s)
	e.lora.release(s)
}
