package telemetry

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// buckets is a page of a histogram with n of them.
func buckets(n int) string {
	var b strings.Builder
	for le := range n {
		fmt.Fprintf(&b, "kvbm_transfer_d2d_onboard_seconds_bucket{le=\"%d\"} 1\n", le)
	}
	return b.String()
}

func TestKVBMTakesManyBuckets(t *testing.T) {
	require.NoError(t, newKVBM(t, pages(buckets(maxBuckets))).SampleKV(t.Context(), &record.KVSample{}))
}

// What cannot have been counted, and a fetch that cannot have taken so long, are as if the page had not told them.
func TestKVBMIsBounded(t *testing.T) {
	histograms := func(sum, count, queue string) string {
		return "kvbm_transfer_d2d_onboard_seconds_bucket{le=\"1\"} " + count + "\nkvbm_transfer_d2d_onboard_seconds_bucket{le=\"+Inf\"} " + count +
			"\nkvbm_transfer_d2d_onboard_seconds_sum " + sum + "\nkvbm_transfer_d2d_onboard_seconds_count " + count +
			"\nkvbm_queue_d2d_onboard_seconds_sum " + queue + "\nkvbm_queue_d2d_onboard_seconds_count 1\n"
	}
	for name, tt := range map[string]struct {
		first, then string
		matched     *float64
		p99         *float64
	}{
		"as it should be":   {"kvbm_matched_tokens 4\n", "kvbm_matched_tokens 5\n" + histograms("0.5", "1", "0.25"), new(5.), new(750.)},
		"negative":          {"kvbm_matched_tokens -4\n", "kvbm_matched_tokens -3\n" + histograms("0.5", "1", "0.25"), nil, new(750.)},
		"too many":          {"kvbm_matched_tokens 1\n", "kvbm_matched_tokens 9007199254740994\n" + histograms("0.5", "1", "0.25"), nil, new(750.)},
		"a wait of a year":  {"kvbm_matched_tokens 4\n", "kvbm_matched_tokens 5\n" + histograms("0.5", "1", "31557600"), new(5.), nil},
		"a fetch of a year": {"kvbm_matched_tokens 4\n", "kvbm_matched_tokens 5\n" + strings.ReplaceAll(histograms("31557600", "1", "0.25"), `le="1"} 1`, `le="1"} 0`), new(5.), nil},
		"a wait of nothing": {"kvbm_matched_tokens 4\n", "kvbm_matched_tokens 5\n" + strings.ReplaceAll(histograms("0.5", "1", "9e15"), "queue_d2d_onboard_seconds_count 1", "queue_d2d_onboard_seconds_count 1e-300"), new(5.), nil},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKVBM(t, pages(tt.first, tt.then))
			require.NoError(t, k.SampleKV(t.Context(), &record.KVSample{}))
			var s record.KVSample
			require.NoError(t, k.SampleKV(t.Context(), &s))
			assert.Equal(t, tt.matched, s.MatchedTokens)
			assert.Equal(t, tt.p99, s.Tier2.FetchP99ms)
		})
	}
}
