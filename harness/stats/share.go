package stats

import (
	"fmt"
	"slices"
)

// Share is a part of a whole, both summed over time: hit blocks of looked-up blocks. A point is the
// amount counted at that time, or since the point before; Part and Whole need not have the same times,
// and a repetition without points of Part has the share 0.
type Share struct {
	Part, Whole []Rep
}

// ShareDifference returns the distribution of x's share less y's, each the sum of its parts over the
// sum of its wholes, so that a request of twice the blocks counts twice. If paired, repetition i of
// both belongs to one block of the experiment, as in Ratio; otherwise they are drawn independently.
func (b Bootstrap) ShareDifference(x, y Share, paired bool) (Dist, error) {
	for _, s := range []Share{x, y} {
		if err := b.checkShare(s); err != nil {
			return Dist{}, err
		}
	}
	fx, fy := newFraction(x), newFraction(y)
	if !paired {
		dx, err := b.draw(streamFirst, []statistic{{of: fx.share}}, []arm{fx}, x.Whole, x.Part)
		if err != nil {
			return Dist{}, err
		}
		dy, err := b.draw(streamSecond, []statistic{{of: fy.share}}, []arm{fy}, y.Whole, y.Part)
		if err != nil {
			return Dist{}, err
		}
		return dx[0].combine(dy[0], estimate.minus).dist(), nil
	}
	if len(x.Whole) != len(y.Whole) {
		return Dist{}, fmt.Errorf("paired shares of %d and %d repetitions: give the same repetitions of both arms", len(x.Whole), len(y.Whole))
	}
	diff := statistic{of: func() estimate { return fx.share().minus(fy.share()) }}
	all, err := b.draw(streamFirst, []statistic{diff}, []arm{fx, fy}, x.Whole, x.Part, y.Whole, y.Part)
	if err != nil {
		return Dist{}, err
	}
	return all[0].dist(), nil
}

// checkShare refuses amounts that have no share.
func (b Bootstrap) checkShare(s Share) error {
	if err := b.check(nil, s.Whole); err != nil {
		return err
	}
	if len(s.Part) != len(s.Whole) {
		return fmt.Errorf("share of %d repetitions of the part and %d of the whole: give both of each repetition", len(s.Part), len(s.Whole))
	}
	for r, whole := range s.Whole {
		if err := measured(r, s.Part[r]); err != nil {
			return err
		}
		for _, p := range slices.Concat(whole, s.Part[r]) {
			if p.V < 0 || p.Censored {
				return fmt.Errorf("share: repetition %d has the amount %g at t=%g (censored: %t): give counts since the point before", r+1, p.V, p.T, p.Censored)
			}
		}
		if !slices.ContainsFunc(whole, counted) {
			return fmt.Errorf("share: %w: the whole of repetition %d is 0", ErrNoData, r+1)
		}
	}
	return nil
}

func counted(p Point) bool { return p.V > 0 }

// fraction is an arm whose statistic is a share. Points of 0 are left out, so that it is empty exactly
// if the whole is 0.
type fraction struct{ part, whole *summed }

func newFraction(s Share) *fraction {
	some := func(reps []Rep) []Rep {
		out := make([]Rep, len(reps))
		for r, rep := range reps {
			out[r] = slices.DeleteFunc(slices.Clone(rep), func(p Point) bool { return !counted(p) })
		}
		return out
	}
	return &fraction{part: newSummed(some(s.Part)), whole: newSummed(some(s.Whole))}
}

func (a *fraction) size() int { return a.whole.size() }

func (a *fraction) reset() {
	a.part.reset()
	a.whole.reset()
}

func (a *fraction) take(rep int, from, to float64) {
	a.part.take(rep, from, to)
	a.whole.take(rep, from, to)
}

// share is the part's sum over the whole's in the resample.
func (a *fraction) share() estimate {
	v := a.part.sum / a.whole.sum
	return estimate{at: v, lo: v, hi: v}
}
