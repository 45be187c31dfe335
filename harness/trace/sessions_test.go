package trace

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// kept is by line whether the options keep the request.
func kept(t *testing.T, path string, o Options) map[int]bool {
	lines := map[int]bool{}
	for _, r := range readAll(t, path, o) {
		lines[r.Line] = true
	}
	return lines
}

func TestSubsampleCutsNoChain(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: left out with -short")
	}
	path := generated(t, conversations())
	requests := readAll(t, path, Options{})
	require.Greater(t, len(requests), 8000)
	uses := map[int64]int{}
	for _, r := range requests {
		for _, id := range r.Blocks {
			uses[id]++
		}
	}
	common := 0
	for _, n := range uses {
		if n > len(requests)/100 {
			common++
		}
	}
	assert.Equal(t, conversations().System/BlockTokens, common, "the system prompt alone is common")

	for seed, share := range []float64{0.05, 0.3, 0.8} {
		lines := kept(t, path, Options{Sessions: share, Seed: uint64(seed)})
		assert.InDelta(t, share, float64(len(lines))/float64(len(requests)), 0.03, "share of requests")
		chosen, parted := map[int64]bool{}, 0
		for _, r := range requests {
			for _, id := range r.Blocks[common:] {
				if before, seen := chosen[id]; seen && before != lines[r.Line] {
					parted++
				}
				chosen[id] = lines[r.Line]
			}
		}
		assert.Zero(t, parted, "uncommon blocks with requests kept and requests dropped")
	}
}

func TestSubsampleOfSessionsIsNear(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: left out with -short")
	}
	path := generated(t, conversations())
	whole, err := Describe(path, Options{})
	require.NoError(t, err)
	for _, share := range []float64{0.1, 0.5} {
		part, err := Describe(path, Options{Sessions: share, Seed: 4})
		require.NoError(t, err)
		assert.InDelta(t, share, float64(part.Sessions)/float64(whole.Sessions), 0.03)
	}
}

func TestSubsamplesAreNested(t *testing.T) {
	path := generated(t, ChatSmall())
	small, large := kept(t, path, Options{Sessions: 0.2, Seed: 9}), kept(t, path, Options{Sessions: 0.6, Seed: 9})
	assert.NotEmpty(t, small)
	for line := range small {
		assert.True(t, large[line], "line %d", line)
	}
	assert.Equal(t, small, kept(t, path, Options{Sessions: 0.2, Seed: 9}))
	assert.NotEqual(t, small, kept(t, path, Options{Sessions: 0.2, Seed: 10}))
}

func TestSessionKey(t *testing.T) {
	// Block 0 is in all 40 requests, over uncommonUses; blocks 100 and up in 16 of them, which is not.
	text := ""
	for i := range 40 {
		text += spelled(i, 2000, 0, int64(100+i/16), int64(200+i), int64(300+i))
	}
	s, err := countSessions(written(t, text))
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		blocks []int64
		want   int64
	}{
		"first that is not common": {[]int64{0, 101, 217, 317}, 101},
		"a block of its own":       {[]int64{999, 0}, 999},
		"all common":               {[]int64{0}, 0},
	} {
		assert.Equal(t, tc.want, s.key(Request{Blocks: tc.blocks}), name)
	}
}

// In a large trace a system prompt of 2 % of the requests is common, and a conversation of 0.9 % is not.
func TestSessionKeyGoesByShare(t *testing.T) {
	text := ""
	for i := range 3000 {
		app, user := int64(1_000_000), int64(10+i)
		switch {
		case i%50 == 0:
			app = 2
		case i%111 == 0:
			app = 3
		}
		text += spelled(i, 1000, app, user)
	}
	s, err := countSessions(written(t, text))
	require.NoError(t, err)
	for app, want := range map[int64]int64{1_000_000: 42, 2: 42, 3: 3} {
		assert.Equal(t, want, s.key(Request{Blocks: []int64{app, 42}}), fmt.Sprint("prompt of ", s.uses[app], " requests"))
	}
}
