package trace

import (
	"fmt"
	"math"
)

// Options choose from a trace and stretch it. The zero value takes it as it is.
type Options struct {
	TimeScale float64 // factor of all times: 2 is half the rate; 0 stands for 1
	Sessions  float64 // share of the sessions to keep, over 0 and at most 1; 0 stands for 1
	Seed      uint64  // chooses the sessions: with equal seeds a smaller share keeps a part of what a larger one does
	MaxInput  int     // requests with longer prompts (tokens) are left out; 0 for no limit
	Limit     int     // end after that many requests; 0 for no limit
}

// maxTimeScale keeps maxSpan times it within a time.Duration.
const maxTimeScale = 1000

// withDefaults checks o and resolves what 0 stands for.
func (o Options) withDefaults() (Options, error) {
	if o.TimeScale == 0 {
		o.TimeScale = 1
	}
	if o.Sessions == 0 {
		o.Sessions = 1
	}
	switch {
	case math.IsNaN(o.TimeScale) || o.TimeScale < 0 || o.TimeScale > maxTimeScale:
		return o, fmt.Errorf("time scale %v is not above 0 and at most %d", o.TimeScale, maxTimeScale)
	case math.IsNaN(o.Sessions) || o.Sessions < 0 || o.Sessions > 1:
		return o, fmt.Errorf("share of sessions %v is not above 0 and at most 1", o.Sessions)
	case o.MaxInput < 0:
		return o, fmt.Errorf("longest prompt %d: write tokens, or 0 for no limit", o.MaxInput)
	case o.Limit < 0:
		return o, fmt.Errorf("limit of %d requests: write a number, or 0 for no limit", o.Limit)
	}
	return o, nil
}
