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

// What is written is the KV that existed when the sequences ended, to the byte; nothing is read, and no task sleeps on it.
func TestSpillWritesTheKVOfWhatEnds(t *testing.T) {
	for _, spills := range []bool{false, true} {
		t.Run(fmt.Sprint("spills=", spills), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := specA(t, "L8B")
				m := start(t, spec, quiet(sim.Mechanisms{WriteOnlySpill: spills}))
				files, err := sim.NewFiles(t.TempDir())
				require.NoError(t, err)
				defer files.Close()
				var all sync.WaitGroup
				tokens := int64(0)
				for i, n := range []int{1, 31, 700, 2048} {
					tokens += int64(n + 16 - 1) // the last token's KV was not computed
					all.Go(func() { m.ask(fmt.Sprintf("u%d-q0", i), prompt(fmt.Sprint("p", i), n), 16) })
				}
				all.Wait()
				time.Sleep(time.Minute)
				after := look(t, m, files)
				read, written := diskBytes(t, files)
				want := int64(0)
				if spills {
					want = tokens * spec.KVBytesPerToken()
				}
				assert.Equal(t, want, written["nvme0n1"])
				assert.Zero(t, read["nvme0n1"])
				assert.Zero(t, after.ioSome)
				assert.Zero(t, m.stats().KV.SwapOutBlocks)
			})
		})
	}
}

// A client that goes away leaves the KV of what was computed until then, and of no more.
func TestSpillOfACancelledSequence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := specA(t, "L8B")
		m := start(t, spec, quiet(sim.Mechanisms{WriteOnlySpill: true}))
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		m.stream(ctx, httptest.NewRecorder(), "u0-q0", 1000)
		time.Sleep(time.Minute)
		_, written := m.drive()
		st := m.stats()
		require.Zero(t, st.Completed)
		require.Positive(t, st.OutputTokens)
		assert.Equal(t, (64+st.OutputTokens-1)*spec.KVBytesPerToken(), written)
	})
}
