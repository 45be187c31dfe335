package load

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Replay sends the items of a trace when they are due, whatever the server does: an open loop whose
// arrivals, prompts and output lengths come from elsewhere. Items due before Warmup.Min warm up; measure
// ends with the items, or after MaxDuration. Duration, MinRequests and Output are not used.
type Replay struct {
	// Items gives one item after another and io.EOF after the last. It is called in one goroutine, at most
	// lookahead items before their time, so a trace need not fit into memory. An error of its own, or an
	// item that cannot be sent, ends the run as the end of the trace does: what was due before it is sent
	// and answered, and then the error is returned.
	Items func() (Item, error)
}

// Item is one request of a trace.
type Item struct {
	At                        time.Duration // since the start of the run; no earlier than the item before
	InputTokens, OutputTokens int           // at least 1
	// Blocks name the content of the prompt, BlockTokens tokens each and the last one the rest. Prompts
	// share the prefix of which the names are equal.
	Blocks      []uint64
	BlockTokens int
}

func (l Replay) check() error {
	if l.Items == nil {
		return errors.New("replay: no items")
	}
	return nil
}

// check is what is wrong with an item whatever its prompter.
func (i *Item) check(before time.Duration) error {
	switch {
	case i.At < before:
		return fmt.Errorf("due at %v, before the one at %v: sort the trace by time", i.At, before)
	case i.InputTokens < 1 || i.OutputTokens < 1:
		return fmt.Errorf("%d input and %d output tokens: both have to be at least 1", i.InputTokens, i.OutputTokens)
	}
	return nil
}

// read is the planner of a replay: it plans the items of a trace until it ends or an item fails.
func (r *run) read(loop Replay, planned chan<- arrival, halt <-chan struct{}) {
	defer close(planned)
	var at time.Duration
	for n := 0; ; n++ {
		next := r.item(loop, n, at)
		select {
		case planned <- next:
		case <-halt:
			return
		}
		if next.req == nil {
			return
		}
		at = next.at
	}
}

// item plans the next item, number n, after one at the given offset.
func (r *run) item(loop Replay, n int, before time.Duration) arrival {
	item, err := loop.Items()
	if errors.Is(err, io.EOF) {
		err = nil
		if before < r.spec.Warmup.Min {
			err = fmt.Errorf("replay: all %d items are due within the warm-up of %v, and none is left to measure: shorten the warm-up", n, r.spec.Warmup.Min)
		}
		return arrival{at: before, err: err}
	}
	item.At = ceilMicro(item.At)
	if err == nil {
		err = item.check(before)
	}
	var req *request
	if err == nil {
		req, _, err = r.prepare(n, 0, nil, &item)
	}
	if err != nil {
		return arrival{at: before, err: fmt.Errorf("replay: item %d: %w", n, err)}
	}
	return arrival{req: req, at: item.At}
}
