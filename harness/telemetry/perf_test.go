package telemetry

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

func TestPerfDrain(t *testing.T) {
	page := string(fixture(t, "perf_metrics.json"))
	drained := false
	p := NewPerf(serve(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/perf_metrics", r.URL.Path)
		if drained {
			page = "[]"
		}
		drained = true
		_, _ = io.WriteString(w, page)
	}), "http://engine:8355/")
	got, err := p.Drain(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []record.PerfLine{
		{RequestID: "41", WaitMS: new(250.), PrefillMS: new(750.)},
		{RequestID: "cmpl-7f", WaitMS: new(0.5)},
		{},
	}, got)
	got, err = p.Drain(t.Context())
	require.NoError(t, err)
	assert.Empty(t, got)
}

func TestPerfFails(t *testing.T) {
	full := string(fixture(t, "perf_metrics.json"))
	for name, page := range map[string]string{
		"cut in half": full[:len(full)/2], "an object": `{"error":"no"}`, "text": "Not Found", "a time that is text": `[{"perf_metrics":{"timing_metrics":{"arrival_time":"x"}}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NewPerf(pages(page), "http://engine:8355").Drain(t.Context())
			require.ErrorIs(t, err, ErrScrape)
			assert.ErrorContains(t, err, "not a JSON array of requests")
			assert.Nil(t, got)
		})
	}
}

func FuzzPerfMetrics(f *testing.F) {
	f.Add(fixture(f, "perf_metrics.json"))
	f.Add([]byte(`[{"request_id":null},{"request_id":{"a":1}},null]`))
	f.Add([]byte(`[{"request_id":"é","perf_metrics":{"timing_metrics":{"arrival_time":1e-300,"first_scheduled_time":1.7e308}}}]`))
	f.Fuzz(func(t *testing.T, page []byte) {
		recs, err := parsePerf(page)
		require.False(t, err != nil && recs != nil)
		for _, r := range recs {
			for _, ms := range []*float64{r.WaitMS, r.PrefillMS} {
				if ms != nil {
					require.True(t, finite(*ms) && *ms >= 0, "%v", *ms)
				}
			}
		}
	})
}

func BenchmarkPerf(b *testing.B) {
	p := NewPerf(pages(string(fixture(b, "perf_metrics.json"))), "http://engine:8355")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Drain(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
