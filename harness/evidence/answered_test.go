package evidence

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// counted is a line of an answer of so many tokens in so many chunks.
func counted(phase string, tokens, chunks int, tpot *float64) record.Request {
	return record.Request{Phase: phase, OutputTokens: &tokens, TokensPerChunk: ptr(float64(tokens) / float64(chunks)), ITLmeanMS: tpot}
}

func TestAnsweredColumns(t *testing.T) {
	again := counted(record.PhaseMeasure, 8, 2, ptr(4.0))
	again.SentAgain = true
	several := requestsOf(t, again, counted(record.PhaseMeasure, 4, 2, ptr(8.0)), counted(record.PhaseMeasure, 1, 1, nil),
		counted(record.PhaseWarmup, 90, 1, ptr(90.0)), record.Request{Phase: record.PhaseMeasure, ITLmeanMS: ptr(90.0)})
	several.Info.Load.ChunkGaps = new(record.GapHist)
	several.Info.Load.ChunkGaps.Add(10 * time.Millisecond)
	single := requestsOf(t, counted(record.PhaseMeasure, 7, 7, ptr(3.0)))
	var r Row
	answeredColumns(&Group{Cells: []*Cell{several, single}}, &r)
	assert.Equal(t, ptr(20.0/12), r.TokensPerChunk)
	assert.Equal(t, ptr(5.0), r.TPOT)
	assert.Equal(t, &ITL{10, 10, 10, 1}, r.ChunkGaps)
	require.NotNil(t, r.SentAgain)
	assert.Equal(t, 1, *r.SentAgain)
}

// Lines of earlier versions and servers that count nothing leave a row without these columns, in its JSON too.
func TestNothingAnsweredIsCounted(t *testing.T) {
	tokens := 5
	c := requestsOf(t, record.Request{Phase: record.PhaseMeasure, OutputTokens: &tokens, ITLmeanMS: ptr(3.0)})
	assert.Nil(t, c.Answered)
	var r Row
	answeredColumns(&Group{Cells: []*Cell{c}}, &r)
	assert.Equal(t, Row{}, r)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	for _, name := range []string{"tokens_per_chunk", "tpot_mean_ms", "chunk_gap_ms", "sent_again"} {
		assert.NotContains(t, string(text), name)
	}
}

// A machine whose chunks hold a token each is the one that it was before chunks were counted.
func TestFingerprintKnowsNoEvenChunks(t *testing.T) {
	print := func(cells ...*Cell) string {
		s, err := (&Evidence{Cells: cells}).Fingerprint()
		require.NoError(t, err)
		return s
	}
	plain, even, uneven := counted(record.PhaseMeasure, 4, 4, nil), counted(record.PhaseMeasure, 4, 4, nil), counted(record.PhaseMeasure, 4, 2, nil)
	plain.TokensPerChunk = nil
	before := print(requestsOf(t, plain))
	assert.Equal(t, before, print(requestsOf(t, even)))
	assert.NotEqual(t, before, print(requestsOf(t, uneven)))
	again := plain
	again.SentAgain = true
	assert.NotEqual(t, before, print(requestsOf(t, again)))
}
