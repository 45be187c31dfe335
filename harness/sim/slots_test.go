package sim_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/sim"
)

// Of a pool in slots a sequence has its slot and no more.
func TestSlots(t *testing.T) {
	for _, slots := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			spec := specA(t, "L8B")
			spec.MaxBatchSize, spec.Slots = 8, slots // 16 GiB are 131,072 tokens, 16,384 a slot
			m := start(t, spec, sim.DefaultParams())
			assert.Equal(t, http.StatusOK, m.ask("u0-q0", prompt("x", 16_000), 1).status)
			assert.Equal(t, !slots, m.ask("u0-q1", prompt("x", 17_000), 1).status == http.StatusOK)
		})
	}
}

// A prompt that is not cut into chunks takes one iteration, however many tokens that are.
func TestWholePrompts(t *testing.T) {
	for whole, want := range map[bool]int64{false: 4, true: 1} {
		synctest.Test(t, func(t *testing.T) {
			spec := specA(t, "L8B")
			spec.WholePrompts = whole
			m := start(t, spec, sim.DefaultParams())
			m.ask("u0-q0", prompt("x", 8192), 1)
			assert.Equal(t, want, m.stats().Iterations)
		})
	}
}
