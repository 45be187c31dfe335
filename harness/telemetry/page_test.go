package telemetry

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// pageAt is where the pages of tests are.
const pageAt = "http://127.0.0.1:1/metrics"

func readPage(t *testing.T, figures map[string]Metric, equal []Identity, texts ...string) (*Page, []map[string]float64, []error) {
	t.Helper()
	p := NewPage(pages(texts...), pageAt, "engine", figures, equal)
	var all []map[string]float64
	var errs []error
	for range texts {
		f, err := p.Read(context.Background())
		all, errs = append(all, f), append(errs, err)
	}
	return p, all, errs
}

// A figure is the samples of the first of its names, of the series that belong to it: never of two generations together, and
// never of series that differ in what nobody has declared.
func TestPageFigures(t *testing.T) {
	waiting := func(m Metric) map[string]Metric {
		if m.Names == nil {
			m.Names = []string{"new_waiting", "old_waiting"}
		}
		return map[string]Metric{"waiting": m}
	}
	for _, c := range []struct {
		name    string
		figures map[string]Metric
		page    string
		want    map[string]float64
		err     string
	}{
		{"plain", waiting(Metric{}), "new_waiting 2\n", map[string]float64{"waiting": 2}, ""},
		{"with a suffix", waiting(Metric{}), "new_waiting_total 2\n", map[string]float64{"waiting": 2}, ""},
		{"a creation time is no count", waiting(Metric{}), "new_waiting_total 2\nnew_waiting_created 1.7e9\n", map[string]float64{"waiting": 2}, ""},
		{"an older name", waiting(Metric{}), "old_waiting 3\n", map[string]float64{"waiting": 3}, ""},
		{"both names are one figure", waiting(Metric{}), "old_waiting 3\nnew_waiting 2\n", map[string]float64{"waiting": 2}, ""},
		{"not told", waiting(Metric{}), "other 3\n", map[string]float64{}, ""},
		{"declared labels are summed", waiting(Metric{Sum: []string{"engine"}}), "new_waiting{engine=\"0\",m=\"a\"} 2\nnew_waiting{engine=\"1\",m=\"a\"} 3\n",
			map[string]float64{"waiting": 5}, ""},
		{"two processes are not", waiting(Metric{Sum: []string{"engine"}}), "new_waiting{pid=\"12\"} 2\nnew_waiting{pid=\"99\"} 40\n", nil,
			`new_waiting: two series differ in the label pid ("12" and "99"), which is not declared to be summed: name it in sum, or choose one in where`},
		{"nor a label that one of them lacks", waiting(Metric{}), "new_waiting 2\nnew_waiting{pid=\"99\"} 40\n", nil, "two series differ in the label pid"},
		{"chosen by a label", waiting(Metric{Where: map[string]string{"pid": "12"}}), "new_waiting{pid=\"12\"} 2\nnew_waiting{pid=\"99\"} 40\n",
			map[string]float64{"waiting": 2}, ""},
		{"by the beginning of one", waiting(Metric{Where: map[string]string{"tier": "1:*"}}), "new_waiting{tier=\"0:primary\"} 9\nnew_waiting{tier=\"1:fs\"} 2\n",
			map[string]float64{"waiting": 2}, ""},
		{"commas in a label", waiting(Metric{Where: map[string]string{"reason": "capacity, deferred"}}), "new_waiting{a=\"x,reason=\\\"y\\\"\",reason=\"capacity, deferred\"} 2\n",
			map[string]float64{"waiting": 2}, ""},
		{"a series that informs", map[string]Metric{"block_tokens": {Names: []string{"config_info"}, Label: "block_size"}}, "config_info{block_size=\"16\",dtype=\"fp8\"} 1\n",
			map[string]float64{"block_tokens": 16}, ""},
		{"of what it does not know", map[string]Metric{"block_tokens": {Names: []string{"config_info"}, Label: "block_size"}}, "config_info{block_size=\"None\"} 1\n",
			map[string]float64{}, ""},
		{"of what is no number", map[string]Metric{"block_tokens": {Names: []string{"config_info"}, Label: "block_size"}}, "config_info{block_size=\"auto\"} 1\n", nil,
			`config_info: label block_size is "auto", and no number`},
		{"no number of requests", waiting(Metric{}), "new_waiting NaN\n", map[string]float64{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, got, errs := readPage(t, c.figures, nil, c.page)
			if c.err != "" {
				require.ErrorIs(t, errs[0], ErrScrape)
				require.ErrorContains(t, errs[0], c.err)
				return
			}
			require.NoError(t, errs[0])
			assert.Equal(t, c.want, got[0])
			assert.Equal(t, c.page, string(p.LastScrape()))
			assert.Len(t, p.Names(), len(c.want))
		})
	}
}

// A process that began anew has counted anew, also where its counters are higher by now.
func TestPageRestart(t *testing.T) {
	figures := map[string]Metric{"prompt_tokens": {Names: []string{"prompt_tokens"}}, "waiting": {Names: []string{"waiting"}}}
	for name, c := range map[string]struct {
		after string
		reset bool
	}{
		"goes on":                 {"process_start_time_seconds 100\nprompt_tokens_total 60\nwaiting 0\n", false},
		"another start":           {"process_start_time_seconds 200\nprompt_tokens_total 60\nwaiting 4\n", true},
		"a counter that fell":     {"prompt_tokens_total 40\nwaiting 4\n", true},
		"a counter that is gone":  {"process_start_time_seconds 100\nwaiting 4\n", false},
		"the start is not told":   {"prompt_tokens_total 60\n", false},
		"a gauge falls as it may": {"process_start_time_seconds 100\nprompt_tokens_total 50\nwaiting 1\n", false},
	} {
		_, _, errs := readPage(t, figures, nil, "process_start_time_seconds 100\nprompt_tokens_total 50\nwaiting 4\n", c.after)
		require.NoError(t, errs[0], name)
		if c.reset {
			require.ErrorIs(t, errs[1], ErrReset, name)
		} else {
			require.NoError(t, errs[1], name)
		}
	}
}

