package simrig

import (
	"context"
	"errors"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/telemetry"
)

// restart is read back in the engine's count of finished requests.
func restart(ctx context.Context, s *Machine, t rig.Treatment) (rig.Applied, error) {
	return s.seen(ctx, t.Kind, "requests finished since the server's start", s.finished, s.restart)
}

// restart returns when the new server process has answered a request.
func (s *Machine) restart(ctx context.Context) error {
	s.server.Forget() // it is another process afterwards
	if err := errors.Join(s.machine.Restart(ctx), s.machine.Render(ctx, s.files), s.watchServer(ctx)); err != nil {
		return err
	}
	return rig.Answers(ctx, s.client, s.opts.Stack.Endpoint.URL, s.spec.Model.Served)
}

// finished is the engine's count of requests; a server that has finished none has no such series.
func (s *Machine) finished(ctx context.Context) (*float64, error) {
	engine := telemetry.NewEngine(s.client, s.opts.Stack.Endpoint.EngineMetrics)
	var sample record.SysSample
	if err := engine.Sample(ctx, &sample); err != nil {
		return nil, err
	}
	v, err := engine.Value("request_success_total")
	if err == nil && v == nil {
		v = new(float64)
	}
	return v, err
}
