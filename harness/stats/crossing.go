package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// CrossingLevel is one level of a sweep: an independent cell whose repetitions have latencies of two
// kinds and a share, all on one time axis. A repetition without points of Num is one in which the event
// never happened: its score is 0.
type CrossingLevel struct {
	X        float64 // above 0
	Num, Den []Rep   // latencies in one unit; Den above 0
	Share    Share
}

// CrossingRule makes the score of a level, the lesser of two conditions, each 1 where it is just met:
// the P-quantile of Num over that of Den is Ratio, and the share is Share.
type CrossingRule struct {
	P            float64
	Ratio, Share float64
}

// Knee is where the score of a sweep first reaches 1 from below: between two neighbouring levels, by
// linear interpolation of the score over log x.
type Knee struct {
	// Value is in the unit of X; nil if the score as measured does not cross 1 between two levels. It
	// is then at or below the first level (the first score is 1 and above) or beyond the last.
	Value  *float64
	Scores []Dist  // of each level
	None   float64 // share of the draws in which the score can stay below 1 at all levels
	First  float64 // share of the draws in which the score can be 1 and above at the first level already

	draws draws // of log2 x
}

// Crossing finds the knee of a sweep in every draw of its levels' scores. A score is drawn as Bootstrap
// says, with one set of times for the latencies of both kinds and the share, and treated as it is rather
// than on the log scale, because it can be 0. Blocks are drawn independently at each level, but the
// moves between repetitions are common to all: t of two degrees of freedom is often large, and one of
// many levels moved independently would cross early by chance (intervals of 21 dense levels then covered
// 0.26 at worst). A draw that does not cross counts as a knee
// anywhere from the last level on, or anywhere up to the first.
//
// Measured coverage of nominal 95 % intervals (data as in Bootstrap; six levels an octave apart, the score
// rising as x^0.7 or x^0.3; repetitions equal, or differing by 10 or 30 % in each kind of latency and in
// the share):
//
//	repetitions                         2            3            5
//	one condition decides the score     0.93-0.97    0.96-0.99    0.93-0.99
//	both are met at the same x          0.91-0.99    0.85-0.95    0.83-0.93
//
// The lesser of two noisy conditions that are equal lies below both, and the knee late: in the second
// row nearly all misses have the truth below the interval. The first crossing of many levels lies early
// where they are denser than their noise: with levels a quarter of an octave apart and x^0.3, three
// repetitions covered 0.91-0.95, the truth being above the interval otherwise.
func (b Bootstrap) Crossing(levels []CrossingLevel, rule CrossingRule) (Knee, error) {
	if len(levels) < 2 {
		return Knee{}, fmt.Errorf("crossing over %d levels: %w: two are needed", len(levels), ErrNoData)
	}
	if !(rule.Ratio > 0) || !(rule.Share > 0) {
		return Knee{}, fmt.Errorf("crossing at a ratio of %g and a share of %g: set both above 0", rule.Ratio, rule.Share)
	}
	scores := make([]draws, len(levels))
	xs := make([]float64, len(levels)) // log2
	for i, l := range levels {
		if !(l.X > 0) || math.IsInf(l.X, 0) || i > 0 && l.X <= levels[i-1].X {
			return Knee{}, fmt.Errorf("level %d of the crossing is at %g: give levels above 0 in ascending order", i+1, l.X)
		}
		xs[i] = math.Log2(l.X)
		var err error
		if scores[i], err = b.score(streamLevels+uint64(i), l, rule); err != nil {
			return Knee{}, fmt.Errorf("level %g: %w", l.X, err)
		}
	}
	k := Knee{draws: draws{value: cross(xs, scores, func(d draws) estimate { return d.value }), each: make([]estimate, b.Draws)}}
	for _, s := range scores {
		k.Scores = append(k.Scores, s.dist())
	}
	if at := firstCrossing(xs, func(i int) float64 { return scores[i].value.at }); !math.IsInf(at, 0) {
		k.Value = new(math.Exp2(at))
	}
	none, first := 0, 0
	for i := range k.draws.each {
		e := cross(xs, scores, func(d draws) estimate { return d.each[i] })
		if math.IsInf(e.hi, 1) {
			none++
		}
		if math.IsInf(e.lo, -1) {
			first++
		}
		k.draws.each[i] = e
	}
	k.None, k.First = float64(none)/float64(b.Draws), float64(first)/float64(b.Draws)
	return k, nil
}

// Interval returns the two-sided percentile interval of the knee. An end is nil if it lies outside the
// levels. It panics if confidence is outside (0, 1).
func (k Knee) Interval(confidence float64) (lo, hi *float64) {
	l, h := k.draws.dist().Interval(confidence)
	if !math.IsInf(l, 0) {
		lo = new(math.Exp2(l))
	}
	if !math.IsInf(h, 0) {
		hi = new(math.Exp2(h))
	}
	return lo, hi
}

