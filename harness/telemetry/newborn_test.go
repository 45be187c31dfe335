package telemetry

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// A counter that a page has for the first time has counted from 0, if the page before was the same process's.
func TestNewbornCounters(t *testing.T) {
	const start, again = "process_start_time_seconds 100\n", "process_start_time_seconds 200\n"
	figures := map[string]Metric{"tier2_hits": {Names: []string{"hits"}}, "tier0_hits": {Names: []string{"device"}}, "waiting": {Names: []string{"waiting"}}}
	for name, c := range map[string]struct {
		pages []string
		want  []string
		reset bool
	}{
		"the first page":               {[]string{start + "hits_total 5\n"}, nil, false},
		"one process":                  {[]string{start, start + "hits_total 5\n"}, []string{"tier2_hits"}, false},
		"at none":                      {[]string{start, start + "hits_total 0\n"}, []string{"tier2_hits"}, false},
		"two at once":                  {[]string{start, start + "hits_total 5\ndevice_total 7\n"}, []string{"tier0_hits", "tier2_hits"}, false},
		"once":                         {[]string{start, start + "hits_total 5\n", start + "hits_total 6\n"}, nil, false},
		"not there for a page":         {[]string{start + "hits_total 5\n", start, start + "hits_total 6\n"}, nil, false},
		"no counter":                   {[]string{start, start + "waiting 5\n"}, nil, false},
		"its time of creation is none": {[]string{start, start + "hits_created 1.7e9\n"}, nil, false},
		"another process":              {[]string{start, again + "hits_total 5\n"}, nil, true},
		"one that tells its start now": {[]string{"device_total 5\n", start + "device_total 5\nhits_total 5\n"}, nil, false},
		"no start, one that went on":   {[]string{"device_total 5\n", "device_total 5\nhits_total 5\n"}, []string{"tier2_hits"}, false},
		"no start, none had counted":   {[]string{"device_total 0\n", "device_total 5\nhits_total 5\n"}, nil, false},
		"no start, one fell":           {[]string{"device_total 5\n", "device_total 4\nhits_total 5\n"}, nil, true},
		"after a restart":              {[]string{start + "hits_total 5\n", again, again + "hits_total 2\n"}, []string{"tier2_hits"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := NewPage(pages(c.pages...), pageAt, "kv", figures, nil)
			var err error
			for range c.pages {
				_, err = p.Read(context.Background())
			}
			if c.reset {
				require.ErrorIs(t, err, ErrReset)
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, c.want, p.Born())
		})
	}
}

// A line names the counters that were born before it, the fetches' three among them.
func TestNewbornCountersOfALine(t *testing.T) {
	p := KVPage{NewPage(pages("process_start_time_seconds 1\ndevice_total 4\n", "process_start_time_seconds 1\ndevice_total 4\nread_total 800\n"+
		"latency_seconds_bucket{le=\"+Inf\"} 1\nlatency_seconds_count 1\nlatency_seconds_sum 0.5\n"), pageAt, "kv",
		map[string]Metric{"tier0_hits": {Names: []string{"device"}}, "tier2_bytes_out": {Names: []string{"read"}}, "tier2_fetch": {Names: []string{"latency_seconds"}}}, nil)}
	var s record.KVSample
	require.NoError(t, p.SampleKV(context.Background(), &s))
	assert.Nil(t, s.Tier2.BytesOut)
	assert.Empty(t, s.Born)
	s = record.KVSample{}
	require.NoError(t, p.SampleKV(context.Background(), &s))
	assert.Equal(t, []string{"tier2.bytes_out", "tier2.fetch_count", "tier2.fetch_queue_ms_sum", "tier2.fetch_transfer_ms_sum"}, s.Born)
	for _, name := range s.Born {
		require.NotNil(t, s.Counter(name), name)
		assert.NotNil(t, *s.Counter(name), name)
	}
	assert.Nil(t, s.Counter("tier2.fetch_p95_ms"), "no counter")
	assert.Nil(t, s.Counter("prefetches"))
}
