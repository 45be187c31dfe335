package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/verdict"
)

// chunked is the sample with answers of several tokens a chunk.
func chunked() *verdict.Judgement {
	r := sampleH2B()
	for i := range r.Rows {
		r.Rows[i].TokensPerChunk, r.Rows[i].TPOT = ptr(3.5), ptr(61)
	}
	last := &r.Rows[len(r.Rows)-1]
	last.ITL, last.ChunkGaps = nil, &evidence.ITL{P50: 244.4, P99: 390, Max: 1210, Gaps: 15}
	return r
}

func TestAnswersTable(t *testing.T) {
	r := chunked()
	again := 1234
	r.Rows[0].SentAgain = &again
	s := tableOf(t, r)
	_, below, found := strings.Cut(s, "\nanswers\n")
	assert.True(t, found)
	below, _, _ = strings.Cut(below, "\n\nworkload\n")
	assert.Regexp(t, `tokens +TPOT +gaps of tokens \(ITL\) +gaps of chunks +sent`, below)
	assert.Regexp(t, `\nstack=A/ctx=256/conc=6 +3.50 +61.0 +244 / 390 / 1,210 +- +1,234\n`, below)
	assert.Regexp(t, `\nstack=B/ctx=4096/conc=6 +3.50 +61.0 +- +244 / 390 / 1,210 +-(\n|$)`, below)
	for line := range strings.SplitSeq(s, "\n") {
		assert.LessOrEqual(t, len([]rune(line)), 160, line)
	}
	page := indexOf(t, map[string]*verdict.Judgement{"a": r})
	assert.Contains(t, page, "<h3>Answers by cell</h3>")
	assert.Contains(t, page, "tokens a chunk, 1")
	assert.NoError(t, compiled(t).Validate(document(t, r)))
}

// A table says that chunks are tokens by not being there.
func TestAnswersTableOfATokenAChunk(t *testing.T) {
	even := chunked()
	for i := range even.Rows {
		even.Rows[i].TokensPerChunk, even.Rows[i].ChunkGaps = ptr(1), nil
	}
	for name, r := range map[string]*verdict.Judgement{"nothing is known": sampleH2B(), "a token a chunk": even} {
		assert.NotContains(t, tableOf(t, r), "\nanswers\n", name)
		assert.NotContains(t, indexOf(t, map[string]*verdict.Judgement{"a": r}), "Answers by cell", name)
	}
	none := evidence.Row{Cell: "a"}
	again := 1
	assert.Nil(t, answersColumns([]evidence.Row{none}))
	assert.NotNil(t, answersColumns([]evidence.Row{none, {SentAgain: &again}}))
	assert.NotNil(t, answersColumns([]evidence.Row{none, {ChunkGaps: &evidence.ITL{}}}))
	assert.NotNil(t, answersColumns([]evidence.Row{none, {TokensPerChunk: ptr(0.5)}}))
}
