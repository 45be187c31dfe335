package stats

import (
	"fmt"
	"math"
)

// Point is one observation of a repetition.
type Point struct {
	T        float64 // s from the start of the measure window; it decides the block
	V        float64
	Censored bool // the true value is at least V
}

// Rep is the points of one repetition, in any order.
type Rep []Point

// minDraws is the least number of draws from which a tail can be read.
const minDraws = 100

// check refuses settings and data from which no distribution can be drawn.
func (b Bootstrap) check(ps []float64, cells ...[]Rep) error {
	switch {
	case !(b.Block > 0) || math.IsInf(b.Block, 0):
		return fmt.Errorf("bootstrap block length %g s: set it above 0", b.Block)
	case b.Draws < minDraws:
		return fmt.Errorf("bootstrap with %d draws: set at least %d", b.Draws, minDraws)
	case b.Seed == 0:
		return fmt.Errorf("bootstrap without a seed: set one, so that the result can be computed again")
	}
	for _, p := range ps {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("percentile %g is not inside [0, 1]", p)
		}
	}
	for _, reps := range cells {
		if len(reps) == 0 {
			return fmt.Errorf("bootstrap: %w: no repetition", ErrNoData)
		}
		for r, rep := range reps {
			if len(rep) == 0 {
				return fmt.Errorf("bootstrap: %w: repetition %d is empty", ErrNoData, r+1)
			}
			if err := measured(r, rep); err != nil {
				return err
			}
		}
	}
	return nil
}

// measured refuses points that are no measurement.
func measured(r int, rep Rep) error {
	for _, p := range rep {
		if !finite(p.V) || !finite(p.T) || p.T < 0 {
			return fmt.Errorf("repetition %d has the point t=%g v=%g: leave out what was not measured, and count time from the start of the measure window", r+1, p.T, p.V)
		}
	}
	return nil
}
