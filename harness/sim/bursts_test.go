package sim_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// A server without any request moves so many bytes at once, each minute from its start on, and nothing in between.
func TestBursts(t *testing.T) {
	const size = 2 << 30
	for name, b := range map[string]sim.BurstSpec{
		"writes": {WriteBytes: size, Every: time.Minute}, "reads": {ReadBytes: size, Every: time.Minute},
		"both": {ReadBytes: size, WriteBytes: size / 2, Every: time.Minute}, "none": {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := start(t, specA(t, "L8B"), quiet(sim.Mechanisms{Bursts: b}))
				files, err := sim.NewFiles(t.TempDir())
				require.NoError(t, err)
				defer files.Close()
				began := time.Now()
				moved := func(at time.Duration, times int64) {
					t.Helper()
					time.Sleep(at - time.Since(began))
					read, written := m.drive()
					assert.Equal(t, []int64{times * b.ReadBytes, times * b.WriteBytes}, []int64{read, written}, "after %v", at)
				}
				moved(60*time.Second-time.Microsecond, 0)
				moved(61*time.Second, 1)
				moved(120*time.Second-time.Microsecond, 1)
				moved(121*time.Second, 2)
				moved(150*time.Second, 2)
				assert.Zero(t, look(t, m, files).ioSome, "no task sleeps on it")
				require.NoError(t, m.restart())
				moved(209*time.Second, 2)
				moved(211*time.Second, 3)
			})
		})
	}
}

// A burst that takes longer than the time to the next takes its place.
func TestBurstsDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 64 << 30
		m := start(t, specA(t, "L8B"), quiet(sim.Mechanisms{Bursts: sim.BurstSpec{ReadBytes: size, Every: 3 * time.Second}}))
		time.Sleep(time.Minute + time.Millisecond)
		read, _ := m.drive()
		assert.Greater(t, read, int64(9*size), "4.6 s each, begun at 3 s, 9 s, ... 57 s")
		assert.Less(t, read, int64(10*size))
	})
}
