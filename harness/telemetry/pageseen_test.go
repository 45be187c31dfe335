package telemetry

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// A page is told by its URL without what may be secret, the names that it has, the process that it is of, and how old its figures are.
func TestPageSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		figures := map[string]Metric{"running": {Names: []string{"new_running", "running"}}, "waiting": {Names: []string{"waiting"}}, "prompt_tokens": {Names: []string{"prompt"}},
			"tier2_fetch": {Names: []string{"latency_seconds"}}}
		const start = "process_start_time_seconds 1.7e9\n"
		page := start + "running 1\nprompt_total 5\n"
		p := NewPage(pages(page, page, start+"running 0\nprompt_total 5\n", start+"running 0\nprompt_total 5\n", "running"), "http://127.0.0.1:1/metrics?token=word", "engine", figures, nil)
		assert.Equal(t, record.PageSeen{Name: "engine", URL: p.Seen().URL, Names: map[string]string{}, Missing: []string{"prompt_tokens", "running", "tier2_fetch", "waiting"}}, p.Seen())
		at := func(s float64) *float64 { return new(float64(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()) + s) }
		read := func() record.PageSeen {
			_, err := p.Read(context.Background())
			require.NoError(t, err)
			time.Sleep(time.Second)
			return p.Seen()
		}
		want := record.PageSeen{Name: "engine", URL: p.Seen().URL, Names: map[string]string{"running": "running", "prompt_tokens": "prompt"}, Missing: []string{"tier2_fetch", "waiting"},
			Counts: true, Began: new(1.7e9), First: at(0), Last: at(0)}
		assert.NotContains(t, want.URL, "word")
		assert.Equal(t, want, read())
		want.Last = at(1)
		assert.Equal(t, want, read(), "the same once more")
		want.Last, want.Changed = at(2), at(2)
		assert.Equal(t, want, read())
		want.Last = at(3)
		assert.Equal(t, want, read())
		_, err := p.Read(context.Background())
		require.Error(t, err)
		assert.Equal(t, want, p.Seen(), "half a page is none")
	})
}
