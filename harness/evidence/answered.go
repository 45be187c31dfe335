package evidence

import "sparkharness/harness/record"

// Answered sums the complete answers of a cell's measure phase whose tokens the server counted.
type Answered struct {
	Answers, Uneven int     // and those of them that came in another number of chunks than tokens
	Tokens, Chunks  float64 // output tokens, and the chunks with text that they came in
	TPOTms          float64 // sum of the answers' own
	TPOTs           int     // answers of two tokens and more
}

// add counts an answer in.
func (a *Answered) add(r *record.Request) {
	if r.RC != record.RCOK || r.OutputTokens == nil || r.TokensPerChunk == nil || *r.TokensPerChunk == 0 {
		return
	}
	a.Answers++
	if *r.TokensPerChunk != 1 {
		a.Uneven++
	}
	tokens := float64(*r.OutputTokens)
	a.Tokens, a.Chunks = a.Tokens+tokens, a.Chunks + tokens / *r.TokensPerChunk
	if r.ITLmeanMS != nil {
		a.TPOTms, a.TPOTs = a.TPOTms+*r.ITLmeanMS, a.TPOTs+1
	}
}

// answeredColumns fills the part of a row about chunks and sendings.
func answeredColumns(g *Group, r *Row) {
	var sum Answered
	var gaps record.GapHist
	again := 0
	for _, c := range g.Cells {
		if a := c.Answered; a != nil {
			sum.Tokens, sum.Chunks = sum.Tokens+a.Tokens, sum.Chunks+a.Chunks
			sum.TPOTms, sum.TPOTs = sum.TPOTms+a.TPOTms, sum.TPOTs+a.TPOTs
			sum.Uneven += a.Uneven
		}
		if more := c.Info.Load.ChunkGaps; more != nil {
			gaps.Merge(more)
		}
		again += c.SentAgain
	}
	r.ChunkGaps = newITL(&gaps)
	if again > 0 {
		r.SentAgain = &again
	}
	if sum.Uneven == 0 {
		return // gaps are those of tokens, and say it all
	}
	if sum.Chunks > 0 {
		r.TokensPerChunk = new(sum.Tokens / sum.Chunks)
	}
	if sum.TPOTs > 0 {
		r.TPOT = new(sum.TPOTms / float64(sum.TPOTs))
	}
}

// newITL are the figures of a histogram, nil if it is empty.
func newITL(gaps *record.GapHist) *ITL {
	n := gaps.Count()
	if n == 0 {
		return nil
	}
	p50, _ := gaps.Quantile(0.5)
	p99, _ := gaps.Quantile(0.99)
	return &ITL{P50: p50.Seconds() * 1e3, P99: p99.Seconds() * 1e3, Max: gaps.Max().Seconds() * 1e3, Gaps: int64(n)}
}
