package evidence

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// A request looks its prompt up before it is answered: one without an answer counts with the length that was meant to be
// sent, one with an answer with the length that the server counted. A rest of a block is not looked up.
func TestLookupsOfAllRequests(t *testing.T) {
	ev := repetitions()
	ev.Exp.Stacks["A"].Runtime.TokensPerBlock = 10
	for _, c := range ev.Cells {
		c.Requests = []Request{
			{RC: record.RCOK, Nominal: 1000, Prompt: ptr(609)},
			{RC: record.RCTimeout, Nominal: 408},
		}
		c.KV = &KVCounters{Tier1Hits: ptr(50.0), Tier2Hits: ptr(20.0)}
	}
	kv := ev.KV(ev.Groups()[0])
	require.NotNil(t, kv.Tier1Share)
	assert.InDelta(t, 0.5, *kv.Tier1Share, 1e-12, "150 of 3 x (60 + 40) blocks")
	assert.InDelta(t, 0.2, *kv.Tier2Share, 1e-12)
}
