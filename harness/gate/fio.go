package gate

import (
	"fmt"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// FioReached is the manipulation check of a sweep over fio: in every block the drive's mean read latency in
// the heaviest arm is at least ratio times that of the lightest one, and fio moved bytes, by its own
// process's account, in every arm but the one without.
func FioReached(ev *evidence.Evidence, ratio float64) Gate {
	const name = "fio"
	levels := ev.Exp.Hypothesis.Sweep.Fio
	if len(levels) < 2 {
		return Fail(name, Invalid, "no_arms", "the sweep has no arms with and without fio")
	}
	if g := FioRan(ev); !g.Passed {
		return g
	}
	type place struct {
		rest string
		rep  int
	}
	arms := map[string]map[place]*evidence.Cell{}
	for _, c := range ev.Cells {
		if arms[c.Fio] == nil {
			arms[c.Fio] = map[place]*evidence.Cell{}
		}
		arms[c.Fio][place{c.Cell.Without(config.FactorFio, config.FactorRep).String(), c.Rep}] = c
	}
	least := worst{}
	for _, heavy := range ev.Cells {
		if heavy.Fio != levels[len(levels)-1] {
			continue
		}
		at := place{heavy.Cell.Without(config.FactorFio, config.FactorRep).String(), heavy.Rep}
		light := arms[levels[0]][at]
		if light == nil {
			continue
		}
		h, l := heavy.Sys.Measure.RAwait(), light.Sys.Measure.RAwait()
		if h == nil || l == nil || *l <= 0 {
			return Fail(name, Invalid, "r_await_unknown", fmt.Sprintf("block %d: r_await is not known in %s or %s: the drive read for less than a millisecond in all", at.rep, heavy.Key, light.Key))
		}
		least.high(-*h / *l, fmt.Sprintf("block %d: r_await %.3f ms with fio %s, %.3f ms with %s", at.rep, *h, heavy.Fio, *l, light.Fio))
	}
	switch {
	case !least.seen:
		return Fail(name, Invalid, "arm_missing", "no block has both the lightest and the heaviest arm")
	case -least.value < ratio:
		return Fail(name, Invalid, "drive_not_degraded", fmt.Sprintf("r_await grew only %.2f-fold (need %.1f; least in %s)", -least.value, ratio, least.where))
	}
	return Pass(name, fmt.Sprintf("r_await grew at least %.2f-fold from fio %s to %s (need %.1f; least in %s)", -least.value, levels[0], levels[len(levels)-1], ratio, least.where))
}

// FioRan is the manipulation check that every sweep over fio has. Where a profile has jobs, fio's process was there
// for at least min_fio_presence of the measure phase and moved bytes, by its own account. Where it has none, and a KV
// manager accounts for the server's reads, nobody else read either: what the drive read beyond its idle rate and that
// account is at most max_foreign_reads of what fio moved where it moved most. Without a KV manager a read may be the
// server's own, which is what the claim is about.
func FioRan(ev *evidence.Evidence) Gate {
	const name = "fio"
	gates := ev.Exp.Hypothesis.Gates
	least, most, foreign := worst{}, worst{}, worst{}
	for _, c := range ev.Cells {
		m, seconds := &c.Sys.Measure, c.Seconds()
		switch {
		case c.Info.Fio == nil:
			return Fail(name, Invalid, "not_treated", c.Key+": nothing tells what fio did there")
		case seconds <= 0 || m.NVMeSeconds <= 0:
			return Fail(name, Invalid, "not_measured", c.Key+": the drive was not watched")
		}
		if len(c.Info.Fio.Jobs) > 0 {
			moved := record.OrZero(m.FioReadBytes) + record.OrZero(m.FioWriteBytes)
			switch {
			case m.FioSeconds < gates.MinFioPresence*m.Seconds:
				return Fail(name, Invalid, "fio_gone", fmt.Sprintf("%s: fio's process was there for %.0f of %.0f s", c.Key, m.FioSeconds, m.Seconds))
			case moved == 0:
				return Fail(name, Invalid, "fio_idle", c.Key+": fio was started, and its process moved no byte while the load was measured")
			}
			least.high(-moved/seconds, c.Key)
			most.high(moved/seconds, c.Key)
			continue
		}
		if c.KV == nil {
			continue
		}
		rest := m.ReadBytes - record.OrZero(c.KV.Tier2Spread)
		if b := &c.Sys.Baseline; b.NVMeSeconds > 0 {
			rest -= b.ReadBytes / b.NVMeSeconds * m.NVMeSeconds
		}
		foreign.high(rest/seconds, fmt.Sprintf("%.2f MB/s that are nobody's in %s", max(0, rest/seconds/1e6), c.Key))
	}
	switch {
	case !least.seen:
		return Pass(name, "no cell was to have fio beside it, and none had")
	case foreign.seen && foreign.value > gates.MaxForeignReads*most.value:
		return Fail(name, Invalid, "foreign_reads", fmt.Sprintf("something read the drive where no fio was to run: %s, against %.0f MB/s of fio", foreign.where, most.value/1e6))
	case foreign.seen:
		return Pass(name, fmt.Sprintf("fio moved at least %.0f MB/s where it was to run (%s), and where not there were at most %s", -least.value/1e6, least.where, foreign.where))
	}
	return Pass(name, fmt.Sprintf("fio moved at least %.0f MB/s beside the load (%s)", -least.value/1e6, least.where))
}
