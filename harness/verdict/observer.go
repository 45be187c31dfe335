package verdict

import (
	"fmt"
	"math"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// observerEffect compares the same load with telemetry and without, pair by pair.
func observerEffect(cells []*evidence.Cell) []Finding {
	for _, c := range cells {
		if o := c.Info.Observed; o != nil {
			return []Finding{
				ratioOfPairs("observer's effect on p50 TTFT", o, func(p record.ObservedPart) *float64 { return p.TTFTp50MS }),
				ratioOfPairs("observer's effect on answers per s", o, func(p record.ObservedPart) *float64 {
					if p.Seconds <= 0 || p.Requests == 0 {
						return nil
					}
					return new(float64(p.Requests) / p.Seconds)
				}),
			}
		}
	}
	return nil
}

// ratioOfPairs is the geometric mean of watched / not watched over pairs of neighbouring parts, with Student's t on its logarithm.
func ratioOfPairs(name string, o *record.Observed, of func(record.ObservedPart) *float64) Finding {
	f := Finding{Name: name, Unit: "ratio"}
	var logs []float64
	var parts []record.ObservedPart
	failed := 0
	for _, p := range o.Parts {
		if !p.Discard {
			parts = append(parts, p)
			failed += p.Failed
		}
	}
	for i := 0; i+1 < len(parts); i += 2 {
		with, without := parts[i], parts[i+1]
		if !with.Watched {
			with, without = without, with
		}
		a, b := of(with), of(without)
		if with.Watched == without.Watched || a == nil || b == nil || *a <= 0 || *b <= 0 {
			continue
		}
		logs = append(logs, math.Log(*a / *b))
	}
	f.Detail = fmt.Sprintf("the same load with a sample every %.0f ms and without, %d pairs after the first cell, %d requests failed", o.CadenceMS, len(logs), failed)
	if o.Error != "" {
		f.Detail += "; it ended early: " + o.Error
	}
	mean, lo, hi, err := stats.MeanT(logs, 0.95)
	if err != nil {
		f.Detail += ": too few to tell"
		return f
	}
	f.Estimate = stats.Between(math.Exp(mean), math.Exp(lo), math.Exp(hi))
	return f
}
