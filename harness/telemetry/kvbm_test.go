package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

const blockBytes = 10 << 20 // 70B in fp16, 32 tokens

func newKVBM(t testing.TB, client *outgoing.Client) *KVBM {
	t.Helper()
	k, err := NewKVBM(client, "http://kvbm:6880/metrics", blockBytes)
	require.NoError(t, err)
	return k
}

// The counters of the fixtures, in tiers: 900 blocks went device to host, 12 host to disk, 3 device to
// disk; 70 came host to device, 58 disk to device.
func TestKVBMMapping(t *testing.T) {
	want := record.KVSample{
		BlockSizeBytes: new(float64(blockBytes)),
		MatchedTokens:  new(4096.),
		Tier1:          record.KVTier{Hits: new(70.), BytesIn: new(900. * blockBytes), BytesOut: new(70. * blockBytes)},
		Tier2:          record.KVTier{Hits: new(58.), BytesIn: new(15. * blockBytes), BytesOut: new(58. * blockBytes)},
		Derived:        []string{"tier1.bytes_in", "tier1.bytes_out", "tier2.bytes_in", "tier2.bytes_out"},
	}
	withFetch := want
	withFetch.Tier2.FetchCount = new(3.)
	withFetch.Tier2.FetchQueueMS = new(2250.)
	withFetch.Tier2.FetchTransferMS = new(2670.)
	for page, want := range map[string]record.KVSample{
		"kvbm_mainline.prom": want, "kvbm_total_suffix.prom": want, "kvbm_histograms.prom": withFetch,
	} {
		t.Run(page, func(t *testing.T) {
			body := fixture(t, page)
			k := newKVBM(t, pages(string(body)))
			assert.Nil(t, k.LastScrape())
			var s record.KVSample
			require.NoError(t, k.SampleKV(t.Context(), &s))
			assert.Equal(t, want, s)
			assert.Equal(t, body, k.LastScrape())
		})
	}
}

// With KVBM v2 loads from disk are staged in the host tier: they leave tier 2 under either name, and come into tier 1.
func TestKVBMStaging(t *testing.T) {
	page := string(fixture(t, "kvbm_mainline.prom")) + "kvbm_onboard_blocks_d2h 40\n"
	k, err := NewKVBM(pages(page), "http://kvbm:6880/metrics", blockBytes, HostBlocks(new(100.)))
	require.NoError(t, err)
	var s record.KVSample
	require.NoError(t, k.SampleKV(t.Context(), &s))
	assert.Equal(t, record.KVTier{Hits: new(70.), BytesIn: new(940. * blockBytes), BytesOut: new(70. * blockBytes)}, s.Tier1)
	assert.Equal(t, record.KVTier{Hits: new(98.), BytesIn: new(15. * blockBytes), BytesOut: new(98. * blockBytes)}, s.Tier2)
	assert.Nil(t, s.Evictions, "blocks come into the host tier by more than one way")
}

func TestKVBMMissingMetrics(t *testing.T) {
	tests := map[string]struct {
		page string
		want record.KVSample
	}{
		"one part of what entered tier 2": {"kvbm_offload_blocks_h2d 12\n",
			record.KVSample{BlockSizeBytes: new(float64(blockBytes))}},
		"only disk reads": {"kvbm_onboard_blocks_d2d 2\n",
			record.KVSample{BlockSizeBytes: new(float64(blockBytes)), Tier2: record.KVTier{Hits: new(2.), BytesOut: new(2. * blockBytes)}, Derived: []string{"tier2.bytes_out"}}},
		"a counter that is no number": {"kvbm_matched_tokens NaN\nkvbm_onboard_blocks_h2d 1\n",
			record.KVSample{BlockSizeBytes: new(float64(blockBytes)), Tier1: record.KVTier{Hits: new(1.), BytesOut: new(1. * blockBytes)}, Derived: []string{"tier1.bytes_out"}}},
		"names that KVBM does not have": {"kvbm_disk_bytes_read 5\nkvbm_cache_evictions 5\nkvbm_cache_prefetches 5\nkvbm_onboard_blocks_o2d 5\n",
			record.KVSample{BlockSizeBytes: new(float64(blockBytes))}},
		"a transfer histogram of another direction": {"kvbm_transfer_d2d_seconds_count 5\nkvbm_transfer_h2d_onboard_seconds_count 5\n",
			record.KVSample{BlockSizeBytes: new(float64(blockBytes))}},
		"declared but without a series": {"# TYPE kvbm_transfer_d2d_onboard_seconds histogram\nkvbm_matched_tokens 0\n",
			record.KVSample{BlockSizeBytes: new(float64(blockBytes)), MatchedTokens: new(0.)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var s record.KVSample
			require.NoError(t, newKVBM(t, pages(tt.page)).SampleKV(t.Context(), &s))
			assert.Equal(t, tt.want, s)
		})
	}
}

