package load

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// testItem is item n of a trace of 20 conversations whose prompts grow by a block each time; 4 items are
// due together every 20 ms.
func testItem(n int) Item {
	conversation, turn := n%20, n/20
	blocks := []uint64{7} // all begin alike
	for i := range 1 + turn%9 {
		blocks = append(blocks, uint64(1000*conversation+100*(turn/9)+i))
	}
	return Item{
		At:          time.Duration(n/4) * 20 * time.Millisecond,
		InputTokens: 16*len(blocks) - 1 - n%15, OutputTokens: 1 + n%5, Blocks: blocks, BlockTokens: 16,
	}
}

// trace gives the items that are there, and then err.
func trace(items []Item, err error) Replay {
	n := 0
	return Replay{Items: func() (Item, error) {
		if n == len(items) {
			return Item{}, err
		}
		n++
		return items[n-1], nil
	}}
}

func testItems(n int) []Item {
	items := make([]Item, n)
	for i := range items {
		items[i] = testItem(i)
	}
	return items
}

// replayed makes a spec one that replays items and brings nothing of its own.
func replayed(items []Item, end error) func(*Spec) {
	return func(s *Spec) {
		s.Loop, s.Prompter, s.Nonce = trace(items, end), BlockPrompts{Text: words, Least: 4}, NonceNone
		s.Output, s.ContextTokens, s.Duration, s.MinRequests = nil, 0, 0, 0
	}
}

func TestReplay(t *testing.T) {
	const n = 2000
	items := testItems(n)
	var w wire
	made, most := 0, 0
	o := drive(t, w.watch(steady(1)), func(s *Spec) {
		replayed(items, io.EOF)(s)
		start := s.Start
		s.Prompter = counting{s.Prompter, func() {
			made++
			due := 0
			for due < n && items[due].At <= time.Since(start) {
				due++
			}
			most = max(most, made-due)
		}}
	})
	require.NoError(t, o.err)
	require.Len(t, o.recs, n)
	assert.Equal(t, []string{"warmup@0s", "measure@2s", "drain@10s"}, o.phases, "the last item is due at 9.98 s")
	for i, r := range o.recs {
		item := items[i]
		require.Equal(t, record.RCOK, r.RC)
		require.InDelta(t, float64(o.begin.Unix())+item.At.Seconds(), r.IntendedTS, 1e-6)
		require.Equal(t, r.IntendedTS, r.TS)
		require.Equal(t, item.At >= 2*time.Second, r.Phase == record.PhaseMeasure)
		require.Equal(t, item.OutputTokens, *r.OutputTokens)
		require.Zero(t, r.Concurrency)
		// A rest of less than 4 tokens at the end is raised to 4.
		length := max(item.InputTokens, 16*(len(item.Blocks)-1)+4)
		require.Equal(t, length, r.ContextTokens)
		prompt := w.asks[fmt.Sprintf("u%d-q0", i)].Prompt
		require.Len(t, strings.Fields(prompt), length)
		for k := range 60 {
			before := items[max(0, i-k-1)]
			alike := 0
			for alike < min(len(before.Blocks), len(item.Blocks)) && before.Blocks[alike] == item.Blocks[alike] {
				alike++
			}
			got := shared(w.asks[fmt.Sprintf("u%d-q0", max(0, i-k-1))].Prompt, prompt)
			// Of a last block, which is shorter in one of the two, the shorter part is alike too.
			require.Equal(t, min(16*alike, length, o.recs[max(0, i-k-1)].ContextTokens), got)
		}
	}
	assert.Equal(t, lookahead, most, "prompts made before they are due")
}

// counting calls each before every prompt.
type counting struct {
	Prompter
	each func()
}

func (c counting) Prompt(req PromptRequest) (Prompt, error) {
	c.each()
	return c.Prompter.Prompt(req)
}

// A request that has gone out is let go while its answer is awaited, unless it is so short that a
// transport may send it again.
func TestBodiesAreLetGoOnceSent(t *testing.T) {
	for _, tt := range []struct {
		length int
		kept   bool
	}{{100, true}, {keepBody + 1, false}} {
		synctest.Test(t, func(t *testing.T) {
			e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
				wait(r.Context(), time.Second)
				generate(w, r, 1, 0, 0)
			})
			defer stop()
			spec := e.spec(t)
			b, err := encodeBody(&spec, strings.Repeat("x", tt.length), 1)
			require.NoError(t, err)
			c := newClient(&spec)
			done := make(chan *result)
			go func() { done <- c.do(t.Context(), &request{tokens: 1, body: b, intended: time.Now()}) }()
			synctest.Wait()
			_, err = b.open()
			assert.Equal(t, tt.kept, err == nil, "%d bytes", tt.length)
			res := <-done
			assert.Equal(t, record.RCOK, res.rec.RC)
			c.release(res)
		})
	}
}

