package sheet

import (
	"encoding/csv"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// The trace has each byte that the KV manager counted, a line a block, in the order of time.
func TestKVTrace(t *testing.T) {
	const dir = recorded + "/h4b"
	r := read(t, dir)
	var b strings.Builder
	taken, err := r.KVTrace(&b, dir, "")
	require.NoError(t, err)
	lines, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, []string{"Timestamp", "Operation", "Object_Size_Bytes", "Tier", "Key", "Phase"}, lines[0])
	sums := map[string]float64{}
	last := 0.0
	for _, l := range lines[1:] {
		at, err := strconv.ParseFloat(l[0], 64)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, at, last)
		last = at
		bytes, err := strconv.ParseFloat(l[2], 64)
		require.NoError(t, err)
		assert.InDelta(t, 10<<20, bytes, 0, "a block of a 70B")
		assert.Empty(t, l[4])
		sums[l[1]+" "+l[3]+" "+l[5]] += bytes
	}
	i := 0
	for i < len(r.Evidence.Cells) && r.Evidence.Cells[i].Key != taken {
		i++
	}
	require.Less(t, i, len(r.Evidence.Cells))
	var first, end *record.KVSample
	require.NoError(t, record.ReadComplete(record.CellPath(dir, r.Evidence.Cells[i].Cell)+"/dynkv.jsonl", func(s *record.KVSample) error {
		if first == nil {
			first = s
		}
		end = s
		return nil
	}))
	assert.Equal(t, map[string]float64{
		"Write Tier-1 Prefill": *end.Tier1.BytesIn - *first.Tier1.BytesIn,
		"Write Tier-2 Evict":   *end.Tier2.BytesIn - *first.Tier2.BytesIn, "Read Tier-2 Decode": *end.Tier2.BytesOut - *first.Tier2.BytesOut}, sums)
	assert.InDelta(t, *first.Tier1.BytesOut, *end.Tier1.BytesOut, 0, "what moved nothing has no line")
}

func TestKVTraceRefuses(t *testing.T) {
	var b strings.Builder
	r := read(t, recorded+"/h0")
	_, err := r.KVTrace(&b, recorded+"/h0", "")
	require.ErrorIs(t, err, ErrNoTier2)
	r = read(t, recorded+"/h2b")
	_, err = r.KVTrace(&b, recorded+"/h2b", "stack=A/ctx=4096/conc=32/rep=1")
	require.ErrorIs(t, err, ErrNoTier2)
	_, err = r.KVTrace(&b, recorded+"/h2b", "stack=C")
	require.ErrorContains(t, err, `has no complete cell "stack=C"`)
	assert.Empty(t, b.String())
}

func TestOperations(t *testing.T) {
	at := func(ts, in, out float64) *record.KVSample {
		return &record.KVSample{TS: ts, BlockSizeBytes: new(10.0), Tier2: record.KVTier{BytesIn: &in, BytesOut: &out}}
	}
	assert.Equal(t, []kvOperation{{at: 11, move: 2, bytes: 10}, {at: 12, move: 3, bytes: 10}, {at: 12, move: 2, bytes: 10}, {at: 13, move: 2, bytes: 5}},
		sorted(operations(at(10, 0, 0), at(14, 25, 10))))
	now := at(14, 25, 10)
	now.BlockSizeBytes = nil
	assert.Len(t, operations(at(10, 0, 0), now), 2, "of unknown size it is one object")
	assert.Empty(t, operations(at(10, 5, 5), at(14, 5, 5)))
}

// sorted puts reads before writes of the same time, which have no order.
func sorted(all []kvOperation) []kvOperation {
	for i := 1; i < len(all); i++ {
		if all[i].at == all[i-1].at && all[i].move > all[i-1].move {
			all[i], all[i-1] = all[i-1], all[i]
		}
	}
	return all
}
