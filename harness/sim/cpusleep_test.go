package sim_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// Each of the loader's reads takes the wake longer on an idle machine, and the less of it the more jobs another program has:
// of two that each keep half awake a quarter is left. On the same drive it would share it, so that the tier has its own.
func TestCPUSleep(t *testing.T) {
	load := func(exit time.Duration, jobs int) (ttft time.Duration, ios float64) {
		synctest.Test(t, func(t *testing.T) {
			got := loadTierTwo(t, quiet(sim.Mechanisms{KVOnSecondDrive: true, CPUSleep: sim.CPUSleepSpec{Exit: exit, KeptAwake: 0.5}}), func(m *machine) {
				var streams []sim.NVMeStream
				for range jobs {
					streams = append(streams, sim.NVMeStream{Name: "job", ReadShare: 1, IOBytes: 4 << 10, Depth: 1})
				}
				if jobs > 0 {
					_, err := m.StartForeign(context.Background(), loops(streams...)...)
					require.NoError(t, err)
				}
			})
			ttft, ios = got.answer.ttft, float64(125*got.block/(128<<10))
		})
		return ttft, ios
	}
	awake, ios := load(0, 0)
	for jobs, left := range map[int]float64{0: 1, 1: 0.5, 2: 0.25} {
		asleep, _ := load(100*time.Microsecond, jobs)
		undisturbed, _ := load(0, jobs)
		assert.InEpsilon(t, ios*100e-6*left, (asleep - undisturbed).Seconds(), 0.01, "%d jobs", jobs)
		assert.InDelta(t, awake.Seconds(), undisturbed.Seconds(), 0.01, "the drive is its own")
	}
}
