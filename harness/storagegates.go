package harness

import (
	"fmt"

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
			return verdict.Fail(name, verdict.Invalid, "r_await_unknown", fmt.Sprintf("block %d: r_await is not known in %s or %s: the drive completed no read", at.rep, heavy.Key, light.Key))
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

// FioRan is the manipulation check that every sweep over fio has: where a profile has jobs fio's process moved
// bytes while the load was measured, by its own account, and where it has none nobody's did.
func (ev *Evidence) FioRan() verdict.Gate {
	const name = "fio"
	least := worst{}
	for _, c := range ev.Cells {
		moved := c.Sys.Measure.FioReadBytes
		started := c.Info.Fio != nil && len(c.Info.Fio.Jobs) > 0
		switch {
		case c.Info.Fio == nil:
			return verdict.Fail(name, verdict.Invalid, "not_treated", c.Key+": nothing tells what fio did there")
		case !started && moved != nil && *moved > 0:
			return verdict.Fail(name, verdict.Invalid, "foreign_fio", c.Key+": fio moved bytes where none was to run")
		case started && (moved == nil || *moved == 0):
			return verdict.Fail(name, verdict.Invalid, "fio_idle", c.Key+": fio was started, and its process moved no byte while the load was measured")
		case started && c.Seconds() > 0:
			least.high(-*moved/c.Seconds(), fmt.Sprintf("%s: %.0f MB/s", c.Key, *moved/c.Seconds()/1e6))
		}
	}
	if !least.seen {
		return verdict.Pass(name, "no cell was to have fio beside it, and none had")
	}
	return verdict.Pass(name, "fio read beside the load wherever it was to; least in "+least.where)
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
				rep = append(rep, stats.Point{T: r.At, V: r.E2E, Censored: r.Censored})
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
