package report

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
)

// maxLevels is the largest number of distinct x that are taken for the levels of a factor.
const maxLevels = 12

// logTicks are ticks of a logarithmic axis: labels at 1, or 1 2 5, or 1 ... 9 of each decade, the fewest
// that give at least three, and marks without a label between them.
func logTicks(lo, hi float64) []plot.Tick {
	for _, labelled := range [][]int{{1}, {1, 2, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9}} {
		var ticks []plot.Tick
		labels := 0
		for e := int(math.Floor(math.Log10(lo))); e <= int(math.Ceil(math.Log10(hi))); e++ {
			for d := 1; d <= 9; d++ {
				// Parsed, because 3*0.1 is not 0.3 and would print so.
				v, _ := strconv.ParseFloat(strconv.Itoa(d)+"e"+strconv.Itoa(e), 64)
				if v < lo || v > hi {
					continue
				}
				t := plot.Tick{Value: v}
				if slices.Contains(labelled, d) {
					t.Label = tickLabel(v)
					labels++
				}
				ticks = append(ticks, t)
			}
		}
		if labels >= 3 {
			return ticks
		}
	}
	return linearTicks(lo, hi)
}

// linearTicks are four to nine ticks at multiples of 1, 2, 2.5 or 5 times a power of ten.
func linearTicks(lo, hi float64) []plot.Tick {
	raw := (hi - lo) / 6
	scale := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * scale
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*scale >= raw {
			step = m * scale
			break
		}
	}
	var ticks []plot.Tick
	for i := math.Ceil(lo / step); i*step <= hi; i++ {
		// Rounded to the step's decimals, because 3*0.1 is not 0.3 and would print so.
		v, _ := strconv.ParseFloat(strconv.FormatFloat(i*step, 'e', 12, 64), 64)
		ticks = append(ticks, plot.Tick{Value: v + 0, Label: tickLabel(v + 0)}) // + 0 makes 0 of -0
		if len(ticks) > 20 {
			break // the step is below the resolution of the numbers
		}
	}
	return ticks
}

// levelTicks are a tick at each level of a factor.
func levelTicks(levels []float64) []plot.Tick {
	ticks := make([]plot.Tick, len(levels))
	for i, v := range levels {
		label := tickLabel(v)
		if len(label) > longestLevel {
			label = number(v) // measured, such as an r_await, and no level that somebody has chosen
		}
		ticks[i] = plot.Tick{Value: v, Label: label}
	}
	return ticks
}

// longestLevel are the most characters of a level's label: 131,072.
const longestLevel = 7

// crowded reports whether labels would touch; room is the length of the axis and width that of a label.
func crowded(ticks []plot.Tick, norm func(float64) float64, room float64, width func(string) float64) bool {
	const gap = 5
	end := math.Inf(-1)
	for _, t := range ticks {
		if t.IsMinor() {
			continue
		}
		mid, half := norm(t.Value)*room, width(t.Label)/2
		if mid-half < end+gap {
			return true
		}
		end = mid + half
	}
	return false
}

// thinned takes the label from each tick whose label would touch the one before it.
func thinned(ticks []plot.Tick, norm func(float64) float64, room float64, width func(string) float64) []plot.Tick {
	out := slices.Clone(ticks)
	var kept []plot.Tick
	for i, t := range out {
		if t.IsMinor() {
			continue
		}
		if crowded(append(kept, t), norm, room, width) {
			out[i].Label = ""
			continue
		}
		kept = append(kept, t)
	}
	return out
}

// tickLabel prints a tick's value as shortly as it can be.
func tickLabel(v float64) string {
	if a := math.Abs(v); v != 0 && (a < 1e-3 || a >= 1e6) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e")
		e, _ := strconv.Atoi(exponent)
		return mantissa + "e" + strconv.Itoa(e)
	}
	return thousands(strconv.FormatFloat(v, 'f', -1, 64))
}
