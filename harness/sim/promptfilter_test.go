package sim_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/sim"
)

// Requests wait an exponentially distributed time before the server has them, each its own and always the same, and the
// server knows nothing of it.
func TestPromptFilter(t *testing.T) {
	const n, mean = 400, 20.0
	synctest.Test(t, func(t *testing.T) {
		bare := start(t, specA(t, "L8B"), quiet(sim.Mechanisms{})).ask("u0-q0", prompt("p", 512), 1).ttft
		m := start(t, specA(t, "L8B"), quiet(sim.Mechanisms{PromptFilter: 20 * time.Second}))
		sum, long := 0.0, 0
		for i := range n {
			id := fmt.Sprintf("u%d-q0", i)
			waited := (m.ask(id, prompt("p", 512), 1).ttft - bare).Seconds()
			if i < 5 {
				assert.InDelta(t, waited, (m.ask(id, prompt("p", 512), 1).ttft - bare).Seconds(), 2e-6, "another draw of the same request")
			}
			sum += waited
			if waited > mean*1.6094 { // ln 5
				long++
			}
		}
		assert.InDelta(t, mean, sum/n, 4*mean/20, "four standard errors")
		assert.InDelta(t, n/5, long, 4*8)
		st := m.stats()
		assert.InDelta(t, (n+5)*bare.Seconds(), float64(st.BusyNS)/1e9, 1e-3, "the engine works as long as without")
	})
}

// While it waits a request is nowhere on the machine, and one whose client goes away never comes.
func TestPromptFilterIsOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specA(t, "L8B"), quiet(sim.Mechanisms{PromptFilter: 1000 * time.Hour}))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			m.stream(ctx, httptest.NewRecorder(), "u0-q0", 4)
		}()
		time.Sleep(time.Minute)
		st := m.stats()
		assert.Zero(t, st.Waiting+st.Running)
		stop()
		<-done
		time.Sleep(time.Second)
		assert.Zero(t, m.stats().Iterations)
	})
}
