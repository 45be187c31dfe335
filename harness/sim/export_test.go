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
