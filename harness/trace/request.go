package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// BlockTokens is the length in tokens of every block of a prompt but the last.
const BlockTokens = 512

// maxSpan bounds a trace in time, so that scaled times cannot overflow.
const maxSpan = 31 * 24 * time.Hour

// maxTimestamp, ms, is as far as microseconds are told apart by a float64: the year 2255 of Unix time.
const maxTimestamp = 1 << 53 / 1000

// Request is one line of a trace.
type Request struct {
	Line   int           // in the file, from 1
	At     time.Duration // since the file's first request, scaled; whole microseconds
	Input  int           // tokens of the prompt
	Output int           // tokens of the answer
	Blocks []int64       // ids of the prompt's blocks; the caller owns them
}

// at is the timestamp in whole microseconds.
func (l line) at() int64 { return int64(math.Round(*l.Timestamp * 1000)) }

// Tokens is the length of block i of the prompt.
func (r Request) Tokens(i int) int { return min(BlockTokens, r.Input-i*BlockTokens) }

// line is a request as it is spelled. Pointers, because a field that is missing is not 0.
type line struct {
	Timestamp    *float64 `json:"timestamp"` // ms
	InputLength  *int     `json:"input_length"`
	OutputLength *int     `json:"output_length"`
	HashIDs      *[]int64 `json:"hash_ids"`
}

// parse reads a line and checks everything in it that needs no other line.
func parse(text []byte) (line, error) {
	var l line
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return line{}, spelling(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return line{}, errors.New("more than one JSON object: write one a line")
	}
	return l, l.check()
}

// spelling words a decoder's error for somebody who wrote a trace and not this program.
func spelling(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Field == "timestamp":
		return fmt.Errorf("timestamp: %s where milliseconds belong", kind.Value)
	case errors.As(err, &kind) && kind.Field != "":
		return fmt.Errorf("%s: %s where whole numbers belong", kind.Field, kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("not a JSON object but a %s", kind.Value)
	case errors.Is(err, io.EOF):
		return errors.New("empty line")
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return fmt.Errorf("%s: a request has timestamp, input_length, output_length and hash_ids", strings.TrimPrefix(err.Error(), "json: "))
	}
	return fmt.Errorf("not JSON: %w", err)
}

func (l line) check() error {
	for _, f := range []struct {
		name    string
		missing bool
	}{
		{"timestamp", l.Timestamp == nil},
		{"input_length", l.InputLength == nil},
		{"output_length", l.OutputLength == nil},
		{"hash_ids", l.HashIDs == nil},
	} {
		if f.missing {
			return fmt.Errorf("%s is missing", f.name)
		}
	}
	if !(*l.Timestamp >= 0) {
		return fmt.Errorf("timestamp %v: at least 0 is needed", *l.Timestamp)
	}
	if *l.Timestamp > maxTimestamp {
		return fmt.Errorf("timestamp %v: beyond any date; write milliseconds", *l.Timestamp)
	}
	if *l.InputLength < 1 {
		return fmt.Errorf("input_length %d: at least 1 is needed", *l.InputLength)
	}
	if *l.OutputLength < 1 {
		return fmt.Errorf("output_length %d: at least 1 is needed", *l.OutputLength)
	}
	if got, want := len(*l.HashIDs), (*l.InputLength-1)/BlockTokens+1; got != want {
		return fmt.Errorf("%d hash_ids for an input_length of %d: %d are needed, one for each %d tokens begun", got, *l.InputLength, want, BlockTokens)
	}
	for i, id := range *l.HashIDs {
		if id < 0 {
			return fmt.Errorf("hash_ids[%d] is %d: at least 0 is needed", i, id)
		}
	}
	return nil
}
