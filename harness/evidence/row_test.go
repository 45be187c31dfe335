package evidence

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
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
