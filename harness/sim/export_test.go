package sim

import "context"

// RestartLoRA restarts the adapters' part of the server, for tests.
func (m *Machine) RestartLoRA(ctx context.Context) error {
	return m.query(ctx, func() { m.engine.restartLoRA(m.account()) })
}

// Stream runs a stream of another program on the system's drive until the returned function is called.
func (m *Machine) Stream(ctx context.Context, s NVMeStream) (stop func() error, err error) {
	var id int
	err = m.query(ctx, func() { id = m.disk.Start(m.account(), s, -1) })
	return func() error { return m.query(ctx, func() { m.disk.Stop(m.account(), id) }) }, err
}

// DMA is the rate at which the drives move data now, B/s.
func (m *Machine) DMA(ctx context.Context) (rate float64, err error) {
	err = m.query(ctx, func() { rate = m.engine.storage.Counters(m.engine.now()).BytesPerSec })
	return rate, err
}

// Movement is what moves through the memory at an instant, B/s: by DMA, by copies, and what the GPU reads.
type Movement struct{ DMA, Copies, GPU float64 }

// Moving is what moves now, and what copies have moved until now, bytes.
func (m *Machine) Moving(ctx context.Context) (rate Movement, copied float64, err error) {
	err = m.query(ctx, func() {
		e := m.engine
		now := e.now()
		rate.DMA = e.storage.Counters(now).BytesPerSec
		rate.Copies = e.mover.copies.traffic()
		e.mover.copies.until(now)
		copied = e.mover.copies.copied
		if e.stepEndNS < 0 || e.stepEndNS == weightsComing || now < e.step.beginNS {
			return
		}
		s := e.step
		s.until(now)
		switch {
		case s.weights > 0:
			rate.GPU = float64(m.spec.Model.StepBytes) / m.spec.Model.DecodeBaseNS * 1e9 / s.slowdown
		case s.prompt == 0 && s.slope == 0 && s.kv > 0:
			rate.GPU = m.spec.Model.KVReadBytesPerSec / s.slowdown
		}
	})
	return rate, copied, err
}
