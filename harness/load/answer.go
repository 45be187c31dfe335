package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// answer is what a streamed response has given so far. It is reused from request to request.
type answer struct {
	frames frameReader
	chunks chunkReader
	first  time.Time // first chunk with text
	last   time.Time // newest chunk with text
	end    time.Time // newest event
	gaps   []time.Duration
	finish bool
	done   bool   // [DONE] was seen
	failed string // the server's message, if it reported an error inside the stream
	usage  usage
	reused int // llama.cpp's count of prompt tokens that its cache had, -1 for none
	wait   float64
	// computed is what the server took for the prompt once it had begun, ms, if hasComputed.
	computed    float64
	hasComputed bool
	waited      bool                               // wait is set
	observe     func(comment []byte, at time.Time) // see Spec; usually nil
}

func (a *answer) reset(body io.Reader) {
	a.frames.reset(body)
	*a = answer{frames: a.frames, chunks: a.chunks, gaps: a.gaps[:0], usage: noUsage, reused: -1}
}

// read takes events until [DONE] or what the server says is an error (nil), until an event that came at limit or
// later (errTimeLimit), or until the body ends in any other way (its error).
func (a *answer) read(limit time.Time) error {
	for {
		f, err := a.frames.next()
		if err != nil {
			if errors.Is(err, errFrameTooLong) || errors.Is(err, errStreamTooLong) {
				return fmt.Errorf("%w: %w", errMalformed, err)
			}
			return a.broken(err)
		}
		if !f.at.Before(limit) {
			return errTimeLimit
		}
		a.end = f.at
		if a.failed = f.failed(); a.failed != "" {
			return nil
		}
		switch string(f.event) {
		case "", "message":
		default:
			continue // an annotation
		}
		if f.data == nil {
			continue // a comment: keep-alive
		}
		if string(bytes.TrimSpace(f.data)) == "[DONE]" {
			a.done = true
			return nil
		}
		c, err := a.chunks.parse(f.data)
		if err != nil {
			return fmt.Errorf("%w: %w: %s", errMalformed, err, f.data[:min(len(f.data), 4<<10)])
		}
		if c.failure != "" {
			a.failed = "error frame: " + c.failure
			return nil
		}
		a.take(c, f.at)
		if c.text && a.observe != nil {
			a.observe(f.comment, f.at)
		}
	}
}

// failed is what an event that is no chunk says went wrong, "" if it says nothing of the kind.
func (f *frame) failed() string {
	switch {
	case string(f.event) == "error":
		// Dynamo puts the text into a comment and still sends [DONE].
		text := f.comment
		for _, said := range [][]byte{f.failure, f.data} {
			if len(said) > 0 {
				text = said
			}
		}
		return "error event: " + message(text)
	case f.failure != nil:
		return "error field: " + message(f.failure)
	case f.object != nil:
		if said := failureIn(f.object); said != "" {
			return "error between events: " + said
		}
	}
	return ""
}

// broken takes what a body that ended with err said last, which no blank line ended: nil if that tells what went wrong.
func (a *answer) broken(err error) error {
	last := a.frames.parse(append(bytes.Clone(a.frames.rest()), '\n'))
	if a.failed = last.failed(); a.failed == "" {
		if said := failureIn(last.data); said != "" {
			a.failed = "error frame: " + said
		}
	}
	if a.failed == "" {
		return err
	}
	a.end = a.frames.at
	return nil
}

func (a *answer) take(c chunk, at time.Time) {
	if c.text {
		if a.first.IsZero() {
			a.first = at
		} else {
			a.gaps = append(a.gaps, at.Sub(a.last))
		}
		a.last = at
	}
	a.finish = a.finish || c.finish
	// Counts are cumulative where a server repeats them, so the newest stands.
	if c.usage.prompt >= 0 {
		a.usage.prompt = c.usage.prompt
	}
	if c.usage.cached >= 0 {
		a.usage.cached = c.usage.cached
	}
	if c.usage.output >= 0 {
		a.usage.output = c.usage.output
	}
	if c.hasReused {
		a.reused = c.reused
	}
	if c.hasComputed {
		a.computed, a.hasComputed = c.computed, true
	}
	if c.hasWait {
		a.wait, a.waited = c.wait, true
	}
}

// shortfall says what a stream that ended with [DONE] lacks, "" if nothing. With anyLength fewer tokens than were asked for,
// and uncounted ones, will do.
func (a *answer) shortfall(asked int, anyLength bool) string {
	switch {
	case a.first.IsZero():
		return "no text before [DONE]"
	case !a.finish:
		return "no finish_reason before [DONE]"
	case anyLength && a.usage.output <= asked:
		return ""
	case a.usage.output < 0:
		return fmt.Sprintf("no completion_tokens from 0 to %d in usage", maxCount)
	case a.usage.output != asked:
		return fmt.Sprintf("asked for %d output tokens, the server counted %d", asked, a.usage.output)
	}
	return ""
}

// texts is the number of chunks with text.
func (a *answer) texts() int {
	if a.first.IsZero() {
		return 0
	}
	return len(a.gaps) + 1
}

// chunked reports whether the server counted another number of tokens than chunks with text came, so that a gap
// between chunks is none between tokens.
func (a *answer) chunked() bool {
	return a.texts() > 0 && a.usage.output >= 0 && a.usage.output != a.texts()
}

// cached are the prompt tokens that the server says its cache had, -1 for none.
func (a *answer) cached() int {
	cached := a.usage.cached
	if cached < 0 {
		cached = a.reused
	}
	if a.usage.prompt >= 0 && cached > a.usage.prompt {
		return -1 // no part is more than the whole
	}
	return cached
}

// gapStats are the median (type 7) and the largest gap, ms; it sorts the gaps.
func (a *answer) gapStats() (p50, max float64) {
	slices.Sort(a.gaps)
	n := len(a.gaps)
	return (millis(a.gaps[(n-1)/2]) + millis(a.gaps[n/2])) / 2, millis(a.gaps[n-1])
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