// fetchPage is a page whose histograms hold the given transfers and queue waits, in seconds.
func fetchPage(t testing.TB, waits, transfers []float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kvbm_onboard_blocks_d2d %d\n", 100*len(transfers))
	write := func(name string, values []float64) {
		h := observed(t, values...)
		for _, k := range h.buckets {
			fmt.Fprintf(&b, "%s_bucket{le=\"%v\"} %v\n", name, k.le, k.n)
		}
		fmt.Fprintf(&b, "%s_sum %v\n%s_count %v\n", name, h.sum, name, h.count)
	}
	if waits != nil {
		write("kvbm_queue_d2d_onboard_seconds", waits)
	}
	if transfers != nil {
		write("kvbm_transfer_d2d_onboard_seconds", transfers)
	}
	return b.String()
}

func TestKVBMFetchQuantiles(t *testing.T) {
	type fetches struct{ waits, transfers []float64 }
	none := []float64{}
	tests := map[string]struct {
		before, after fetches
		p50, p99      *float64 // ms
	}{
		"none completed":             {fetches{none, none}, fetches{[]float64{1}, none}, nil, nil},
		"one is exact":               {fetches{none, none}, fetches{[]float64{1.25}, []float64{0.0734}}, new(1323.4), new(1323.4)},
		"one, first of its family":   {fetches{none, nil}, fetches{[]float64{1.25}, []float64{0.0734}}, new(1323.4), new(1323.4)},
		"one beside older ones":      {fetches{[]float64{9, 9}, []float64{3, 4}}, fetches{[]float64{9, 9, 0.5}, []float64{3, 4, 0.25}}, new(750.), new(750.)},
		"wait seen before, unknown":  {fetches{[]float64{2}, none}, fetches{[]float64{2}, []float64{0.5}}, nil, nil},
		"two: mean wait, one bucket": {fetches{none, none}, fetches{[]float64{1, 2}, []float64{0.05, 0.07}}, new(1560.), new(1587.44)},
		"without a queue histogram":  {fetches{nil, none}, fetches{nil, []float64{0.5}}, nil, nil},
		"another one is now waiting": {fetches{none, none}, fetches{[]float64{1, 3}, []float64{0.5}}, new(2500.), new(2500.)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := newKVBM(t, pages(fetchPage(t, tt.before.waits, tt.before.transfers), fetchPage(t, tt.after.waits, tt.after.transfers)))
			var s record.KVSample
			require.NoError(t, k.SampleKV(t.Context(), &s))
			assert.Nil(t, s.Tier2.FetchP99ms, "the first page has no page before it")
			s = record.KVSample{}
			require.NoError(t, k.SampleKV(t.Context(), &s))
			quantiles := []string{"tier2.fetch_p50_ms", "tier2.fetch_p95_ms", "tier2.fetch_p99_ms"}
			if tt.p50 == nil {
				for _, q := range quantiles {
					assert.NotContains(t, s.Derived, q)
				}
				assert.Nil(t, s.Tier2.FetchP50ms)
				assert.Nil(t, s.Tier2.FetchP95ms)
				assert.Nil(t, s.Tier2.FetchP99ms)
				return
			}
			require.NotNil(t, s.Tier2.FetchP99ms)
			assert.Subset(t, s.Derived, quantiles)
			assert.InDelta(t, *tt.p50, *s.Tier2.FetchP50ms, 1e-3)
			assert.InDelta(t, *tt.p99, *s.Tier2.FetchP99ms, 1e-3)
			assert.GreaterOrEqual(t, *s.Tier2.FetchP95ms, *s.Tier2.FetchP50ms)
			assert.LessOrEqual(t, *s.Tier2.FetchP95ms, *s.Tier2.FetchP99ms)
		})
	}
}

// A wait is observed when the transfer starts and may fall into an earlier interval than its end.
func TestKVBMWaitOfEarlierInterval(t *testing.T) {
	none := []float64{}
	k := newKVBM(t, pages(fetchPage(t, none, none), fetchPage(t, []float64{2}, none), fetchPage(t, []float64{2}, []float64{0.5})))
	var s record.KVSample
	for range 3 {
		s = record.KVSample{}
		require.NoError(t, k.SampleKV(t.Context(), &s))
	}
	require.NotNil(t, s.Tier2.FetchP95ms)
	assert.Equal(t, 2500., *s.Tier2.FetchP95ms)
}

