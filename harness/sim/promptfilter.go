package sim

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// Something before the server, on another machine, looks at each prompt before it lets it pass (mechanism PromptFilter): a
// service that moderates, or a gateway that is shared with others. It takes an exponentially distributed time with the mean
// PromptFilter, whatever the server does and however many wait: nothing on this machine sees it, but the client's clock does.
// The machine's seed and the request's id draw the time, so that it does not depend on the order of arrival.

// filtered waits until the filter lets a request pass, or until the context ends.
func (m *Machine) filtered(ctx context.Context, id string) {
	mean := m.engine.mech.PromptFilter
	if mean == 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(nvmeRoundUp(m.drawn(id) * float64(mean)))):
	}
}

// drawn is the request's own number, exponentially distributed with mean 1.
func (m *Machine) drawn(id string) float64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return rand.New(rand.NewPCG(m.seed, h.Sum64())).ExpFloat64()
}
