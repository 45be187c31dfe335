package harness

import (
	"fmt"
	"math"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// FioReached is the manipulation check of a sweep over fio: in every block the drive's mean read latency in
// the heaviest arm is at least ratio times that of the lightest one, and fio moved bytes, by its own
// process's account, in every arm but the one without.
func (ev *Evidence) FioReached(ratio float64) verdict.Gate {
	const name = "fio"
	levels := ev.Exp.Hypothesis.Sweep.Fio
	if len(levels) < 2 {
		return verdict.Fail(name, verdict.Invalid, "no_arms", "the sweep has no arms with and without fio")
	}
	if g := ev.FioRan(); !g.Passed {
		return g
	}
	type place struct {
		rest string
		rep  int
	}
	arms := map[string]map[place]*CellData{}
	for _, c := range ev.Cells {
		if arms[c.Fio] == nil {
			arms[c.Fio] = map[place]*CellData{}
		}
		arms[c.Fio][place{c.Cell.Without(factorFio, factorRep).String(), c.Rep}] = c
	}
	least := worst{}
	for _, heavy := range ev.Cells {
		if heavy.Fio != levels[len(levels)-1] {
			continue
		}
		at := place{heavy.Cell.Without(factorFio, factorRep).String(), heavy.Rep}
		light := arms[levels[0]][at]
		if light == nil {
			continue
		}
		h, l := heavy.Sys.Measure.RAwait(), light.Sys.Measure.RAwait()
		if h == nil || l == nil || *l <= 0 {
			return verdict.Fail(name, verdict.Invalid, "r_await_unknown", fmt.Sprintf("block %d: r_await is not known in %s or %s: the drive read for less than a millisecond in all", at.rep, heavy.Key, light.Key))
		}
		least.high(-*h / *l, fmt.Sprintf("block %d: r_await %.3f ms with fio %s, %.3f ms with %s", at.rep, *h, heavy.Fio, *l, light.Fio))
	}
	switch {
	case !least.seen:
		return verdict.Fail(name, verdict.Invalid, "arm_missing", "no block has both the lightest and the heaviest arm")
	case -least.value < ratio:
		return verdict.Fail(name, verdict.Invalid, "drive_not_degraded", fmt.Sprintf("r_await grew only %.2f-fold (need %.1f; least in %s)", -least.value, ratio, least.where))
	}
	return verdict.Pass(name, fmt.Sprintf("r_await grew at least %.2f-fold from fio %s to %s (need %.1f; least in %s)", -least.value, levels[0], levels[len(levels)-1], ratio, least.where))
}

// FioRan is the manipulation check that every sweep over fio has. Where a profile has jobs, fio's process was there
// for at least 95 % of the measure phase and moved bytes, by its own account. Where it has none, and a KV manager
// accounts for the server's reads, nobody else read either: what the drive read beyond its idle rate and that
// account is below a hundredth of what fio moved where it moved most. Without a KV manager a read may be the
// server's own, which is what the claim is about.
func (ev *Evidence) FioRan() verdict.Gate {
	const name = "fio"
	const share = 0.01
	least, most, foreign := worst{}, worst{}, worst{}
	for _, c := range ev.Cells {
		m, seconds := &c.Sys.Measure, c.Seconds()
		switch {
		case c.Info.Fio == nil:
			return verdict.Fail(name, verdict.Invalid, "not_treated", c.Key+": nothing tells what fio did there")
		case seconds <= 0 || m.NVMeSeconds <= 0:
			return verdict.Fail(name, verdict.Invalid, "not_measured", c.Key+": the drive was not watched")
		}
		if len(c.Info.Fio.Jobs) > 0 {
			moved := orZero(m.FioReadBytes) + orZero(m.FioWriteBytes)
			switch {
			case m.FioSeconds < 0.95*m.Seconds:
				return verdict.Fail(name, verdict.Invalid, "fio_gone", fmt.Sprintf("%s: fio's process was there for %.0f of %.0f s", c.Key, m.FioSeconds, m.Seconds))
			case moved == 0:
				return verdict.Fail(name, verdict.Invalid, "fio_idle", c.Key+": fio was started, and its process moved no byte while the load was measured")
			}
			least.high(-moved/seconds, c.Key)
			most.high(moved/seconds, c.Key)
			continue
		}
		if c.KV == nil {
			continue
		}
		rest := m.ReadBytes - orZero(c.KV.Tier2Spread)
		if b := &c.Sys.Baseline; b.NVMeSeconds > 0 {
			rest -= b.ReadBytes / b.NVMeSeconds * m.NVMeSeconds
		}
		foreign.high(rest/seconds, fmt.Sprintf("%.2f MB/s that are nobody's in %s", max(0, rest/seconds/1e6), c.Key))
	}
	switch {
	case !least.seen:
		return verdict.Pass(name, "no cell was to have fio beside it, and none had")
	case foreign.seen && foreign.value > share*most.value:
		return verdict.Fail(name, verdict.Invalid, "foreign_reads", fmt.Sprintf("something read the drive where no fio was to run: %s, against %.0f MB/s of fio", foreign.where, most.value/1e6))
	case foreign.seen:
		return verdict.Pass(name, fmt.Sprintf("fio moved at least %.0f MB/s where it was to run (%s), and where not there were at most %s", -least.value/1e6, least.where, foreign.where))
	}
	return verdict.Pass(name, fmt.Sprintf("fio moved at least %.0f MB/s beside the load (%s)", -least.value/1e6, least.where))
}

// orZero is for sums in which a part that does not exist adds nothing.
func orZero(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

// CadenceKept is the manipulation check of a sweep over the cadence of telemetry: the measure phase of every cell
// has as many samples as its cadence makes, within 5 % and one.
func (ev *Evidence) CadenceKept() verdict.Gate {
	const name = "cadence"
	bad := worst{}
	for _, c := range ev.Cells {
		if c.CadenceMS <= 0 || c.Seconds() <= 0 {
			return verdict.Fail(name, verdict.Invalid, "not_swept", c.Key+": the cell has no cadence or no measure phase")
		}
		due := c.Seconds() * 1e3 / c.CadenceMS
		off := max(0, math.Abs(float64(c.Sys.Measure.Samples)-due)-1) / due
		bad.high(off, fmt.Sprintf("%s: %d samples in %.0f s", c.Key, c.Sys.Measure.Samples, c.Seconds()))
	}
	if !bad.seen || bad.value > 0.05 {
		return verdict.Fail(name, verdict.Invalid, "not_kept", "the machine was not sampled at the cadence of the arm, "+bad.where)
	}
	return verdict.Pass(name, "every arm was sampled at its cadence; furthest off is "+bad.where)
}

// Tier2Engaged is the gate of a claim about reads on the critical path: tier 2 serves a share of the prefix
// lookups in every group.
func (ev *Evidence) Tier2Engaged(need float64) verdict.Gate {
	const name = "tier_2_engaged"
	least := worst{}
	for _, g := range ev.Groups() {
		kv := ev.KV(g)
		if kv == nil || kv.Tier2Share == nil {
			return verdict.Fail(name, verdict.Invalid, "not_reported", g.Cell.String()+": the server tells no hits of tier 2")
		}
		least.high(-*kv.Tier2Share, g.Cell.String())
	}
	detail := fmt.Sprintf("tier 2 served at least %.1f %% of the prefix lookups (need %.0f %%; least: %s)", -least.value*100, need*100, least.where)
	if !least.seen || -least.value < need {
		return verdict.Fail(name, verdict.Invalid, "not_engaged", detail)
	}
	return verdict.Pass(name, detail)
}

// IOWaitAboveIdle is the mean iowait of a group's measure phases less that of the idle baselines before
// them, in percentage points.
func (ev *Evidence) IOWaitAboveIdle(g *Group) (stats.Dist, error) {
	var load, idle []stats.Rep
	for _, c := range g.Cells {
		load, idle = append(load, c.Sys.Measure.IOWaits), append(idle, c.Sys.Baseline.IOWaits)
	}
	return ev.idleBootstrap().MeanDifference(load, idle)
}

// E2E are the repetitions' end-to-end latencies for the bootstrap.
func (g *Group) E2E() []stats.Rep {
	out := make([]stats.Rep, 0, len(g.Cells))
	for _, c := range g.Cells {
		var rep stats.Rep
		for i := range c.Requests {
			if r := &c.Requests[i]; r.HasE2E {
				rep = append(rep, stats.Point{T: r.At, V: r.E2E, Censored: r.RC == record.RCTimeout})
			}
		}
		out = append(out, rep)
	}
	return out
}

// completionBin is the length of the bins in which completions are counted, in s: long enough that the
// request rates of a 70B leave few of them empty.
const completionBin = 10

// CompletionReps are the answered requests per second of a group's measure phases, in bins of the time at
// which the answer was complete.
func (g *Group) CompletionReps() []stats.Rep {
	out := make([]stats.Rep, 0, len(g.Cells))
	for _, c := range g.Cells {
		rep := make(stats.Rep, int(c.Seconds()/completionBin+1e-9))
		for i := range rep {
			rep[i].T = float64(i) * completionBin
		}
		for i := range c.Requests {
			r := &c.Requests[i]
			if r.RC != record.RCOK || !r.HasE2E {
				continue
			}
			if at := int((r.At + r.E2E/1000) / completionBin); at < len(rep) {
				rep[at].V += 1.0 / completionBin
			}
		}
		out = append(out, rep)
	}
	return out
}

// LoaderRequestBytes is the size of the requests in which the KV loader reads from the NVMe, 0 without one:
// its I/O size, or what the kernel splits it into.
func (ev *Evidence) LoaderRequestBytes() float64 {
	const split = 512 << 10 // MDTS of the drive: nvme id-ctrl
	for _, name := range ev.Exp.stackNames() {
		if d := ev.Exp.Stacks[name].Dynamo; d != nil {
			return float64(min(d.Loader.IOBytes, split))
		}
	}
	return 0
}
