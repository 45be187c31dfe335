package gate

import (
	"fmt"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// FioReached is the manipulation check of a sweep over fio: in every block the probe's mean latency in the heaviest arm
// is at least ratio times that in the lightest one, and fio moved bytes, by its own process's account, in every arm but
// the one without. The drive's mean over everybody's reads would not do: that of a nearly idle drive, which power-save
// wake-ups make long, may exceed that of a busy one, and arms differ in the sizes of their reads.
func FioReached(ev *evidence.Evidence, ratio float64) Gate {
	const name = "fio"
	levels := ev.Exp.Hypothesis.Sweep.Fio
	if len(levels) < 2 {
		return Fail(name, Invalid, "no_arms", "the sweep has no arms with and without fio")
	}
	if g := FioRan(ev); !g.Passed {
		return g
	}
	washed := washedOut(ev)
	if !washed.Passed {
		return washed
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
		h, l := heavy.Sys.Measure.Probe(), light.Sys.Measure.Probe()
		if h == nil || l == nil || *l <= 0 {
			return Fail(name, Invalid, "probe_unknown", fmt.Sprintf("block %d: how long a read of the probe takes is not known in %s or %s", at.rep, heavy.Key, light.Key))
		}
		least.high(-*h / *l, fmt.Sprintf("block %d: %.0f us with fio %s, %.0f us with %s", at.rep, *h, heavy.Fio, *l, light.Fio))
	}
	switch {
	case !least.seen:
		return Fail(name, Invalid, "arm_missing", "no block has both the lightest and the heaviest arm")
	case -least.value < ratio:
		return Fail(name, Invalid, "drive_not_degraded", fmt.Sprintf("a read of the probe took only %.2f times as long (need %.1f; least in %s)", -least.value, ratio, least.where))
	}
	return Pass(name, fmt.Sprintf("a read of the probe took at least %.2f times as long with fio %s as with %s (need %.1f; least in %s)", -least.value, levels[len(levels)-1], levels[0], ratio, least.where)+"; "+washed.Detail)
}

// FioRan is the manipulation check that every sweep over fio has. Where a profile has jobs, fio's process was there
// for at least min_fio_presence of the measure phase and moved bytes, by its own account. Where it has none, and a KV
// manager accounts for the server's reads, nobody else read either: what the drive read beyond its idle rate, the probe and that
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
			gone, why := fioGone(c, gates.MinFioPresence)
			switch {
			case gone != "":
				return Fail(name, Invalid, gone, why)
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
		rest := nobodys(c)
		foreign.high(rest, fmt.Sprintf("%.2f MB/s that are nobody's in %s", max(0, rest/1e6), c.Key))
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

// fioGone says that fio's process was there for too little of a cell's measure phase; the code is "" where it was, or was not
// to be.
func fioGone(c *evidence.Cell, need float64) (code, why string) {
	m := &c.Sys.Measure
	if c.Info.Fio == nil || len(c.Info.Fio.Jobs) == 0 || m.FioSeconds >= need*m.Seconds {
		return "", ""
	}
	return "fio_gone", fmt.Sprintf("%s: fio's process was there for %.0f of %.0f s", c.Key, m.FioSeconds, m.Seconds)
}

// nobodys is what the drive of a cell without fio read beyond its idle rate, the probe and the KV manager's account, bytes a second.
func nobodys(c *evidence.Cell) float64 {
	m := &c.Sys.Measure
	idle, _ := c.IdleBytes()
	return (m.ReadBytes - record.OrZero(c.KV.Tier2Spread) - record.OrZero(c.ProbeBytes(m)) - record.OrZero(idle)) / c.Seconds()
}

// foreignReads says that somebody else read the drive beside a cell that was to have no fio: more than the share of FioRan, here of what fio
// moves in the cell's own block, whose cells are near in time and whole when it is asked, which is less than in the whole run. Nothing is
// said where the KV manager's account lacks lines. That account is no outcome, but reads that it misses, as a readahead, grow with what it
// holds; they make cells of a whole arm alike, of which a fifth at most is measured again.
func foreignReads(c *evidence.Cell, g config.Gates, k Known) (code, why string) {
	if c.Info.Fio == nil || len(c.Info.Fio.Jobs) > 0 || c.KV == nil || k.Fio == nil || c.Seconds() <= 0 {
		return "", ""
	}
	if c.KV.Failed > 0 || c.KV.Samples == 0 || c.KV.Resets || c.KV.Tier2Spread == nil || standsStill(c) != "" {
		return "", ""
	}
	rest, most := nobodys(c), k.bound(g.MaxForeignReads)**k.Fio
	if rest <= most {
		return "", ""
	}
	return "foreign_reads", fmt.Sprintf("%s: something read %.2f MB/s of the drive that are nobody's (allowed %.2f: %.2g %% of what fio moves in this block)",
		c.Key, rest/1e6, most/1e6, g.MaxForeignReads*100)
}

// fioInBlock is what fio moved where it moved most among the cells of a cell's block and drive, bytes a second; nil where none ran.
func fioInBlock(ev *evidence.Evidence, c *evidence.Cell) *float64 {
	var most *float64
	for _, o := range ev.Cells {
		if o.Rep != c.Rep || o.Stage != c.Stage || o.Drive != c.Drive || o.Info.Fio == nil || len(o.Info.Fio.Jobs) == 0 || o.Seconds() <= 0 {
			continue
		}
		moved := (record.OrZero(o.Sys.Measure.FioReadBytes) + record.OrZero(o.Sys.Measure.FioWriteBytes)) / o.Seconds()
		if most == nil || moved > *most {
			most = &moved
		}
	}
	return most
}
