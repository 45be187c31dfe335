package gate

import (
	"fmt"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
)

// Fault is why a cell is to be measured again.
type Fault struct {
	Cell string // key
	Gate string // that it fails, or may fail
	Code string
	Why  string
}

// String is the fault as the log of the run keeps it.
func (f Fault) String() string { return fmt.Sprintf("%s (%s): %s", f.Gate, f.Code, f.Why) }

// Known is what a cell is held against: what other cells of its run tell of the machine. A field that nobody knows is nil.
type Known struct {
	Idle  *float64 // what its drive does when idle, I/O a second (evidence.IdleIOs)
	Fio   *float64 // what fio moved in its block and on its drive where it moved most, bytes a second
	Probe *float64 // how long a read of the probe takes on an undisturbed drive, us
	// Follows says that fio ran before the cell, or may have, and would again: what was put aside may have no place in the order any more.
	Follows bool

	loosely bool
}

// Loosely is what is known at half the bounds: by it a cell is judged whose run has gone on since, and knows more.
func (k Known) Loosely() Known {
	k.loosely, k.Follows = true, false
	if k.Idle != nil {
		k.Idle = new(*k.Idle / 2)
	}
	return k
}

// bound is a bound as this knowledge holds it.
func (k Known) bound(v float64) float64 {
	if k.loosely {
		return v / 2
	}
	return v
}

// KnownOf is what a run's cells tell of one of them.
func KnownOf(ev *evidence.Evidence, c *evidence.Cell) Known {
	k := Known{Idle: ev.IdleIOs().Of(c), Fio: fioInBlock(ev, c)}
	if undisturbed, cells := undisturbedProbes(ev); len(undisturbed) >= leastUndisturbed {
		follows := !oneMachine(ev) && !slices.Contains(cells, c)
		k.Probe, k.Follows = new(lowerMedian(undisturbed)), follows || fioAside(ev)
	}
	return k
}

// blind are the conditions of single cells by which one may be measured again. Each looks at what the machine, its counters
// and the client did, and at nothing that a claim is about: no latency, no error, no count of requests, no trend, and not at whether
// the server's pages came, whose silence may be its load. Else to measure again would be to choose among outcomes.
var blind = []struct {
	gate  string
	fault func(c *evidence.Cell, g config.Gates, k Known) (code, why string)
}{
	{"alignment", func(c *evidence.Cell, g config.Gates, _ Known) (string, string) {
		return deadSource(c, g.MinCoverage)
	}},
	{"counters", func(c *evidence.Cell, _ config.Gates, _ Known) (string, string) { return machineCounters(c) }},
	{"client", func(c *evidence.Cell, g config.Gates, _ Known) (string, string) {
		return lateClient(c, g.MaxSendLag)
	}},
	{"environment", func(c *evidence.Cell, _ config.Gates, _ Known) (string, string) { return hostState(c) }},
	{"environment", func(c *evidence.Cell, g config.Gates, k Known) (string, string) { return foreignTraffic(c, g, k.Idle) }},
	{"fio", func(c *evidence.Cell, g config.Gates, _ Known) (string, string) {
		return fioGone(c, g.MinFioPresence)
	}},
	{"fio", foreignReads},
	{"fio", probeOff},
}

// Blind is the first fault of a cell that shows without a look at its outcome.
func Blind(c *evidence.Cell, g config.Gates, k Known) (f Fault, faulty bool) {
	for _, b := range blind {
		if code, why := b.fault(c, g, k); code != "" {
			return Fault{c.Key, b.gate, code, strings.TrimPrefix(why, c.Key+": ")}, true
		}
	}
	return f, false
}

// serversPages are the sources that a server answers. They may be late because it is busy, which is part of what is claimed
// about; so a cell is not measured again for them, nor where they fell short together with the others.
var serversPages = []string{"engine", "kvbm"}

// deadSource says which source of the machine filled too few slots while the server's pages filled theirs.
func deadSource(c *evidence.Cell, need float64) (code, why string) {
	slots := float64(c.Info.Coverage.Slots)
	for _, s := range c.Info.Coverage.Sources {
		if slices.Contains(serversPages, s.Name) && float64(s.Samples) < need*slots {
			return "", ""
		}
	}
	for _, s := range c.Info.Coverage.Sources {
		if share := float64(s.Samples) / max(1, slots); share < need {
			return "coverage", fmt.Sprintf("source %s filled %.1f %% of its slots (need %.0f %%)", s.Name, share*100, need*100)
		}
	}
	return "", ""
}

// lateClient holds the client's lag against the bound that knows no latency.
func lateClient(c *evidence.Cell, most config.Duration) (code, why string) {
	var lags []float64
	for i := range c.Requests {
		lags = append(lags, c.Requests[i].LagMS)
	}
	if len(lags) == 0 {
		return "", ""
	}
	slices.Sort(lags)
	if lag := stats.Quantile(lags, 0.99); lag > float64(most)/1e6 {
		return "send_lag", fmt.Sprintf("p99 send lag %.4g ms (allowed %.4g ms)", lag, float64(most)/1e6)
	}
	return "", ""
}

// Again names the cells of a run that are to be measured again: those with a fault that shows without a look at the outcome,
// measured fewer than 1 + max_again times, in the order of the plan. In each arm at most max_again_share of its planned
// cells, rounded up, are ever measured again: an arm in which faults abound differs from the others by them, and keeps them.
// Where every cell has a fault the machine is at fault, and none is measured again.
func Again(ev *evidence.Evidence) []Fault {
	g := ev.Exp.Hypothesis.Gates
	factors, tries, arms := config.Arms(), map[string]int{}, map[string]*arm{}
	for _, q := range ev.Quarantined {
		tries[q.Cell]++
	}
	for _, pc := range ev.Plan.Cells {
		key := armOf(pc.Cell, factors)
		if arms[key] == nil {
			arms[key] = &arm{}
		}
		arms[key].planned++
		if tries[pc.Key] > 0 {
			arms[key].again++
		}
	}
	var out []Fault
	faulty := 0
	for _, c := range ev.Cells {
		f, is := Blind(c, g, KnownOf(ev, c))
		if !is {
			continue
		}
		faulty++
		a := arms[armOf(c.Cell, factors)]
		switch n := tries[c.Key]; {
		case n >= g.MaxAgain:
		case n > 0:
			out = append(out, f)
		case a.again < a.most(g.MaxAgainShare):
			a.again++
			out = append(out, f)
		}
	}
	if faulty == len(ev.Cells) {
		return nil
	}
	return out
}
