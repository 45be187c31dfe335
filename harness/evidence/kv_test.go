package evidence

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// The bytes of a fetch are spread over the time that its transfer took, which ended before the sample.
func TestFetchBytesAreSpread(t *testing.T) {
	start := 100.0
	c := &Cell{Windows: newWindows(tenSeconds(), 30), Info: record.CellInfo{Load: record.LoadSummary{MeasureStart: &start, MeasureEnd: new(130.0)}}}
	at := func(ts, blocks, bytes, count, transfer float64) *record.KVSample {
		return &record.KVSample{TS: ts, Tier2: record.KVTier{Hits: &blocks, BytesOut: &bytes, FetchCount: &count, FetchTransferMS: &transfer, FetchQueueMS: new(0.0)}}
	}
	kv := &KVCounters{}
	kv.spread(c, at(111.8, 0, 0, 0, 0), at(112, 40, 8e9, 1, 4000))       // from 108 to 112: half in each window
	kv.spread(c, at(112, 40, 8e9, 1, 4000), at(112.2, 40, 8e9, 1, 4000)) // nothing ended
	kv.spread(c, at(131.8, 40, 8e9, 1, 4000), at(132, 80, 16e9, 2, 8000))
	assert.InDelta(t, 4e9, c.Windows[0].sums.Predicted, 1)
	assert.InDelta(t, 4e9, c.Windows[1].sums.Predicted, 1)
	assert.InDelta(t, 4e9, c.Windows[2].sums.Predicted, 1, "of a fetch that ended 2 s after the phase")
	assert.InDelta(t, 12e9, *kv.Tier2Spread, 1, "the account takes what lies inside the phase")
}

// Of a fetch that began before the phase, and of one that ended after it, the account takes the part that lies inside.
func TestFetchesAcrossTheEdges(t *testing.T) {
	for _, tc := range []struct {
		name       string
		to, within float64
	}{
		{"ended before", 99.8, 0},
		{"as it began", 100, 0},
		{"a quarter of it before", 103, 6e9},
		{"inside", 104, 8e9},
		{"the last", 130, 8e9},
		{"a quarter of it after", 131, 6e9},
		{"began after", 135, 0},
	} {
		c := &Cell{Info: record.CellInfo{Load: record.LoadSummary{MeasureStart: new(100.0), MeasureEnd: new(130.0)}}}
		at := func(ts, bytes, transfer float64) *record.KVSample {
			return &record.KVSample{TS: ts, Tier2: record.KVTier{BytesOut: &bytes, FetchTransferMS: &transfer}}
		}
		kv := &KVCounters{}
		kv.spread(c, at(tc.to-0.2, 0, 0), at(tc.to, 8e9, 4000))
		assert.InDelta(t, tc.within, *kv.Tier2Spread, 1, tc.name)
	}
}

// A counter that was born inside the phase has counted from 0 since the line before; one of which nobody knows that is not known.
func TestCountersBornInThePhase(t *testing.T) {
	for name, born := range map[string][]string{"born": {"tier2.hits", "tier2.bytes_out"}, "found": nil} {
		path := filepath.Join(t.TempDir(), "dynkv.jsonl")
		w, err := record.Create(path, 1)
		require.NoError(t, err)
		none := record.KVTier{}
		for _, s := range []record.KVSample{
			{TS: 99, Phase: record.PhaseWarmup, Tier2: none}, {TS: 101, Phase: record.PhaseMeasure, Tier2: none},
			{TS: 102, Phase: record.PhaseMeasure, Tier2: record.KVTier{Hits: new(30.0), BytesOut: new(3e9)}, Born: born},
			{TS: 103, Phase: record.PhaseMeasure, Tier2: record.KVTier{Hits: new(40.0), BytesOut: new(4e9)}},
		} {
			require.NoError(t, w.Write(&s))
		}
		require.NoError(t, w.Close())
		c := &Cell{Info: record.CellInfo{Load: record.LoadSummary{MeasureStart: new(100.0), MeasureEnd: new(130.0)}}}
		require.NoError(t, c.loadKV(path))
		if born == nil {
			assert.Nil(t, c.KV.Tier2Hits, name)
			assert.Equal(t, 1e9, *c.KV.Tier2Spread, name)
			continue
		}
		assert.Equal(t, []float64{40, 4e9, 4e9}, []float64{*c.KV.Tier2Hits, *c.KV.Tier2BytesOut, *c.KV.Tier2Spread}, name)
		assert.Len(t, c.KV.Tier2Found, 2, name)
		assert.False(t, c.KV.Resets, name)
	}
}
