package gate

import (
	"fmt"
	"slices"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
)

// Client wants requests to have left on time: a late client measures itself.
func Client(ev *evidence.Evidence, _ Claim) Gate {
	const name = "client"
	g := ev.Exp.Hypothesis.Gates
	bad := worst{}
	for _, grp := range ev.Groups() {
		var lags []float64
		for _, c := range grp.Cells {
			for i := range c.Requests {
				lags = append(lags, c.Requests[i].LagMS)
			}
		}
		p50, ok := grp.Percentile(0.5)
		if len(lags) == 0 || !ok {
			continue // nothing was measured: the samples gate says so
		}
		slices.Sort(lags)
		allowed := max(float64(g.MaxSendLag)/1e6, g.MaxSendLagShare*p50)
		bad.high(stats.Quantile(lags, 0.99)/allowed, fmt.Sprintf("%s: p99 send lag %.4g ms, allowed %.4g ms", grp.Cell, stats.Quantile(lags, 0.99), allowed))
	}
	switch {
	case !bad.seen:
		return Fail(name, Invalid, "no_requests", "no request was measured")
	case bad.value > 1:
		return Fail(name, Invalid, "send_lag", "the client was the bottleneck, "+bad.where+": end what else uses its CPUs, or keep it to others with -client-cpus")
	}
	return Pass(name, "requests left on time, worst: "+bad.where)
}