// Shift returns the distribution of log2(to/from), the doublings by which the knee moves between two
// sweeps that share no cell. A knee outside its levels is censored there: beyond the last level of to it
// enters Draws at that level and leaves Upper open, beyond the last level of from it leaves Draws open
// (-Inf), at or below the first level the other way round. So each end of the interval holds wherever
// the unseen knee is, and is open where the sweep cannot give one. Nominal 95 % intervals covered a shift
// of 0 in 0.97-1.00 of simulations.
func (b Bootstrap) Shift(from, to Knee) (Dist, error) {
	n := len(from.draws.each)
	if n == 0 || n != len(to.draws.each) {
		return Dist{}, fmt.Errorf("shift between knees of %d and %d draws: take both from Crossing with the same settings", n, len(to.draws.each))
	}
	// Both knees may come from one seed: their draws are paired at random instead of in order.
	order := rand.New(rand.NewPCG(b.Seed, streamShift)).Perm(n)
	moved := draws{value: to.draws.value, each: make([]estimate, n)}
	for i, k := range order {
		moved.each[i] = to.draws.each[k]
	}
	return moved.combine(from.draws, estimate.minus).dist(), nil
}

// Streams of Crossing and Shift; level i takes streamLevels + i.
const (
	streamShift  uint64 = 1 << 15
	streamMoves  uint64 = 1<<16 - 1
	streamLevels uint64 = 1 << 16
)

// score draws the score of one level.
func (b Bootstrap) score(stream uint64, l CrossingLevel, rule CrossingRule) (draws, error) {
	if err := b.check([]float64{rule.P}, l.Den); err != nil {
		return draws{}, err
	}
	if err := b.checkShare(l.Share); err != nil {
		return draws{}, err
	}
	if n := len(l.Den); len(l.Num) != n || len(l.Share.Whole) != n {
		return draws{}, fmt.Errorf("score of %d and %d repetitions of latencies and %d of the share: give all of each repetition", len(l.Num), n, len(l.Share.Whole))
	}
	for r, rep := range l.Num {
		if err := measured(r, rep); err != nil {
			return draws{}, err
		}
	}
	a := &scored{num: newRanked(l.Num), den: newRanked(l.Den), part: newFraction(l.Share), rule: rule}
	if err := positive(a.den); err != nil {
		return draws{}, err
	}
	all, err := b.drawMoved(stream, streamMoves, []statistic{{of: a.score}}, []arm{a}, l.Den, l.Num, l.Share.Whole, l.Share.Part)
	if err != nil {
		return draws{}, err
	}
	return all[0], nil
}

// scored is an arm whose statistic is the score. It is empty if there is no Den or no whole; no Num is a
// score of 0.
type scored struct {
	num, den *ranked
	part     *fraction
	rule     CrossingRule
}

func (a *scored) size() int { return min(a.den.size(), a.part.size()) }

func (a *scored) reset() {
	a.num.reset()
	a.den.reset()
	a.part.reset()
}

func (a *scored) take(rep int, from, to float64) {
	a.num.take(rep, from, to)
	a.den.take(rep, from, to)
	a.part.take(rep, from, to)
}

func (a *scored) score() estimate {
	if a.num.size() == 0 {
		return estimate{}
	}
	ratio := a.num.percentile(a.rule.P).over(a.den.percentile(a.rule.P))
	share := a.part.share().at / a.rule.Share
	least := func(r float64) float64 { return min(r/a.rule.Ratio, share) }
	return estimate{at: least(ratio.at), lo: least(ratio.lo), hi: least(ratio.hi)}
}

// cross is the knee of the scores, which of picks, over xs: the range from a first crossing of the
// greatest possible scores to one of the least, because a higher score crosses earlier. A knee outside
// xs stands at the end of xs that is nearer to it, its range open on the other side.
func cross(xs []float64, scores []draws, of func(draws) estimate) estimate {
	first := func(side func(estimate) float64) float64 {
		return firstCrossing(xs, func(i int) float64 { return side(of(scores[i])) })
	}
	least, most := xs[0], xs[len(xs)-1]
	return estimate{
		at: min(max(first(func(e estimate) float64 { return e.at }), least), most),
		lo: min(first(func(e estimate) float64 { return e.hi }), most),
		hi: max(first(func(e estimate) float64 { return e.lo }), least),
	}
}

// firstCrossing is -Inf if the first score is 1 and above, +Inf if none is.
func firstCrossing(xs []float64, score func(level int) float64) float64 {
	for i := range xs {
		high := score(i)
		if high < 1 {
			continue
		}
		if i == 0 {
			return math.Inf(-1)
		}
		low := score(i - 1)
		return xs[i-1] + (1-low)/(high-low)*(xs[i]-xs[i-1])
	}
	return math.Inf(1)
}
