package sim

import "context"

// Metrics pages that hold the engine (mechanism ScrapeStall). A page takes the engine's thread and one core for
// that long: after the iteration under way, or at once if there is none. Pages add up. What elapses while
// there is nothing to do delays nothing.
//
// trtllm-serve and Dynamo serve their pages from another process than the engine's, and KVBM from another
// thread, hence no stall in the calibrated machine. Files of the host and nvidia-smi are not the server's.

// pageStats are the engine's figures for a metrics page, which costs what a page does.
func (m *Machine) pageStats(ctx context.Context) (EngineStats, error) {
	var s EngineStats
	err := m.query(ctx, func() {
		s = m.engine.stats
		m.engine.rendered()
	})
	return s, err
}

// pageWithoutStats costs what a page does.
func (m *Machine) pageWithoutStats(ctx context.Context) error {
	if m.engine.mech.ScrapeStall == 0 {
		return nil // nothing to ask the engine
	}
	return m.query(ctx, m.engine.rendered)
}

// rendered notes that a page has been rendered.
func (e *engine) rendered() {
	stall := int64(e.mech.ScrapeStall)
	if stall == 0 {
		return
	}
	from := max(e.now(), e.heldUntilNS, e.stepEndNS)
	e.heldUntilNS = from + stall
	e.host.holds = append(e.host.holds, span{from, from + stall})
}

// heldNS is how much longer pages hold the engine, in whole microseconds.
func (e *engine) heldNS(now int64) int64 { return nvmeRoundUp(float64(max(0, e.heldUntilNS-now))) }