// A page whose sums do not add up is not believed, in nothing.
func TestPageContradiction(t *testing.T) {
	figures := map[string]Metric{"prompt_tokens": {Names: []string{"prompt"}}, "computed_tokens": {Names: []string{"by_source"}, Where: map[string]string{"source": "computed"}},
		"device_hit_tokens": {Names: []string{"by_source"}, Where: map[string]string{"source": "cached"}}}
	equal := []Identity{{Sum: []string{"computed_tokens", "device_hit_tokens"}, Is: "prompt_tokens"}}
	sums := "by_source_total{source=\"computed\"} 60\nby_source_total{source=\"cached\"} 40\n"
	_, _, errs := readPage(t, figures, equal, "prompt_total 100\n"+sums, "prompt_total 101\n"+sums, sums)
	require.NoError(t, errs[0])
	require.ErrorContains(t, errs[1], "the page contradicts itself: prompt_tokens is 101, and computed_tokens, device_hit_tokens sum to 100: nothing of it is taken")
	require.NoError(t, errs[2], "what is not told contradicts nothing")
}

// An engine's figures become those of a sample; a page without any is an error that says what to do.
func TestPageSample(t *testing.T) {
	figures := map[string]Metric{"running": {Names: []string{"run"}}, "waiting": {Names: []string{"wait"}}, "kv_usage": {Names: []string{"use"}},
		"kv_max_blocks": {Names: []string{"most"}}, "iteration_seconds": {Names: []string{"step"}}}
	var s record.SysSample
	p := NewPage(pages("run 3\nuse 0.25\nmost 1000\nstep 0.05\n", "else 1\n", "run 1\nprocess_start_time_seconds 1\n", "run 1\nprocess_start_time_seconds 2\n"),
		pageAt, "engine", figures, nil)
	require.NoError(t, p.Sample(context.Background(), &s))
	assert.Equal(t, &record.Engine{Running: new(3.0), KVUsedBlocks: new(250.0), KVMaxBlocks: new(1000.0), IterMS: new(50.0)}, s.Engine)
	s = record.SysSample{}
	require.ErrorContains(t, p.Sample(context.Background(), &s), "none of the figures is on the page that the server's file names")
	assert.Nil(t, s.Engine)
	require.NoError(t, p.Sample(context.Background(), &s))
	s = record.SysSample{}
	require.ErrorIs(t, p.Sample(context.Background(), &s), ErrReset)
	assert.True(t, s.Reset)
}

// KV tiers in the words of vLLM with files behind it: bytes by direction, what was asked and found, and the fetches of the interval.
func TestKVPage(t *testing.T) {
	figures := map[string]Metric{
		"tier0_hits": {Names: []string{"hits"}}, "tier0_queries": {Names: []string{"queries"}},
		"tier2_bytes_in":  {Names: []string{"written"}, Where: map[string]string{"tier": "1:*"}},
		"tier2_bytes_out": {Names: []string{"read"}, Where: map[string]string{"tier": "1:*"}},
		"tier2_fetch":     {Names: []string{"latency_seconds"}, Where: map[string]string{"tier": "1:*"}, Sum: []string{"engine"}},
	}
	hist := func(n string, sum string) string {
		return "latency_seconds_bucket{tier=\"1:fs\",le=\"0.1\"} 0\nlatency_seconds_bucket{tier=\"1:fs\",le=\"+Inf\"} " + n + "\nlatency_seconds_count{tier=\"1:fs\"} " + n +
			"\nlatency_seconds_sum{tier=\"1:fs\"} " + sum + "\nlatency_seconds_bucket{tier=\"0:cpu\",le=\"+Inf\"} 99\nlatency_seconds_count{tier=\"0:cpu\"} 99\n"
	}
	p := KVPage{NewPage(pages("hits_total 10\nqueries_total 15\nread_total{tier=\"0:cpu\"} 7\nread_total{tier=\"1:fs\"} 1000\n"+hist("4", "1.0"),
		"hits_total 10\nqueries_total 15\nread_total{tier=\"1:fs\"} 3000\nwritten_total{tier=\"1:fs\"} 5\n"+hist("5", "1.3"), "other 1\n"), pageAt, "kv", figures, nil)}
	var s record.KVSample
	require.NoError(t, p.SampleKV(context.Background(), &s))
	assert.Equal(t, record.KVTier{Hits: new(10.0), Misses: new(5.0)}, s.Tier0)
	assert.Equal(t, record.KVTier{}, s.Tier1, "not told")
	assert.Equal(t, record.KVTier{BytesOut: new(1000.0), FetchCount: new(4.0), FetchQueueMS: new(0.0), FetchTransferMS: new(1000.0)}, s.Tier2)
	assert.Equal(t, []string{"tier0.misses"}, s.Derived)
	s = record.KVSample{}
	require.NoError(t, p.SampleKV(context.Background(), &s))
	assert.Equal(t, 3000.0, *s.Tier2.BytesOut)
	assert.Equal(t, 5.0, *s.Tier2.BytesIn)
	require.NotNil(t, s.Tier2.FetchP95ms)
	assert.InDelta(t, 300, *s.Tier2.FetchP95ms, 1e-6, "the one fetch between the pages")
	require.ErrorContains(t, p.SampleKV(context.Background(), &record.KVSample{}), "none of the figures is on the page")
}
