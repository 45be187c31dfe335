package sim_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/sim"
)

// Each sequence that ends appends as many bytes as the mechanism says, and an idle server none.
func TestRequestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specA(t, "L8B"), quiet(sim.Mechanisms{RequestLogBytes: 716_800}))
		time.Sleep(time.Minute)
		_, idle := m.drive()
		assert.Zero(t, idle)
		for i := range 3 {
			m.ask(fmt.Sprintf("u%d-q0", i), prompt(fmt.Sprint("p", i), 100*(i+1)), 16)
		}
		time.Sleep(time.Minute)
		_, written := m.drive()
		assert.EqualValues(t, 3*716_800, written)
	})
}
