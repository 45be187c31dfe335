package trace

import (
	"errors"
	"io"
	"math/rand/v2"
)

const (
	// commonShare is the largest share of a trace's requests that an uncommon block is in: longer
	// conversations than a hundredth of all traffic are not expected.
	commonShare = 0.01
	// uncommonUses is for small traces, where one conversation may be more than commonShare: a block of so
	// many requests is never common.
	uncommonUses = 16
)

// sessions tells the requests of one conversation by their ids; see the package comment.
type sessions struct {
	uses     map[int64]int // requests that have the block
	requests int
	blocks   int // mentions of blocks in all requests
}

// countSessions reads the whole file.
func countSessions(path string) (*sessions, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.close()
	s := &sessions{uses: map[int64]int{}}
	for {
		r, err := f.next()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		s.requests++
		s.blocks += len(r.Blocks)
		for _, id := range r.Blocks {
			s.uses[id]++
		}
	}
}

// key names the session of a request by one of its blocks.
func (s *sessions) key(r Request) int64 {
	for _, id := range r.Blocks {
		if n := s.uses[id]; n <= uncommonUses || float64(n) <= commonShare*float64(s.requests) {
			return id
		}
	}
	return r.Blocks[len(r.Blocks)-1]
}

// keeps decides by seed and session alone, so that a session stays whole.
func keeps(seed uint64, session int64, share float64) bool {
	return rand.New(rand.NewPCG(seed, uint64(session))).Float64() < share
}
