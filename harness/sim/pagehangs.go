package sim

import "context"

// kvPageStats are the engine's figures for the page of the KV manager. With mechanism PageHangs the page gives out from some time on what
// it held then, as an exporter whose source hangs does; the engine and the drive go on, and so do all other pages.
func (m *Machine) kvPageStats(ctx context.Context) (EngineStats, error) {
	after := m.engine.mech.PageHangs
	if after == 0 {
		return m.pageStats(ctx)
	}
	var s EngineStats
	err := m.query(ctx, func() {
		e := m.engine
		if e.heldPage == nil && e.now() >= int64(after) {
			held := e.stats
			e.heldPage = &held
		}
		if s = e.stats; e.heldPage != nil {
			s = *e.heldPage
		}
		e.rendered()
	})
	return s, err
}
