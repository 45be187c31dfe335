package sim_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// A request waits for what its search reads, 4 KiB after 4 KiB, each time the same; searches of others come one after another. The
// drive's counters show them, and no task sleeps on them.
func TestIndexSearch(t *testing.T) {
	const n, mean = 60, 16 << 20
	synctest.Test(t, func(t *testing.T) {
		bare := start(t, specA(t, "L8B"), quiet(sim.Mechanisms{})).ask("u0-q0", prompt("p", 512), 1).ttft
		m := start(t, specA(t, "L8B"), quiet(sim.Mechanisms{IndexSearch: mean}))
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()
		waited, last := 0.0, int64(0)
		for i := range n {
			id := fmt.Sprintf("u%d-q0", i)
			took := (m.ask(id, prompt("p", 512), 1).ttft - bare).Seconds()
			read, _ := m.drive()
			assert.InEpsilon(t, float64(read-last)/(4<<10)*58.8e-6, took, 0.05, "a read of a page takes the idle drive so long")
			waited, last = waited+took, read
		}
		assert.InEpsilon(t, mean, float64(last)/n, 4/7.7, "four standard errors")
		assert.Zero(t, look(t, m, files).ioSome)

		began := time.Now()
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { m.ask(fmt.Sprintf("u%d-q0", i), prompt("p", 512), 1) })
		}
		wg.Wait()
		again, _ := m.drive()
		assert.Equal(t, 2*last, again, "the same requests read the same")
		assert.Greater(t, time.Since(began).Seconds(), 0.99*waited, "one after another")
	})
}

// While something is searched for a request the server is not restarted; a client that goes away leaves the search to its end.
func TestIndexSearchIsOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specA(t, "L8B"), quiet(sim.Mechanisms{IndexSearch: 1 << 30}))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			m.stream(ctx, httptest.NewRecorder(), "u0-q0", 4)
		}()
		time.Sleep(100 * time.Millisecond)
		require.ErrorContains(t, m.restart(), "0 requests are running and 1 waiting")
		stop()
		<-done
		time.Sleep(10 * time.Minute)
		require.NoError(t, m.restart())
		assert.Zero(t, m.stats().Iterations)
		read, _ := m.drive()
		assert.Positive(t, read)
	})
}
