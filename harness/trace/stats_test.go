package trace

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// simulated is the share of prompt tokens that an LRU cache of that many blocks serves, by following what
// it holds, the most recent block first.
func simulated(requests []Request, capacity int) float64 {
	var cache []int64
	hits, tokens := 0, 0
	for _, r := range requests {
		tokens += r.Input
		for i, id := range r.Blocks {
			if !slices.Contains(cache, id) {
				break
			}
			hits += r.Tokens(i)
		}
		for _, id := range slices.Backward(r.Blocks) {
			if at := slices.Index(cache, id); at >= 0 {
				cache = slices.Delete(cache, at, at+1)
			}
			cache = slices.Insert(cache, 0, id)
			cache = cache[:min(len(cache), capacity)]
		}
	}
	return float64(hits) / float64(tokens)
}

// tangled is a random trace whose ids are no chains: prefixes, repeats within a prompt, blocks that come
// after different ones.
func tangled(seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 0))
	var b strings.Builder
	for ms := range 150 {
		ids := make([]int64, 1+rng.IntN(9))
		for i := range ids {
			ids[i] = int64(rng.IntN(2+2*i)) * int64(1+rng.IntN(3))
		}
		b.WriteString(spelled(ms, len(ids)*BlockTokens-rng.IntN(BlockTokens), ids...))
	}
	return b.String()
}

func TestLRUAgreesWithASimulation(t *testing.T) {
	paths := map[string]string{"conversations": generated(t, ChatSmall())}
	for seed := range uint64(6) {
		paths[fmt.Sprint("tangled ", seed)] = written(t, tangled(seed))
	}
	for name, path := range paths {
		st, err := Describe(path, Options{})
		require.NoError(t, err)
		requests := readAll(t, path, Options{})
		require.Greater(t, len(st.LRU), 3)
		for i, h := range st.LRU {
			assert.Equal(t, 1<<i, h.Blocks)
			assert.InDelta(t, simulated(requests, h.Blocks), h.Share, 1e-12, "%s, %d blocks", name, h.Blocks)
		}
		last := st.LRU[len(st.LRU)-1]
		assert.GreaterOrEqual(t, last.Blocks, st.DistinctBlocks)
		assert.Less(t, last.Blocks/2, st.DistinctBlocks)
		assert.Equal(t, last.Share, st.ReusableShare)
		assert.Less(t, st.LRU[1].Share, last.Share, "%s: the sizes differ in what they serve", name)
	}
}

func TestDescribe(t *testing.T) {
	path := written(t, spelled(1000, 1024, 1, 2)+
		spelled(2000, 600, 1, 3)+ // 512 tokens come again
		spelled(2000, 100, 4)+
		spelled(6000, 700, 1, 3)+ // all of them
		spelled(9000, 5000, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14))
	st, err := Describe(path, Options{MaxInput: 4096, TimeScale: 2})
	require.NoError(t, err)
	require.NotNil(t, st.RatePerS)
	assert.InDelta(t, 3./10, *st.RatePerS, 1e-12)
	// Gaps of 2, 0 and 8 s.
	assert.InDelta(t, 1.019804, *st.GapCV, 1e-6)
	st.RatePerS, st.GapCV, st.LRU = nil, nil, nil
	assert.InDelta(t, 926.8, st.Input.P90, 1e-9)
	assert.InDelta(t, 1014.28, st.Input.P99, 1e-9)
	st.Input.P90, st.Input.P99 = 0, 0
	share := (512. + 700.) / 2424.
	assert.Equal(t, Stats{
		Requests: 4, LeftOut: 1, Sessions: 2, SpanS: 10,
		Input:       Lengths{Mean: 606, P50: 650, Max: 1024},
		Output:      Lengths{Mean: 9, P50: 9, P90: 9, P99: 9, Max: 9},
		InputTokens: 2424, DistinctBlocks: 4, ReusedRequests: 2, ReusableShare: share,
	}, st)
}

func TestDescribeWithoutGaps(t *testing.T) {
	for _, text := range []string{spelled(7, 1, 1), spelled(7, 1, 1) + spelled(7, 1, 1)} {
		st, err := Describe(written(t, text), Options{})
		require.NoError(t, err)
		assert.Nil(t, st.RatePerS)
		assert.Nil(t, st.GapCV)
		assert.Zero(t, st.SpanS)
	}
}

func TestDescribeRefusesNothing(t *testing.T) {
	path := written(t, spelled(7, 100, 1))
	_, err := Describe(path, Options{MaxInput: 50})
	assert.ErrorContains(t, err, path+": none of 1 requests is left")
	assert.ErrorContains(t, err, "(1 were too long)")
}

func BenchmarkDescribe(b *testing.B) {
	path := generated(b, conversations())
	for b.Loop() {
		_, err := Describe(path, Options{})
		require.NoError(b, err)
	}
}
