package prompt

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"sync/atomic"
)

const (
	// segmentHead is the first line of a segment. A key of at most 20 digits is written with 21, because the
	// vocabulary reads digits in groups of three, each one token: so a head needs no counting.
	segmentHead = "[%021d]\n"
	// segmentHeadTokens are "[", seven groups of digits, and "]\n". They are fewer than the 32 tokens of a KV
	// block, so two segments with different keys share no block.
	segmentHeadTokens = 9
	// MinSegment is the least that Segments.Text can be asked for, in tokens.
	MinSegment = segmentHeadTokens
	// segmentProse is the length in tokens of the prose that all segments are cut from: about 80 kB, forty
	// times a block of 512 tokens.
	segmentProse = 20_000
)

// Segments makes texts of exact token lengths by key, to be concatenated into prompts that share what
// their keys share: a trace's hash ids become text in this way. It holds one body of prose and the cuts
// of its lines, whatever is asked of it. Safe for concurrent use.
type Segments struct {
	seed uint64
	tok  *Tokenizer
	text string
	// starts[i] and before[i] are the byte at which line i starts and the number of tokens before it; both
	// have one more entry, for the end.
	starts, before []int
	// cuts[before[i]+m] is the cut of line i to m tokens, once somebody has needed it: the bytes to keep
	// before a '\n' plus one, or -1 where no cut has m tokens.
	cuts []atomic.Int32
}

// NewSegments makes the prose of the seed, which takes some tens of milliseconds.
func NewSegments(seed uint64) (*Segments, error) {
	text, err := Generate(seed, segmentProse)
	if err != nil {
		return nil, err
	}
	tok, err := NewTokenizer()
	if err != nil {
		return nil, err
	}
	s := &Segments{seed: seed, tok: tok, text: text, starts: []int{0}, before: []int{0}, cuts: make([]atomic.Int32, segmentProse)}
	bytes, tokens := 0, 0
	for line := range strings.Lines(text) {
		bytes += len(line)
		tokens += tok.Count(line)
		s.starts = append(s.starts, bytes)
		s.before = append(s.before, tokens)
	}
	return s, nil
}

// Text is exactly that many tokens: a line with the key, then prose from a line that the key chooses, the
// last line cut to fit. Equal arguments give equal text; different keys differ from the first line on.
// It ends in '\n', so the tokens of concatenated segments are the sum of theirs.
//
// The prose repeats after 20,000 tokens, so long texts are better made of many segments.
func (s *Segments) Text(key uint64, tokens int) (string, error) {
	if tokens < segmentHeadTokens {
		return "", fmt.Errorf("a segment of %d tokens: its key alone has %d, ask for at least as many", tokens, segmentHeadTokens)
	}
	var b strings.Builder
	b.Grow(tokens*5 + 32) // the prose has 3.7 to 4.2 bytes a token
	fmt.Fprintf(&b, segmentHead, key)
	lines := len(s.starts) - 1
	line := int(rand.NewPCG(s.seed, key).Uint64() % uint64(lines))
	for left := tokens - segmentHeadTokens; left > 0; {
		// As many whole lines as fit, without going round.
		end := line + sort.Search(lines-line, func(i int) bool { return s.before[line+i+1]-s.before[line] > left })
		b.WriteString(s.text[s.starts[line]:s.starts[end]])
		left -= s.before[end] - s.before[line]
		line = end % lines
		if end < lines && left > 0 {
			if cut, ok := s.cut(line, left); ok {
				b.WriteString(cut)
				b.WriteByte('\n')
				break
			}
			// No cut of this line has the tokens that are left. One of the next has; at worst the empty lines
			// between reports, a token each, fill up.
			line = (line + 1) % lines
		}
	}
	return b.String(), nil
}

// cut is the start of a line that has exactly that many tokens together with a '\n'; the whole line has
// more.
func (s *Segments) cut(line, tokens int) (string, bool) {
	known := &s.cuts[s.before[line]+tokens]
	kept := known.Load()
	if kept == 0 {
		cut, n := shorten(s.tok, s.text[s.starts[line]:s.starts[line+1]], tokens)
		if kept = -1; n == tokens {
			kept = int32(len(cut)) // with the '\n', that is the bytes before it plus one
		}
		known.Store(kept)
	}
	if kept < 0 {
		return "", false
	}
	return s.text[s.starts[line] : s.starts[line]+int(kept)-1], true
}
