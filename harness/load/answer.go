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
	frames  frameReader
	chunks  chunkReader
	first   time.Time // first chunk with text
	last    time.Time // newest chunk with text
	end     time.Time // newest event
	gaps    []time.Duration
	finish  bool
	done    bool   // [DONE] was seen
	failed  string // the server's message, if it reported an error inside the stream
	usage   usage
	wait    float64
	waited  bool                               // wait is set
	observe func(comment []byte, at time.Time) // see Spec; usually nil
}

func (a *answer) reset(body io.Reader) {
	a.frames.reset(body)
	*a = answer{frames: a.frames, chunks: a.chunks, gaps: a.gaps[:0], usage: noUsage}
}

// read takes events until [DONE] or an error event (nil), until an event that came at limit or later
// (errTimeLimit), or until the body ends in any other way (its error).
func (a *answer) read(limit time.Time) error {
	for {
		f, err := a.frames.next()
		if err != nil {
			if errors.Is(err, errFrameTooLong) || errors.Is(err, errStreamTooLong) {
				err = fmt.Errorf("%w: %w", errMalformed, err)
			}
			return err
		}
		if !f.at.Before(limit) {
			return errTimeLimit
		}
		a.end = f.at
		switch string(f.event) {
		case "", "message":
		case "error":
			// Dynamo puts the text into a comment and still sends [DONE].
			text := f.comment
			if len(f.data) > 0 {
				text = f.data
			}
			a.failed = "error event: " + string(bytes.TrimSpace(text))
			return nil
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
	if c.hasWait {
		a.wait, a.waited = c.wait, true
	}
}

// shortfall says what a stream that ended with [DONE] lacks, "" if nothing.
func (a *answer) shortfall(asked int) string {
	switch {
	case a.first.IsZero():
		return "no text before [DONE]"
	case !a.finish:
		return "no finish_reason before [DONE]"
	case a.usage.output < 0:
		return fmt.Sprintf("no completion_tokens from 0 to %d in usage", maxCount)
	case a.usage.output != asked:
		return fmt.Sprintf("asked for %d output tokens, the server counted %d", asked, a.usage.output)
	}
	return ""
}

// gapStats are the median (type 7) and the largest gap, ms; it sorts the gaps.
func (a *answer) gapStats() (p50, max float64) {
	slices.Sort(a.gaps)
	n := len(a.gaps)
	return (millis(a.gaps[(n-1)/2]) + millis(a.gaps[n/2])) / 2, millis(a.gaps[n-1])
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
