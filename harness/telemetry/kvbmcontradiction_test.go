package telemetry

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// Tokens that were matched below the device came from there: a page on which nothing did is not taken for zeros.
func TestKVBMContradiction(t *testing.T) {
	page := func(matched, host, disk, staged int) string {
		return fmt.Sprintf("kvbm_matched_tokens %d\nkvbm_offload_blocks_h2d 100\nkvbm_onboard_blocks_h2d %d\nkvbm_onboard_blocks_d2d %d\nkvbm_onboard_blocks_d2h %d\n",
			matched, host, disk, staged)
	}
	k := newKVBM(t, pages(page(0, 0, 0, 0), page(3200, 0, 0, 0), page(3200, 0, 0, 0), page(3200, 100, 0, 60)))
	var s record.KVSample
	require.NoError(t, k.SampleKV(t.Context(), &s))
	assert.Equal(t, 0.0, *s.Tier2.Hits, "nothing was asked for yet")
	require.NoError(t, k.SampleKV(t.Context(), &s), "the blocks of the first match are on their way")
	k.matchedAt = k.matchedAt.Add(-firstTransfer)
	s = record.KVSample{}
	err := k.SampleKV(t.Context(), &s)
	require.ErrorIs(t, err, ErrScrape)
	require.ErrorContains(t, err, "the page contradicts itself: 3200 tokens were matched below the device, and no block was onboarded")
	assert.Equal(t, record.KVSample{}, s, "unknown, and never zero")
	require.NoError(t, k.SampleKV(t.Context(), &s), "the transfer has ended")
	assert.Equal(t, []float64{100, 60}, []float64{*s.Tier1.Hits, *s.Tier2.Hits})
	assert.Zero(t, k.matchedAt)

	require.NoError(t, newKVBM(t, pages("kvbm_matched_tokens 900\n")).SampleKV(t.Context(), &s), "what is not on the page contradicts nothing")
}
