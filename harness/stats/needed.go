package stats

import (
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// maxNeeded is the most data, as a multiple of what there is, that anybody would collect.
const maxNeeded = 1000

// Needed returns how many times as much data would settle what an interval leaves open. The interval runs
// from lo to hi about the estimate v, and has to clear each of the bounds: a threshold, or the two margins of
// an equivalence. A bound that it crosses is cleared once its side towards that bound, of length h, is no
// longer than the distance d from v to the bound. The sides shrink with the square root of the amount of
// data, so that (h/d)^2 as much is needed, by the bound that needs most; 1 if none is crossed. Give
// logarithms of ratios.
//
// The law holds for more seconds in each repetition, and for more repetitions, as long as what scatters lies
// inside them; where repetitions differ, only more of them help, and NeededRepetitions says how many. It
// takes v for the truth, which it is not: more data moves it. ok is false if no practical amount of data
// settles it, that is if v lies on a bound that is crossed, if more than 1000 times as much is needed, or if
// the end beyond the bound is open.
func Needed(v, lo, hi float64, bounds ...float64) (factor float64, ok bool) {
	factor = 1
	for _, bound := range bounds {
		if bound < lo || bound > hi {
			continue
		}
		side, distance := v-lo, v-bound
		if v < bound {
			side, distance = hi-v, bound-v
		}
		factor = max(factor, math.Pow(side/distance, 2))
	}
	if !(factor <= maxNeeded) {
		return 0, false
	}
	return factor, true
}

// NeededRepetitions returns the least number of repetitions that shrinks an interval over reps of them as far
// as a factor of Needed asks, where the scatter between repetitions is all there is. The interval is
// Student's of the given two-sided confidence, whose length goes with t/sqrt(R) for the quantile t of R-1
// degrees of freedom: from two and three repetitions it shrinks much faster than by the square root. Where
// the scatter lies inside repetitions, reps*factor are needed instead, which is the careful choice if it
// is not known. It panics unless reps is 2 and above, factor inside [1, 1000] and confidence inside (0, 1).
func NeededRepetitions(factor float64, reps int, confidence float64) int {
	if reps < 2 || !(factor >= 1 && factor <= maxNeeded) || !(confidence > 0 && confidence < 1) {
		panic(fmt.Sprintf("stats: NeededRepetitions of %g times %d at confidence %g", factor, reps, confidence))
	}
	length := func(n int) float64 {
		return distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}.Quantile((1+confidence)/2) / math.Sqrt(float64(n))
	}
	// As t falls with more repetitions, the square root's number is enough.
	enough := int(math.Ceil(factor * float64(reps)))
	want := length(reps) / math.Sqrt(factor)
	return reps + sort.Search(enough-reps, func(more int) bool { return length(reps+more) <= want })
}
