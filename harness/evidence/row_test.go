package evidence

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// A time-out is a censored observation; a failed request says nothing about latency.
func TestRowCounts(t *testing.T) {
	ev := repetitions()
	r := ev.Cells[0].Requests
	r[0] = Request{RC: record.RCTimeout, TTFT: 60000, HasTTFT: true, Censored: true}
	r[1] = Request{RC: record.RCRejected}
	r[2] = Request{RC: record.RCServer}
	row := ev.row(ev.Groups()[0])
	assert.Equal(t, 330, row.Samples)
	assert.Equal(t, 1, row.Censored)
	assert.Equal(t, 1, row.Rejected)
	assert.Equal(t, 1, row.Failed)
	assert.Nil(t, row.TTFT.P99Bound, "no bound over lower bounds")
	require.NotNil(t, row.TTFT.P50)
	assert.InDelta(t, 327.0/900, row.RPS, 1e-9, fmt.Sprint(row.RPS))
	assert.Nil(t, row.Tier2Hit, "no KV manager, no hits: not 0")
}

// The bounds of a row are those of the repetitions' intervals at 95 %, each end at 0.975, for every kind of latency.
func TestRowPrintsIntervalsOfTheRepetitions(t *testing.T) {
	ev := repetitions()
	for _, c := range ev.Cells {
		for i := range c.Requests {
			r := &c.Requests[i]
			r.TTFT, r.E2E, r.HasE2E = r.TTFT+float64(i%7), 1000+float64(i%11)*float64(c.Rep), true
		}
	}
	g := ev.Groups()[0]
	row := ev.row(g)
	for name, c := range map[string]struct {
		reps []stats.Rep
		got  Latency
	}{"TTFT": {g.TTFT(), row.TTFT}, "E2E": {g.E2E(), row.E2E}} {
		want, err := stats.Percentiles(c.reps, 0.975, 0.5, 0.95, 0.99)
		require.NoError(t, err)
		for i, got := range []*Percentile{c.got.P50, c.got.P95, c.got.P99} {
			assert.Equal(t, stats.Estimate{Value: &want[i].Value, Lo: want[i].Lo, Hi: want[i].Hi}, got.Estimate, name)
		}
		assert.Less(t, *c.got.P50.Lo, *c.got.P50.Hi, name)
	}
}
