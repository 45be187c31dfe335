package verdict

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// part is one of an observer's look: n answers of a second, with this p50 TTFT, 0 for none.
func part(watched bool, n int, ttft float64) record.ObservedPart {
	p := record.ObservedPart{Watched: watched, Seconds: 1, Requests: n}
	if ttft > 0 {
		p.TTFTp50MS = &ttft
	}
	return p
}

// Watched is compared with not watched, whichever of a pair came first; what is discarded counts for nothing.
func TestObserverEffect(t *testing.T) {
	first := part(false, 1, 9999)
	first.Discard = true
	o := &record.Observed{CadenceMS: 200, Parts: []record.ObservedPart{first,
		part(true, 90, 110), part(false, 100, 100), part(false, 100, 100), part(true, 90, 110), part(true, 90, 110), part(false, 100, 100)}}
	found := observerEffect([]*evidence.Cell{{}, {Info: record.CellInfo{Observed: o}}})
	require.Len(t, found, 2)
	assert.InDelta(t, 1.1, *found[0].Value, 1e-9)
	assert.InDelta(t, 1.1, *found[0].Lo, 1e-9)
	assert.InDelta(t, 0.9, *found[1].Value, 1e-9)
	assert.Equal(t, "the same load with a sample every 200 ms and without, 3 pairs after the first cell, 0 requests failed", found[0].Detail)

	for name, parts := range map[string][]record.ObservedPart{
		"nothing": nil, "one pair": o.Parts[:3], "no answers": {part(true, 0, 0), part(false, 0, 0), part(true, 0, 0), part(false, 0, 0)},
		"both watched": {part(true, 1, 1), part(true, 1, 1), part(true, 1, 1), part(true, 1, 1)},
	} {
		for _, f := range observerEffect([]*evidence.Cell{{Info: record.CellInfo{Observed: &record.Observed{Parts: parts}}}}) {
			assert.Nil(t, f.Value, name)
			assert.Contains(t, f.Detail, "too few to tell", name)
		}
	}
	o.Error = "connection refused"
	assert.Contains(t, observerEffect([]*evidence.Cell{{Info: record.CellInfo{Observed: o}}})[0].Detail, "; it ended early: connection refused")
	assert.Empty(t, observerEffect([]*evidence.Cell{{}}))
}

func TestClientUse(t *testing.T) {
	cell := func(key string, u *record.ClientUse) *evidence.Cell {
		c := &evidence.Cell{Info: record.CellInfo{Client: u}}
		c.Key = key
		return c
	}
	found := clientUse([]*evidence.Cell{cell("a", nil), cell("b", &record.ClientUse{Seconds: 10, CPUSeconds: 1, RSSBytes: new(50.0 * (1 << 20)), CPUs: "0-1"}),
		cell("c", &record.ClientUse{Seconds: 30, CPUSeconds: 1}), cell("d", &record.ClientUse{})})
	require.Len(t, found, 1)
	assert.InDelta(t, 10, *found[0].Value, 1e-9)
	assert.Equal(t, "of a CPU, in b, CPUs 0-1; on average 5.0 %, over 2 cells; at most 50 MiB of memory", found[0].Detail)
	assert.Empty(t, clientUse([]*evidence.Cell{cell("a", nil)}), "not measured is no finding of 0")
}