func TestKVBMReset(t *testing.T) {
	const before = "kvbm_matched_tokens 100\nkvbm_onboard_blocks_d2d 50\n"
	one, two := []float64{1}, []float64{1, 1}
	tests := map[string]struct {
		pages []string
		want  string
	}{
		"restarted worker": {[]string{before, "kvbm_matched_tokens 0\nkvbm_onboard_blocks_d2d 0\n"}, "kvbm_matched_tokens fell from 100 to 0"},
		"restart behind a page without the metric": {[]string{before, "kvbm_matched_tokens 100\n", "kvbm_matched_tokens 100\nkvbm_onboard_blocks_d2d 1\n"},
			"kvbm_onboard_blocks_d2d fell from 50 to 1"},
		"transfers": {[]string{fetchPage(t, one, two), fetchPage(t, one, one) + "kvbm_onboard_blocks_d2d 900\n"}, "histogram of disk to device transfers"},
		"waits":     {[]string{fetchPage(t, two, one), fetchPage(t, one, one)}, "histogram of disk to device queue waits"},
		"transfers behind a page without them": {[]string{fetchPage(t, one, two), fetchPage(t, one, nil) + "kvbm_onboard_blocks_d2d 900\n", fetchPage(t, one, one) + "kvbm_onboard_blocks_d2d 900\n"},
			"histogram of disk to device transfers"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := newKVBM(t, pages(tt.pages...))
			for range len(tt.pages) - 1 {
				require.NoError(t, k.SampleKV(t.Context(), &record.KVSample{}))
			}
			var s record.KVSample
			err := k.SampleKV(t.Context(), &s)
			require.ErrorIs(t, err, ErrReset)
			assert.ErrorContains(t, err, tt.want)
			assert.Equal(t, record.KVSample{}, s)

			require.NoError(t, k.SampleKV(t.Context(), &s), "it starts again from the new values")
			assert.NotNil(t, s.BlockSizeBytes)
		})
	}
}

func TestKVBMScrapeFails(t *testing.T) {
	half := string(fixture(t, "kvbm_histograms.prom"))
	half = half[:len(half)/2]
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := map[string]struct {
		ctx    context.Context
		client *outgoing.Client
		want   string
	}{
		"half a page":          {t.Context(), pages(half), "the page ends inside a line"},
		"JSON":                 {t.Context(), pages("[]\n"), "not a sample of the Prometheus text format"},
		"someone else's page":  {t.Context(), pages(string(fixture(t, "not_kvbm.prom"))), "does the port belong to KVBM?"},
		"empty page":           {t.Context(), pages(""), "no kvbm_ metric"},
		"page without end":     {t.Context(), pages(strings.Repeat("kvbm_matched_tokens 1\n", 200_000)), "page longer than 4194304 bytes"},
		"bucket without bound": {t.Context(), pages("kvbm_transfer_d2d_onboard_seconds_bucket 1\n"), "bucket without a bound"},
		"buckets without end":  {t.Context(), pages(buckets(maxBuckets + 1)), "line 1001: a histogram of more than 1000 buckets"},
		"escapes in a bucket":  {t.Context(), pages("kvbm_transfer_d2d_onboard_seconds_bucket{x=\"\x1b[2J\"} 1\n"), `bucket without a bound: {x="\x1b[2J"}`},
		"status 503": {t.Context(), serve(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "kvbm_matched_tokens 1", http.StatusServiceUnavailable)
		}), "status 503"},
		"body that breaks off": {t.Context(), through(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader("kvbm_matched_tokens 1\n"), broken{}))}, nil
		}), "body cut after 22 bytes: unexpected EOF"},
		"nobody there": {t.Context(), through(func(*http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("connection refused")
		}), "connection refused"},
		"cancelled": {cancelled, pages("kvbm_matched_tokens 1\n"), "context canceled"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var s record.KVSample
			err := newKVBM(t, tt.client).SampleKV(tt.ctx, &s)
			require.ErrorIs(t, err, ErrScrape)
			assert.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "\n")
			assert.Equal(t, record.KVSample{}, s)
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// What a failed scrape misses is in the next interval.
func TestKVBMAfterFailure(t *testing.T) {
	none := []float64{}
	k := newKVBM(t, pages(fetchPage(t, none, none), "<html>\n", fetchPage(t, []float64{1}, []float64{0.5})))
	var s record.KVSample
	require.NoError(t, k.SampleKV(t.Context(), &s))
	require.ErrorIs(t, k.SampleKV(t.Context(), &s), ErrScrape)
	assert.Equal(t, "<html>\n", string(k.LastScrape()), "the broken page is kept")
	require.NoError(t, k.SampleKV(t.Context(), &s))
	assert.Equal(t, 1500., *s.Tier2.FetchP50ms)
}

