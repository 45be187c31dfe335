package gate

import (
	"fmt"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// Environment wants swap off, no throttling, and before the load a drive that is as idle as this machine's own is: where two are
// compared, each is held against its own baselines, because the operating system lies on one of them. What
// nobody told is not off: where too few samples tell the throttle reasons or the size of the swap the data cannot tell, and
// the run is Inconclusive, unless the rig says that its machine has no such notion. Runs of an earlier version, in which
// min_told is zero, are judged by what that asked.
func Environment(ev *evidence.Evidence, _ Claim) Gate {
	const name = "environment"
	g := ev.Exp.Hypothesis.Gates
	idle := ev.IdleIOs()
	for _, c := range ev.Cells {
		if code, why := hostState(c); code != "" {
			return Fail(name, Invalid, code, why)
		}
	}
	bad, most := worst{}, worst{}
	allowed := 0.0
	for _, c := range ev.Cells {
		if own := idle.Of(c); *own > g.MaxBaselineRPS && g.MaxBaselineFactor > 0 {
			return Fail(name, Invalid, "not_idle", fmt.Sprintf("before the load the drive does %.1f I/O per s, the median of %d baselines (allowed %.0f): "+
				"end what uses it, such as an indexer or a desktop", *own, baselinesOf(ev, c.Drive), g.MaxBaselineRPS))
		}
	}
	for _, c := range ev.Cells {
		io := c.Sys.Baseline.IOs()
		if most.high(*io, c.Key); most.where == c.Key {
			allowed = allowedIdle(g, idle.Of(c))
		}
		if code, why := foreignTraffic(c, g, idle.Of(c)); code != "" {
			bad.high(*io, why)
		}
	}
	if bad.seen {
		return Fail(name, Invalid, "foreign_traffic", bad.where)
	}
	for _, c := range ev.Cells {
		if code, why := hostUnknown(c, g.MinTold, ev.Plan.Facts.Lacks); code != "" {
			return Fail(name, Inconclusive, code, why)
		}
	}
	state := "swap off, no throttling"
	if lacks := ev.Plan.Facts.Lacks; len(lacks) > 0 {
		state += " (the machine has no " + strings.Join(lacks, " and no ") + ")"
	}
	return Pass(name, fmt.Sprintf("%s, at most %.1f I/O per s on the disk before the load (allowed %.0f; %s)", state, most.value, allowed, most.where))
}

// baselinesOf is how many baselines of a drive there are.
func baselinesOf(ev *evidence.Evidence, drive string) (n int) {
	for _, c := range ev.Cells {
		if c.Drive == drive {
			n++
		}
	}
	return n
}

// hostState says what of a cell's machine is not as it has to be; the code is "" if nothing is.
func hostState(c *evidence.Cell) (code, why string) {
	switch {
	case c.Sys.SwapOn:
		return "swap", c.Key + ": swap is on; turn it off with swapoff -a"
	case c.Sys.Throttle > 0:
		return "throttled", fmt.Sprintf("%s: the GPU was throttled in %d samples", c.Key, c.Sys.Throttle)
	case c.Sys.Baseline.NVMeSeconds == 0:
		return "no_baseline", c.Key + ": no baseline before the load"
	}
	return "", ""
}

// hostUnknown says what too few samples of a cell tell, of what the machine does not lack.
func hostUnknown(c *evidence.Cell, need float64, lacks []string) (code, why string) {
	for _, of := range []struct {
		told              int
		lacks, code, what string
	}{
		{c.Sys.ThrottleTold, record.LacksThrottling, "throttle_unknown", "whether the GPU was throttled (clocks_event_reasons.active of nvidia-smi)"},
		{c.Sys.SwapTold, record.LacksSwap, "swap_unknown", "how much swap there is (SwapTotal of /proc/meminfo)"},
	} {
		if share := float64(of.told) / float64(max(1, c.Sys.Samples)); share < need && !slices.Contains(lacks, of.lacks) {
			return of.code, fmt.Sprintf("%s: %.0f %% of the samples tell %s (need %.0f %%): unknown is not none", c.Key, share*100, of.what, need*100)
		}
	}
	return "", ""
}

// allowedIdle is how many reads and writes a second a baseline may have, where the machine's own idle drive does so many.
func allowedIdle(g config.Gates, idle *float64) float64 {
	if g.MaxBaselineFactor == 0 {
		return g.MaxBaselineRPS // an earlier version knew this bound alone
	}
	return max(g.BaselineNoiseRPS, g.MaxBaselineFactor*record.OrZero(idle))
}

// foreignTraffic says that something used the drive before a cell's load, and whose I/O it was as far as that is told.
func foreignTraffic(c *evidence.Cell, g config.Gates, idle *float64) (code, why string) {
	io, allowed := c.Sys.Baseline.IOs(), allowedIdle(g, idle)
	if io == nil || *io <= allowed {
		return "", ""
	}
	of := ""
	if idle != nil {
		of = fmt.Sprintf("; the machine's own idle is %.1f", *idle)
	}
	return "foreign_traffic", fmt.Sprintf("%s: %.1f I/O per s on the disk before the load (allowed %.0f%s); %s", c.Key, *io, allowed, of, whose(&c.Sys.Baseline))
}

// whose says which of a phase's bytes on the drive a process of the run moved by its own account. What is not told is not
// counted as nothing.
func whose(p *evidence.PhaseSums) string {
	rest := p.ReadBytes + p.WriteBytes
	out := fmt.Sprintf("of %.2f MB", rest/1e6)
	var untold []string
	for _, of := range []struct {
		name  string
		bytes *float64
	}{{"fio", record.SumOfKnown(p.FioReadBytes, p.FioWriteBytes)}, {"the server", serverBytes(p)}} {
		if of.bytes == nil {
			untold = append(untold, of.name)
			continue
		}
		rest -= *of.bytes
		out += fmt.Sprintf(" %s moved %.2f MB,", of.name, *of.bytes/1e6)
	}
	out += fmt.Sprintf(" %.2f MB are not known to be anybody's", max(0, rest)/1e6)
	if len(untold) > 0 {
		out += " (no process of " + strings.Join(untold, " and of ") + " was watched then)"
	}
	return out
}

// serverBytes are what the server's own processes moved; nil where that is not told.
func serverBytes(p *evidence.PhaseSums) *float64 {
	if p.ServerRead.Seconds == 0 || p.ServerWrite.Seconds == 0 {
		return nil
	}
	return new(p.ServerRead.Bytes + p.ServerWrite.Bytes)
}
