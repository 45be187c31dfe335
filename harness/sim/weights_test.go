package sim_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/sim"
)

// An iteration that has to read weights first takes as long as before and the reads, each of a readahead window:
// 68.5 us in the drive and 50.7 us of the kernel's.
func TestPagedWeights(t *testing.T) {
	const steps = 21
	p := sim.DefaultParams()
	resident, _ := beside(t, p, 100, steps)
	p.Mechanisms.PagedWeightsBytes = 512 << 20
	paged, _ := beside(t, p, 100, steps)
	windows := float64(p.Mechanisms.PagedWeightsBytes / p.Host.ReadaheadBytes)
	reads := steps * windows * (68.5e-6 + 50.7e-6)
	assert.InDelta(t, resident.e2e.Seconds()+reads, paged.e2e.Seconds(), 0.03*reads, "%.1f s of reading", reads)
}
