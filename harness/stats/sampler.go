package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
)

const (
	// minBlocks is the least number of blocks in a window: with fewer there is nothing to resample.
	minBlocks = 4
	// maxBlocks catches times that do not count from the start of the window.
	maxBlocks = 100_000
)

// window is the time axis of one repetition, common to the arms that are drawn together.
type window struct {
	span   float64 // s, from 0 to the last point
	blocks int
}

// windows divides the time of each repetition into blocks of about the given length.
func windows(block float64, cells ...[]Rep) ([]window, error) {
	out := make([]window, len(cells[0]))
	for r := range out {
		first, last := math.Inf(1), 0.0
		for _, reps := range cells {
			for _, p := range reps[r] {
				first, last = min(first, p.T), max(last, p.T)
			}
		}
		blocks := math.Round(last / block)
		switch {
		case blocks > maxBlocks:
			return nil, fmt.Errorf("repetition %d has %.0f blocks of %g s: times must count from the start of its measure window", r+1, blocks, block)
		case blocks < minBlocks:
			return nil, fmt.Errorf("repetition %d: %w: %.4g s hold fewer than %d blocks of %g s; measure longer or take shorter blocks", r+1, ErrNoData, last, minBlocks, block)
		case first > last/2:
			return nil, fmt.Errorf("repetition %d has no point in the first half of its %.4g s: times must count from the start of its measure window", r+1, last)
		}
		out[r] = window{span: last, blocks: int(blocks)}
	}
	return out, nil
}

// sampler fills arms with the data as measured or with a draw of time blocks.
type sampler struct {
	arms    []arm
	windows []window
	rng     *rand.Rand
}

func (s sampler) reset() {
	for _, a := range s.arms {
		a.reset()
	}
}

func (s sampler) take(rep int, from, to float64) {
	for _, a := range s.arms {
		a.take(rep, from, to)
	}
}

// whole takes every point once.
func (s sampler) whole() {
	s.reset()
	for r := range s.windows {
		s.take(r, 0, math.Inf(1))
	}
}

// only takes every point of one repetition.
func (s sampler) only(rep int) {
	s.reset()
	s.take(rep, 0, math.Inf(1))
}

// draw takes, from each repetition, as many random blocks as it has. A draw that leaves an arm empty,
// possible only if its points are few and in a heap, is repeated.
func (s sampler) draw() {
	for empty := true; empty; {
		s.reset()
		for r, w := range s.windows {
			length := w.span / float64(w.blocks)
			for range w.blocks {
				from := s.rng.Float64() * w.span
				if to := from + length; to < w.span {
					s.take(r, from, to)
				} else {
					s.take(r, from, math.Inf(1))
					s.take(r, 0, to-w.span)
				}
			}
		}
		empty = false
		for _, a := range s.arms {
			empty = empty || a.size() == 0
		}
	}
}
