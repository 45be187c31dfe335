package diskrig

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// A second machine on the files of a first one finds nothing of it, stores anew, and counts from 0; nothing of the first is under way.
func TestAnew(t *testing.T) {
	spec, params := quick(sim.OffloadSpec{}), physics(t)
	first := onStorage(t, spec, params)
	for _, tag := range []string{"a", "b", "c", "a"} {
		status, body, _ := first.ask(tag, 129)
		require.Equal(t, http.StatusOK, status, body)
	}
	first.stored(12)
	require.NotZero(t, first.storage.Figures().Writes.Bytes)
	first.machine.Close()
	require.NoError(t, first.storage.Anew())
	assert.Empty(t, first.storage.open)
	assert.Equal(t, Figures{}, first.storage.Figures())

	m, err := sim.StartOn(spec, params, first.storage)
	require.NoError(t, err)
	t.Cleanup(m.Close)
	second := &server{t, m, first.storage, m.Handlers()}
	for i, tag := range []string{"a", "b", "c"} {
		status, body, cached := second.ask(tag, 129)
		require.Equal(t, http.StatusOK, status, body)
		assert.Zero(t, cached, "what the first machine has stored is not there")
		second.stored(4 * int64(i+1))
	}
	status, body, cached := second.ask("a", 129)
	require.Equal(t, http.StatusOK, status, body)
	assert.Equal(t, 128, cached)
	assert.EqualValues(t, 12*8<<10, second.storage.Figures().Writes.Bytes)
	require.NoError(t, m.Err(), "each block held what the second machine has written")
}

// What is under way is given up, and has ended when Anew returns.
func TestAnewGivesUp(t *testing.T) {
	o := small()
	o.KVBlocks = 64
	s := opened(t, t.TempDir(), o)
	slow := write(1, numbered(64))
	slow.Stream.Depth, slow.Stream.SoftwareNS, slow.Stream.Sync = 1, 1e8, true
	ended := make(chan error, 1)
	s.begin(slow, func(err error) { ended <- err })
	require.Eventually(t, func() bool { return s.Counters(0).Stalls[0].SomeNS > 0 }, time.Minute, time.Millisecond)
	require.NoError(t, s.Anew())
	assert.Empty(t, s.open)
	require.Error(t, <-ended)
	assert.Zero(t, s.Counters(0).Stalls[0])
}

// Files of chunks are those of one machine.
func TestChunksAreNotTakenOver(t *testing.T) {
	o := small()
	o.ChunkBlocks = 1
	s := opened(t, t.TempDir(), o)
	require.ErrorContains(t, s.Anew(), "open another one")
}
