package telemetry

import (
	"context"
	"errors"

	"sparkharness/harness/record"
)

// Sample fills Engine with what the page has. A page with none of the figures is an error.
func (p *Page) Sample(ctx context.Context, s *record.SysSample) error {
	f, err := p.Read(ctx)
	if err != nil {
		if errors.Is(err, ErrReset) {
			s.Reset = true
		}
		return err
	}
	of := func(name string) *float64 {
		if v, ok := f[name]; ok {
			return &v
		}
		return nil
	}
	g := record.Engine{Running: of("running"), Waiting: of("waiting"), Context: of("context"), KVUsedBlocks: of("kv_used_blocks"), KVMaxBlocks: of("kv_max_blocks")}
	if v := of("iteration_seconds"); v != nil && lasted(*v) {
		g.IterMS = new(round4(1e3 * *v))
	}
	if g.KVUsedBlocks == nil && g.KVMaxBlocks != nil && of("kv_usage") != nil {
		g.KVUsedBlocks = new(round4(*of("kv_usage") * *g.KVMaxBlocks))
	}
	if g == (record.Engine{}) {
		return p.page.failed(errors.New("none of the figures is on the page that the server's file names: correct engine.at or the names there, or start the server with its metrics"))
	}
	s.Engine = &g
	return nil
}
