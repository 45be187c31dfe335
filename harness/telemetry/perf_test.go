package telemetry

import (
	"io"
	"net/http"
	"strings"
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

// Times that no engine can have taken are as if it had not told them, and an id is no longer than a line.
func TestPerfIsBounded(t *testing.T) {
	item := func(id, arrival, scheduled, first string) string {
		return `[{"request_id":` + id + `,"perf_metrics":{"timing_metrics":{"arrival_time":` + arrival + `,"first_scheduled_time":` + scheduled + `,"first_token_time":` + first + `}}}]`
	}
	for name, tt := range map[string]struct {
		page string
		want record.PerfLine
	}{
		"a week":          {item(`1`, "1", "604801", "604801"), record.PerfLine{RequestID: "1", WaitMS: new(604800e3), PrefillMS: new(0.)}},
		"more than that":  {item(`1`, "1", "604801.001", "604802"), record.PerfLine{RequestID: "1", PrefillMS: new(999.)}},
		"backwards":       {item(`1`, "3", "2", "1"), record.PerfLine{RequestID: "1"}},
		"before the zero": {item(`1`, "-2", "-1", "1"), record.PerfLine{RequestID: "1"}},
		"huge":            {item(`1`, "1e-300", "1.7e200", "1.7e308"), record.PerfLine{RequestID: "1"}},
		"escapes":         {item(`"\u001b[2J"`, "0", "0", "0"), record.PerfLine{RequestID: `\x1b[2J`}},
		"a long id":       {item(`"`+strings.Repeat("a", 1000)+`"`, "0", "0", "0"), record.PerfLine{RequestID: strings.Repeat("a", 200) + " ..."}},
		"an object":       {item(`{"a":"\u001b"}`, "0", "0", "0"), record.PerfLine{RequestID: `{"a":"\u001b"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NewPerf(pages(tt.page), "http://engine:8355").Drain(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []record.PerfLine{tt.want}, got)
		})
	}
	_, err := NewPerf(pages(item(`1`, strings.Repeat("1", 1000), "1", "1")), "http://engine:8355").Drain(t.Context())
	require.ErrorIs(t, err, ErrScrape)
	assert.Less(t, len(err.Error()), 400)
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
					require.True(t, lasted(*ms/1e3), "%v", *ms)
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