func TestKVBMAsksForPlainText(t *testing.T) {
	var got http.Header
	k := newKVBM(t, serve(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		_, _ = io.WriteString(w, "kvbm_matched_tokens 1\n")
	}))
	require.NoError(t, k.SampleKV(t.Context(), &record.KVSample{}))
	assert.Equal(t, "text/plain;version=0.0.4", got.Get("Accept"))
	assert.Equal(t, "identity", got.Get("Accept-Encoding"))
}

func TestNewKVBMRefusesNoBlockSize(t *testing.T) {
	for _, size := range []float64{0, -1, 1e300} {
		_, err := NewKVBM(outgoing.New(outgoing.Options{}), "http://kvbm:6880/metrics", size)
		require.ErrorContains(t, err, "tokens per block x KV bytes per token")
	}
}

func TestKVBMEvictions(t *testing.T) {
	tests := map[string]struct {
		page     string
		capacity *float64
		want     *float64
	}{
		"tier not full yet":      {"kvbm_offload_blocks_d2h 900\n", new(1000.), new(0.)},
		"just full":              {"kvbm_offload_blocks_d2h 900\n", new(900.), new(0.)},
		"more than fits":         {"kvbm_offload_blocks_d2h 900\n", new(250.), new(650.)},
		"what passed by it":      {"kvbm_offload_blocks_d2h 900\nkvbm_offload_blocks_d2d 70\n", new(250.), new(650.)},
		"no tier":                {"kvbm_offload_blocks_d2h 0\n", new(0.), new(0.)},
		"capacity unknown":       {"kvbm_offload_blocks_d2h 900\n", nil, nil},
		"offloads not on a page": {"kvbm_matched_tokens 900\n", new(250.), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k, err := NewKVBM(pages(tt.page), "http://kvbm:6880/metrics", blockBytes, HostBlocks(tt.capacity))
			require.NoError(t, err)
			var s record.KVSample
			require.NoError(t, k.SampleKV(t.Context(), &s))
			assert.Equal(t, tt.want, s.Evictions)
			assert.Equal(t, tt.want != nil, slices.Contains(s.Derived, "evictions"))
			assert.Nil(t, s.Prefetches)
			assert.Nil(t, s.Tier1.Misses)
			assert.Nil(t, s.Tier2.Misses)
		})
	}
	for _, blocks := range []float64{-1, math.NaN(), math.Inf(1)} {
		_, err := NewKVBM(outgoing.New(outgoing.Options{}), "http://kvbm:6880/metrics", blockBytes, HostBlocks(&blocks))
		require.ErrorContains(t, err, "start-up log")
	}
}

// The names are paths in the line, of figures that are there.
func TestKVBMDerivedNamesFields(t *testing.T) {
	none := []float64{}
	page := string(fixture(t, "kvbm_mainline.prom"))
	k, err := NewKVBM(pages(page+fetchPage(t, none, none), page+fetchPage(t, []float64{1.25}, []float64{0.5})),
		"http://kvbm:6880/metrics", blockBytes, HostBlocks(new(250.)))
	require.NoError(t, err)
	require.NoError(t, k.SampleKV(t.Context(), &record.KVSample{}))
	var s record.KVSample
	require.NoError(t, k.SampleKV(t.Context(), &s))
	require.Len(t, s.Derived, 8)
	b, err := json.Marshal(s)
	require.NoError(t, err)
	for _, name := range s.Derived {
		var v any
		require.NoError(t, json.Unmarshal(b, &v))
		for key := range strings.SplitSeq(name, ".") {
			v = v.(map[string]any)[key]
		}
		assert.IsType(t, 0., v, name)
	}
}

func BenchmarkKVBM(b *testing.B) {
	body := string(fixture(b, "kvbm_histograms.prom"))
	k := newKVBM(b, pages(body))
	b.ReportAllocs()
	for b.Loop() {
		var s record.KVSample
		if err := k.SampleKV(b.Context(), &s); err != nil {
			b.Fatal(err)
		}
	}
}
