package health

import (
	"slices"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// Rate is what a drive was written in about a second.
type Rate struct {
	Seconds float64
	Bytes   float64
	// MarginC is how far the drive was from its limit of temperature then, degrees Celsius; nil if that is not told.
	MarginC *float64
}

const (
	// A fall counts if it is significant, by a third at least, and lasts: the last quarter of what came after is as low. The
	// level of significance is strict because rates of following seconds depend on each other.
	fallP      = 1e-4
	fallFactor = 1.5
	// A lower level is steady if the middle half of its seconds lies within a third of their median.
	steadySpread = 1.0 / 3
	// least is how many seconds there must be on each side.
	leastSide = 8
	// nearLimit is how close to its limit a drive throttles, degrees Celsius: sensors tell whole degrees, and late.
	nearLimit = 3
)

// Steadiness says whether the rate of writing fell for good while the same was asked of the drive, and what that looks like:
//   - thermal, if the drive was within 3 degrees of its limit in the seconds before or after the fall, or by its own count of
//     throttling (throttled) it has throttled meanwhile;
//   - a cache cliff, if the lower level is steady, as that of a drive whose fast cells are full;
//   - else unknown, such as a saw-tooth of a drive that does not tell its temperature.
//
// The change is looked for with Pettitt's test. It is nil for fewer than 16 seconds.
func Steadiness(rates []Rate, throttled *bool) *record.Steadiness {
	rates = slices.DeleteFunc(slices.Clone(rates), func(r Rate) bool { return r.Seconds <= 0 })
	if len(rates) < 2*leastSide {
		return nil
	}
	xs := make([]float64, len(rates))
	for i, r := range rates {
		xs[i] = r.Bytes / r.Seconds
	}
	at, p := stats.Pettitt(xs)
	out := &record.Steadiness{Cause: record.SteadyRate, N: len(xs), P: p}
	if p > fallP || at < leastSide || len(xs)-at < leastSide {
		return out
	}
	before, after, end := quartiles(xs[:at]), quartiles(xs[at:]), quartiles(xs[at+3*(len(xs)-at)/4:])
	if before[1] < fallFactor*after[1] || before[1] < fallFactor*end[1] {
		return out
	}
	var seconds, bytes float64
	for _, r := range rates[:at] {
		seconds += r.Seconds
		bytes += r.Bytes
	}
	out.AtS, out.AfterGiB, out.BeforeBs, out.AfterBs = &seconds, new(bytes/(1<<30)), &before[1], &after[1]
	for _, r := range rates[at-leastSide/2:] {
		if r.MarginC != nil && (out.MarginC == nil || *r.MarginC < *out.MarginC) {
			out.MarginC = r.MarginC
		}
	}
	switch {
	case out.MarginC != nil && *out.MarginC <= nearLimit, throttled != nil && *throttled:
		out.Cause = record.ThermalLimit
	case after[2]-after[0] <= steadySpread*after[1]:
		out.Cause = record.CacheCliff
	default:
		out.Cause = record.UnknownFall
	}
	return out
}

// quartiles of values in any order, of which there is one at least.
func quartiles(xs []float64) [3]float64 {
	sorted := slices.Sorted(slices.Values(xs))
	return [3]float64{stats.Quantile(sorted, 0.25), stats.Quantile(sorted, 0.5), stats.Quantile(sorted, 0.75)}
}
