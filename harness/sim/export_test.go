package sim

import "context"

// RestartLoRA restarts the adapters' part of the server, for tests.
func (m *Machine) RestartLoRA(ctx context.Context) error {
	return m.query(ctx, func() { m.engine.restartLoRA(m.account()) })
}
