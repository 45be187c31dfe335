package stats

import (
	"math/rand/v2"
)

// Bootstrap makes confidence distributions for statistics of correlated observations in few
// repetitions, on two levels.
//
// Inside a repetition, blocks of time are resampled: the window is cut into stretches of length Block
// (adjusted so that a whole number fills it), and each draw takes as many stretches at random starts,
// wrapping at the end of the window so that every point is equally likely (circular block bootstrap,
// Politis & Romano 1992). Points of one stretch stay together, so correlation over less than Block is
// kept; Block should be several times the correlation time.
//
// Between repetitions, resampling whole repetitions is known to fail at two or three of them: with R
// repetitions it understates the variance between them by (R-1)/R, can never reach beyond the
// extremes (an interval from three covers 75 % at most where they dominate) and counts the
// variance inside them twice where they do not. Instead each draw keeps every repetition once and is
// then moved by t * s_b / sqrt(R), where t has Student's distribution with R-1 degrees of freedom and
// s_b^2 is the variance between repetitions beyond what the blocks explain: the sample variance of the
// statistic over the repetitions less R times its variance over the block draws, at least 0 (one-way
// analysis of variance; Searle, Casella & McCulloch 1992, Variance Components, ch. 3). Where the
// repetitions agree as well as their blocks predict, the interval is that of the blocks; where they
// differ, it becomes the t interval over repetitions. Percentiles of positive data are treated on the log
// scale, means as they are.
//
// Measured coverage of nominal 95 % two-sided intervals (log-normal data, 1200 points a repetition of
// 300 s, correlation time 3 s, blocks of 20 s; repetitions equal, or differing by 10 or 30 %):
//
//	repetitions         2            3            5
//	mean                0.87-0.94    0.90-0.96    0.94-0.95
//	p99                 0.83-0.93    0.85-0.94    0.83-0.94
//
// What p99 lacks is missed at the upper end, the lower end misses 2 % or less: the p99 of a few runs
// lies below the p99 of all runs, and no resampling of those few can see that.
//
// With a single repetition only blocks of time are resampled: the interval then says nothing about
// another run (and p99 covered 0.85 of the time where there is no difference between runs).
type Bootstrap struct {
	Block float64 // s
	Draws int
	Seed  uint64
}

// Streams keep the randomness inside repetitions and between them apart.
const (
	streamFirst   uint64 = 1
	streamBetween uint64 = 3
)

// statistic is a function of the current resample of an arm or a pair of arms.
type statistic struct {
	of func() estimate
	// log says that repetitions differ by factors rather than by amounts.
	log bool
}

// Percentiles returns the distributions of percentiles (each in [0, 1]) of all repetitions' values
// pooled.
func (b Bootstrap) Percentiles(reps []Rep, ps ...float64) ([]Dist, error) {
	if err := b.check(ps, reps); err != nil {
		return nil, err
	}
	a := newRanked(reps)
	positive := a.low.values[0] > 0
	stats := make([]statistic, len(ps))
	for i, p := range ps {
		stats[i] = statistic{of: func() estimate { return a.percentile(p) }, log: positive}
	}
	all, err := b.draw(streamFirst, stats, []arm{a}, reps)
	if err != nil {
		return nil, err
	}
	out := make([]Dist, len(ps))
	for i, d := range all {
		out[i] = d.dist()
	}
	return out, nil
}

// Mean returns the distribution of the mean of all repetitions' values pooled.
func (b Bootstrap) Mean(reps []Rep) (Dist, error) {
	d, err := b.mean(streamFirst, reps)
	if err != nil {
		return Dist{}, err
	}
	return d.dist(), nil
}

func (b Bootstrap) mean(stream uint64, reps []Rep) (draws, error) {
	if err := b.check(nil, reps); err != nil {
		return draws{}, err
	}
	a := newSummed(reps)
	return b.single(stream, a, reps, statistic{of: a.mean})
}

func (b Bootstrap) single(stream uint64, a arm, reps []Rep, s statistic) (draws, error) {
	all, err := b.draw(stream, []statistic{s}, []arm{a}, reps)
	if err != nil {
		return draws{}, err
	}
	return all[0], nil
}

// draw computes each statistic for the data as measured and for every draw. The arms share the drawn
// times; cells are their repetitions.
func (b Bootstrap) draw(stream uint64, stats []statistic, arms []arm, cells ...[]Rep) ([]draws, error) {
	return b.drawMoved(stream, streamBetween+stream, stats, arms, cells...)
}

// drawMoved is draw with a stream of its own for the moves between repetitions.
func (b Bootstrap) drawMoved(stream, between uint64, stats []statistic, arms []arm, cells ...[]Rep) ([]draws, error) {
	wins, err := windows(b.Block, cells...)
	if err != nil {
		return nil, err
	}
	s := sampler{arms: arms, windows: wins, rng: rand.New(rand.NewPCG(b.Seed, stream))}
	out := make([]draws, len(stats))
	s.whole()
	for k, st := range stats {
		out[k] = draws{value: st.of(), each: make([]estimate, b.Draws)}
	}
	reps := make([][]float64, len(stats))
	for r := range wins {
		s.only(r)
		for k, st := range stats {
			reps[k] = append(reps[k], st.of().at)
		}
	}
	for i := range b.Draws {
		s.draw()
		for k, st := range stats {
			out[k].each[i] = st.of()
		}
	}
	if len(wins) > 1 {
		t := b.student(between, len(wins)-1)
		for k, st := range stats {
			out[k].widen(reps[k], t, st.log)
		}
	}
	return out, nil
}
