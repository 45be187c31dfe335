package trace

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"time"
)

// Stats describes a trace after its options.
type Stats struct {
	Requests int
	LeftOut  int // longer than Options.MaxInput
	Sessions int
	SpanS    float64 // from the first request to the last
	// RatePerS is one over the mean gap between requests; nil where there is no gap above 0.
	RatePerS *float64
	// GapCV is the coefficient of variation of the gaps, 1 for a Poisson process; nil as above.
	GapCV *float64

	Input, Output Lengths
	InputTokens   int64 // of all prompts

	DistinctBlocks int
	// ReusedRequests had at least one block that came in an earlier request.
	ReusedRequests int
	// ReusableShare of all prompt tokens stand in a prefix that came before: what a prefix cache without
	// limit would serve.
	ReusableShare float64
	// LRU is the hit rate against the size of the cache: powers of two, the last one holds every block.
	LRU []HitRate
}

// Lengths summarizes lengths in tokens. Percentiles are of Hyndman and Fan's type 7.
type Lengths struct {
	Mean, P50, P90, P99 float64
	Max                 int
}

// HitRate is the share of all prompt tokens that an LRU prefix cache of that many blocks serves. The
// cache is ideal: it takes a request's blocks in whole at once when it arrives, and only what follows a hit
// on all blocks before counts as a hit. The last block counts with its own length.
type HitRate struct {
	Blocks int
	Share  float64
}

// Describe reads the file twice. Its memory grows with the number of blocks in the trace.
func Describe(path string, o Options) (Stats, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Stats{}, err
	}
	all, err := countSessions(path)
	if err != nil {
		return Stats{}, err
	}
	r, err := open(path, o, all)
	if err != nil {
		return Stats{}, err
	}
	defer r.Close()

	c := newCollector(all.blocks)
	for {
		req, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Stats{}, err
		}
		c.add(req, all.key(req))
	}
	if len(c.inputs) == 0 {
		return Stats{}, fmt.Errorf("%s: none of %d requests is left: keep more sessions, or allow longer prompts (%d were too long)", path, all.requests, r.LeftOut())
	}
	st := c.stats()
	st.LeftOut = r.LeftOut()
	return st, nil
}

// collector gathers what Stats is made of.
type collector struct {
	first, last     time.Duration
	gaps            []float64 // s
	inputs, outputs []int
	sessions        map[int64]bool
	blocks          *distances
	reused          int
	tokens          int64     // of all prompts
	hits            [64]int64 // hits[k] prompt tokens need a cache of 2^k blocks and no smaller one
}

func newCollector(touches int) *collector {
	return &collector{sessions: map[int64]bool{}, blocks: newDistances(touches)}
}

func (c *collector) add(r Request, session int64) {
	if len(c.inputs) == 0 {
		c.first = r.At
	} else {
		c.gaps = append(c.gaps, (r.At - c.last).Seconds())
	}
	c.last = r.At
	c.inputs = append(c.inputs, r.Input)
	c.outputs = append(c.outputs, r.Output)
	c.sessions[session] = true
	c.tokens += int64(r.Input)

	needed := 0 // blocks of the smallest cache that has the prefix so far
	for i, id := range r.Blocks {
		distance, ok := c.blocks.of(id)
		if !ok {
			break
		}
		if i == 0 {
			c.reused++
		}
		needed = max(needed, distance)
		c.hits[bits.Len(uint(needed-1))] += int64(r.Tokens(i))
	}
	// From the last to the first, so that the end of a prompt, useless without its start, goes first.
	for _, id := range slices.Backward(r.Blocks) {
		c.blocks.touch(id)
	}
}

func (c *collector) stats() Stats {
	distinct := len(c.blocks.last)
	st := Stats{
		Requests: len(c.inputs), Sessions: len(c.sessions), SpanS: (c.last - c.first).Seconds(),
		Input: lengths(c.inputs), Output: lengths(c.outputs), InputTokens: c.tokens,
		DistinctBlocks: distinct, ReusedRequests: c.reused,
	}
	if st.SpanS > 0 {
		mean := st.SpanS / float64(len(c.gaps))
		square := 0.0
		for _, g := range c.gaps {
			square += (g - mean) * (g - mean)
		}
		rate, cv := 1/mean, math.Sqrt(square/float64(len(c.gaps)))/mean
		st.RatePerS, st.GapCV = &rate, &cv
	}
	served := int64(0)
	for k := 0; ; k++ {
		served += c.hits[k]
		st.ReusableShare = float64(served) / float64(c.tokens)
		st.LRU = append(st.LRU, HitRate{Blocks: 1 << k, Share: st.ReusableShare})
		if 1<<k >= distinct {
			return st
		}
	}
}

func lengths(values []int) Lengths {
	sorted := slices.Sorted(slices.Values(values))
	sum := 0.0
	for _, v := range sorted {
		sum += float64(v)
	}
	quantile := func(p float64) float64 {
		at := p * float64(len(sorted)-1)
		low := int(at)
		high := min(low+1, len(sorted)-1)
		return float64(sorted[low]) + (at-float64(low))*float64(sorted[high]-sorted[low])
	}
	return Lengths{
		Mean: sum / float64(len(sorted)), P50: quantile(0.5), P90: quantile(0.9), P99: quantile(0.99),
		Max: sorted[len(sorted)-1],
	}
}
