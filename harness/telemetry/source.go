package telemetry

import (
	"context"
	"errors"
	"math"

	"sparkharness/harness/record"
)

// ErrReset marks a counter that went backwards: the server or the device behind it was restarted, and
// nothing can be said about the interval. The source starts again from the new value.
var ErrReset = errors.New("counter went backwards")

// ErrUntold marks what this machine does not tell, however often it is asked: the group stays nil, the error says what to
// do about it, and the slot counts as sampled.
var ErrUntold = errors.New("not told here")

// SysSource fills its group or groups of a machine sample.
type SysSource interface {
	Name() string
	// Sample fills s for the interval since the source's previous successful call. A source of counters
	// only takes its first reading in the first call and leaves its group nil. On an error the groups
	// that the error concerns are nil.
	Sample(ctx context.Context, s *record.SysSample) error
}

// KVSource fills a sample of the KV manager.
type KVSource interface {
	Name() string
	// SampleKV fills s, or returns an error and leaves s as it was.
	SampleKV(ctx context.Context, s *record.KVSample) error
}

// round4 keeps four decimals: 0.1 us of a millisecond value, 100 B/s of an MB/s value, 1 ppm of a
// percentage. It keeps the lines of a long run short.
func round4(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// finite reports whether v, and what is computed from it here, can stand in a JSON line: v is a number
// and so far from the largest one that no unit or block size makes it infinite.
func finite(v float64) bool { return math.Abs(v) < 1e270 }

// counted reports whether v can be what a server has counted: requests, blocks, tokens, or the seconds of many
// operations together. Above 2^53 a float64 counts no more. What cannot be is not recorded, as if it were not told.
func counted(v float64) bool { return v >= 0 && v <= 1<<53 }

// lasted reports whether v can be how many seconds one operation of a server took: at most a week. What cannot be is
// not recorded, as if it were not told.
func lasted(v float64) bool { return v >= 0 && v <= 7*24*3600 }