// What was due before an item that cannot be sent is sent and answered, and then the error is returned.
func TestReplayErrors(t *testing.T) {
	broken := errors.New("line 7: not JSON")
	for want, tt := range map[string]struct {
		change func(*Item)
		end    error
	}{
		"replay: item 200: line 7: not JSON":                                      {end: broken},
		"replay: item 150: due at 10ms, before the one at 740ms: sort":            {change: func(i *Item) { i.At = 10 * time.Millisecond }},
		"replay: item 150: 0 input and 1 output tokens":                           {change: func(i *Item) { i.InputTokens = 0 }},
		"replay: item 150: 9 input and 0 output tokens":                           {change: func(i *Item) { i.InputTokens, i.OutputTokens = 9, 0 }},
		"replay: item 150: 9 blocks of 16 tokens for a prompt of 17, which has 2": {change: func(i *Item) { i.InputTokens = 17 }},
		"replay: item 150: blocks of 3 tokens, and a text needs at least 4":       {change: func(i *Item) { i.BlockTokens = 3 }},
		"replay: all 200 items are due within the warm-up of 5s":                  {end: io.EOF},
	} {
		t.Run(want, func(t *testing.T) {
			items := testItems(200)
			sent := 200
			if tt.change != nil {
				sent = 150
				tt.change(&items[sent])
			}
			o := drive(t, steady(10), func(s *Spec) {
				replayed(items, tt.end)(s)
				s.Warmup.Min, s.Warmup.Max = 5*time.Second, 5*time.Second
			})
			require.ErrorContains(t, o.err, want)
			require.Len(t, o.recs, sent)
			for _, r := range o.recs {
				require.Equal(t, record.RCOK, r.RC)
			}
			assert.Nil(t, o.sum.MeasureEnd)
			if errors.Is(tt.end, broken) {
				require.ErrorIs(t, o.err, broken)
			}
		})
	}
	o := drive(t, steady(1), replayed(nil, io.EOF))
	require.ErrorContains(t, o.err, "all 0 items")
}

// An io.EOF of the prompter is a fault and no end of the trace.
func TestReplayDoesNotTakeAPromptErrorForTheEnd(t *testing.T) {
	o := drive(t, steady(1), func(s *Spec) {
		replayed(testItems(600), io.EOF)(s)
		s.Prompter = BlockPrompts{Least: 4, Text: func(key uint64, tokens int) (string, error) {
			if key == 19200 {
				return "", io.EOF
			}
			return words(key, tokens)
		}}
	})
	require.ErrorContains(t, o.err, "replay: item 379: block 19200: EOF")
	assert.Len(t, o.recs, 379)
}

func TestReplayEndsAtMaxDuration(t *testing.T) {
	for _, most := range []time.Duration{3500 * time.Millisecond, 500 * time.Millisecond} {
		o := drive(t, steady(1), func(s *Spec) {
			replayed(testItems(2000), io.EOF)(s)
			s.MaxDuration = most
		})
		require.NoError(t, o.err)
		assert.Equal(t, fmt.Sprint("drain@", 2*time.Second+most), o.phases[2])
		assert.Len(t, o.recs, 4*int((2*time.Second+most)/(20*time.Millisecond)), "what is due before the end")
	}
}

// Items that are due beside the grid of whole microseconds are sent on it.
func TestReplayKeepsToTheGrid(t *testing.T) {
	items := testItems(600)
	for i := range items {
		items[i].At += time.Duration(i)
	}
	offGrid := 0
	o := drive(t, steady(1), func(s *Spec) {
		replayed(items, io.EOF)(s)
		zero, network := s.Start, s.HTTP
		s.HTTP = through(func(r *http.Request) (*http.Response, error) {
			if time.Since(zero)%time.Microsecond != 0 {
				offGrid++
			}
			return network.Do(r)
		})
	})
	require.NoError(t, o.err)
	require.Len(t, o.recs, 600)
	assert.Zero(t, offGrid)
}

func TestReplayIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := nobody().spec(t)
		replayed(nil, io.EOF)(&good)
		require.NoError(t, good.Check())
		for want, change := range map[string]func(*Spec){
			"no items":              func(s *Spec) { s.Loop = Replay{} },
			"max duration 0s":       func(s *Spec) { s.MaxDuration = 0 },
			"every item is a new":   func(s *Spec) { s.Prompter, s.Nonce = FixedContext{Body: testBody}, NoncePerUser },
			"text is not set":       func(s *Spec) { s.Prompter = BlockPrompts{Least: 1} },
			"least 0 tokens":        func(s *Spec) { s.Prompter = BlockPrompts{Text: words} },
			"this loop replays":     func(s *Spec) { s.Loop = Open{Constant{1}} },
			`nonce "per_request" w`: func(s *Spec) { s.Nonce = NoncePerRequest },
		} {
			bad := good
			change(&bad)
			require.ErrorContains(t, bad.Check(), want)
		}
	})
}

// Latency of a replay counts from the intended send, and another prompter gets the lengths of the trace.
func TestReplayIsAnOpenLoop(t *testing.T) {
	o := drive(t, steady(1), func(s *Spec) {
		replayed(testItems(600), io.EOF)(s)
		s.Prompter, s.Nonce = FixedContext{Body: testBody}, NoncePerRequest
	})
	require.NoError(t, o.err)
	require.Len(t, o.recs, 600)
	for i, r := range o.recs {
		require.Equal(t, testItem(i).InputTokens, r.ContextTokens)
	}
	synctest.Test(t, func(t *testing.T) {
		e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) { generate(w, r, 2, time.Second, time.Second) })
		defer stop()
		spec := e.spec(t)
		replayed(nil, io.EOF)(&spec)
		rec, _ := askDue(t, t.Context(), spec, 2, time.Now().Add(-250*time.Millisecond))
		assert.Equal(t, 1250.0, *rec.TTFTms)
	})
}
