package trace

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// GenerateOptions describe synthetic traffic: conversations that start as a Poisson process, share a
// system prompt, and send with each turn all that was said before. Lengths are tokens.
type GenerateOptions struct {
	Seed     uint64
	Sessions float64       // conversations a second
	Span     time.Duration // no request comes later
	Turns    float64       // mean turns of a conversation (geometric)
	Think    time.Duration // mean time from a turn to the next (exponential)
	System   int           // prompt that all conversations start with
	First    Lognormal     // what the user adds in the first turn, a document perhaps
	User     Lognormal     // what the user adds in each later turn
	Output   Lognormal     // answers
	MaxInput int           // a conversation ends before a longer prompt
}

// Lognormal is a distribution of lengths: ln x is normal with standard deviation Sigma.
type Lognormal struct{ Mean, Sigma float64 }

// draw is at least 1.
func (d Lognormal) draw(rng *rand.Rand) int {
	x := d.Mean * math.Exp(d.Sigma*rng.NormFloat64()-d.Sigma*d.Sigma/2)
	return max(1, int(math.Round(min(x, math.MaxInt32))))
}

// ChatSmall are the options of inputs/traces/chat_small.jsonl: about 200 requests in ten minutes.
func ChatSmall() GenerateOptions {
	return GenerateOptions{
		Seed: 1, Sessions: 0.09, Span: 10 * time.Minute, Turns: 4, Think: 30 * time.Second, System: 1100,
		First: Lognormal{700, 1}, User: Lognormal{180, 0.8}, Output: Lognormal{220, 0.7}, MaxInput: 8000,
	}
}

const (
	// maxTurns bounds the memory of Generate to some hundreds of megabytes, without what the turns' prompts are made of.
	maxTurns = 10_000_000
	// maxPrompt is the longest prompt in tokens: no model of today takes more.
	maxPrompt = 10_000_000
	// maxBlocks bounds what the prompts are made of: a trace of so many ids has half a gigabyte.
	maxBlocks = 50_000_000
)

func (o GenerateOptions) check() error {
	for _, l := range []struct {
		name string
		d    Lognormal
	}{{"first turns", o.First}, {"later turns", o.User}, {"answers", o.Output}} {
		if !(l.d.Mean >= 1 && l.d.Mean <= 1e9) || !(l.d.Sigma >= 0 && l.d.Sigma <= 5) {
			return fmt.Errorf("lengths of %s: mean %v and sigma %v: a mean of 1 to 1e9 tokens and a sigma of 0 to 5 are needed", l.name, l.d.Mean, l.d.Sigma)
		}
	}
	switch {
	case !(o.Sessions > 0 && o.Sessions <= 1e6):
		return fmt.Errorf("%v conversations a second: above 0 and at most 1e6 is needed", o.Sessions)
	case !(o.Turns >= 1 && o.Turns <= 1e6):
		return fmt.Errorf("%v turns a conversation: 1 to 1e6 is needed", o.Turns)
	case o.Span <= 0 || o.Span > maxSpan:
		return fmt.Errorf("a span of %v: above 0 and at most %v is needed", o.Span, maxSpan)
	case o.Sessions*o.Span.Seconds()*o.Turns > maxTurns:
		return fmt.Errorf("about %.0f requests: at most %d are made; choose a shorter span, or fewer conversations or turns", o.Sessions*o.Span.Seconds()*o.Turns, maxTurns)
	case o.Think < 0 || o.Think > maxSpan:
		return fmt.Errorf("%v from turn to turn: at least 0 and at most %v is needed", o.Think, maxSpan)
	case o.MaxInput > maxPrompt:
		return fmt.Errorf("prompts of at most %d tokens: at most %d is needed", o.MaxInput, maxPrompt)
	case o.System < 0 || o.MaxInput <= o.System:
		return fmt.Errorf("a system prompt of %d tokens in prompts of at most %d: at least 0, and room for more, is needed", o.System, o.MaxInput)
	}
	return nil
}

// turn is a request before its ids are given out.
type turn struct {
	ms            int64
	session, turn int
	input, output int
}

// Generate writes a trace. Equal options give equal bytes. Ids are given out in the order of first use.
func Generate(w io.Writer, o GenerateOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	var turns []turn
	starts := rand.New(rand.NewPCG(o.Seed, 0))
	at := 0.0
	for session := 1; ; session++ {
		at += starts.ExpFloat64() / o.Sessions
		if at > o.Span.Seconds() {
			break
		}
		turns = append(turns, o.converse(session, at)...)
	}
	if len(turns) == 0 {
		return errors.New("no conversation starts within the span: choose a longer one, or more conversations a second")
	}
	blocks := 0
	for _, t := range turns {
		blocks += t.input/BlockTokens + 1
	}
	if blocks > maxBlocks {
		return fmt.Errorf("prompts of %d blocks in all: at most %d are made; choose a shorter span, fewer turns or shorter prompts", blocks, maxBlocks)
	}
	slices.SortFunc(turns, func(a, b turn) int {
		return cmp.Or(cmp.Compare(a.ms, b.ms), cmp.Compare(a.session, b.session), cmp.Compare(a.turn, b.turn))
	})

	out := bufio.NewWriter(w)
	next := int64(0)
	common := grow(nil, o.System/BlockTokens, &next)
	whole := map[int][]int64{} // the session's full blocks so far
	var text []byte
	for _, t := range turns {
		ids, ok := whole[t.session]
		if !ok {
			ids = slices.Clone(common)
		}
		ids = grow(ids, t.input/BlockTokens, &next)
		whole[t.session] = ids
		if t.input%BlockTokens > 0 {
			ids = grow(ids, len(ids)+1, &next) // a block that a longer prompt does not have
		}
		text = fmt.Appendf(text[:0], `{"timestamp": %d, "input_length": %d, "output_length": %d, "hash_ids": [`, t.ms, t.input, t.output)
		for i, id := range ids {
			if i > 0 {
				text = append(text, ", "...)
			}
			text = strconv.AppendInt(text, id, 10)
		}
		if _, err := out.Write(append(text, "]}\n"...)); err != nil {
			return fmt.Errorf("write a trace: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write a trace: %w", err)
	}
	return nil
}

// converse is one conversation that starts at so many seconds. It has a generator of its own, so that a
// longer span only adds to a trace's end.
func (o GenerateOptions) converse(session int, at float64) []turn {
	rng := rand.New(rand.NewPCG(o.Seed, uint64(session)))
	var turns []turn
	for input := o.System + o.First.draw(rng); input <= o.MaxInput && at <= o.Span.Seconds(); {
		t := turn{ms: int64(at * 1e3), session: session, turn: len(turns), input: input, output: o.Output.draw(rng)}
		turns = append(turns, t)
		if rng.Float64() < 1/o.Turns {
			break
		}
		input += t.output + o.User.draw(rng)
		at += rng.ExpFloat64() * o.Think.Seconds()
	}
	return turns
}

// grow appends new ids until there are n.
func grow(ids []int64, n int, next *int64) []int64 {
	for len(ids) < n {
		ids = append(ids, *next)
		*next++
	}
	return ids
}
