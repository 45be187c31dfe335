package sim_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/sim"
)

// A loader that sleeps on no I/O loads just as fast and reads as much, and neither iowait nor the pressure
// on I/O show it.
func TestAsyncKVLoader(t *testing.T) {
	load := func(async bool) (got tierTwo) {
		synctest.Test(t, func(t *testing.T) {
			p := sim.DefaultParams()
			p.Mechanisms.AsyncKVLoader = async
			got = loadTierTwo(t, p, nil)
		})
		return got
	}
	asleep, polling := load(false), load(true)
	assert.Equal(t, asleep.answer.ttft, polling.answer.ttft)
	assert.Equal(t, asleep.answer.e2e, polling.answer.e2e)
	assert.Equal(t, asleep.stats, polling.stats)
	assert.Equal(t, asleep.after.readBytes, polling.after.readBytes)
	assert.Equal(t, asleep.after.cpu, polling.after.cpu)

	assert.Greater(t, asleep.after.ioSome-asleep.before.ioSome, 0.6)
	assert.Greater(t, asleep.after.iowait-asleep.before.iowait, 0.6)
	// What is left are the operating system's own two reads a second of some 90 us.
	assert.Less(t, polling.after.ioSome-polling.before.ioSome, 0.002)
	assert.Less(t, polling.after.iowait-polling.before.iowait, 0.011, "a jiffy")
}
