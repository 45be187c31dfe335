package hypotheses

import (
	"errors"
	"fmt"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// traffic is one of the ways in which a server would use storage.
type traffic struct {
	name, unit     string
	device, server func(*evidence.PhaseSums) *evidence.Traffic
	burst          bool
}

// traffics are bytes read, bytes written, and the most of each in a second: a mean over minutes does not see a burst.
var traffics = []traffic{
	{"reads", "MB/s", func(p *evidence.PhaseSums) *evidence.Traffic { return &p.DeviceRead }, func(p *evidence.PhaseSums) *evidence.Traffic { return &p.ServerRead }, false},
	{"writes", "MB/s", func(p *evidence.PhaseSums) *evidence.Traffic { return &p.DeviceWrite }, func(p *evidence.PhaseSums) *evidence.Traffic { return &p.ServerWrite }, false},
	{"largest burst of reads", "MB in a second", func(p *evidence.PhaseSums) *evidence.Traffic { return &p.DeviceRead }, func(p *evidence.PhaseSums) *evidence.Traffic { return &p.ServerRead }, true},
	{"largest burst of writes", "MB in a second", func(p *evidence.PhaseSums) *evidence.Traffic { return &p.DeviceWrite }, func(p *evidence.PhaseSums) *evidence.Traffic { return &p.ServerWrite }, true},
}

// trafficThresholds are what trafficAsIdle asks of a configuration.
var trafficThresholds = []string{"idle_margin_share", "idle_margin_mbs", "idle_burst_mb"}

// trafficAsIdle tests that in every group bytes read, bytes written and the largest burst of each are those of the idle
// baseline before each cell: the mean over blocks of the difference lies inside the margin, the larger of a share of the
// baseline and an absolute one. Where the server's own account is told it is that which decides, because the device's holds
// what other programs move, which neither supports nor refutes.
func trafficAsIdle(ev *evidence.Evidence, groups []*evidence.Group) verdict.Check {
	const name = "traffic_as_idle"
	whose, server := "of the device", serverTold(groups)
	if server {
		whose = "of the server's processes"
	}
	var checks []verdict.Check
	for _, g := range groups {
		for _, tr := range traffics {
			c, err := tr.asIdle(ev, g, server)
			if err != nil {
				return verdict.Open(name, fmt.Sprintf("%s has no %s %s to compare: %v", g.Cell, tr.name, whose, err))
			}
			c.Detail = fmt.Sprintf("%s in %d cells of the sweep; furthest from idle: %s of %s", whose, len(groups), tr.name, g.Cell) + c.Detail
			checks = append(checks, c)
		}
	}
	return verdict.AlphaOf(ev).All(name, checks, "no cell to compare")
}

// serverTold says that the server's own I/O is told in both phases of every cell.
func serverTold(groups []*evidence.Group) bool {
	for _, g := range groups {
		for _, c := range g.Cells {
			for _, p := range []*evidence.PhaseSums{&c.Sys.Baseline, &c.Sys.Measure} {
				if p.ServerRead.Seconds == 0 || p.ServerWrite.Seconds == 0 {
					return false
				}
			}
		}
	}
	return len(groups) > 0
}

// asIdle compares one traffic of a group with its idle baseline, in MB/s, or MB in a second.
func (tr traffic) asIdle(ev *evidence.Evidence, g *evidence.Group, server bool) (verdict.Check, error) {
	of := tr.device
	if server {
		of = tr.server
	}
	idle := 0.0
	var differences []float64
	b, err := ev.Blocks(stats.Linear, func(rep int) (float64, error) {
		c, err := g.In(rep)
		if err != nil {
			return 0, err
		}
		load, before := tr.value(of(&c.Sys.Measure)), tr.value(of(&c.Sys.Baseline))
		if load == nil || before == nil {
			return 0, errors.New("no readings")
		}
		idle += *before / float64(len(g.Cells))
		differences = append(differences, *load-*before)
		return *load - *before, nil
	})
	if err != nil {
		return verdict.Check{}, err
	}
	a := verdict.AlphaOf(ev)
	margin := max(ev.Threshold("idle_margin_share")*idle, ev.Threshold("idle_margin_mbs"))
	c := verdict.Check{Unit: tr.unit, N: len(g.Cells), Of: "cells"}
	if tr.burst {
		margin = max(ev.Threshold("idle_margin_share")*idle, ev.Threshold("idle_burst_mb"))
		c = a.Below(c, b, margin) // a phase that is longer sees a larger one; fewer is no traffic
	} else {
		c = a.Inside(c, b, -margin, margin)
	}
	c = tr.contradicted(a, c, b, differences, margin)
	lo, hi := ends(c)
	c.Detail = fmt.Sprintf(", %+.3g [%+.3g, %+.3g] %s against idle (%s interval over %d blocks, margin %.3g)", *c.Value, lo, hi, tr.unit, percent(a), b.N(), margin)
	return c, nil
}

// contradicted tests on the logarithm that traffic lies above its margin: what is moved scatters in proportion to itself, and
// a geometric mean above the margin has an arithmetic one above it.
func (tr traffic) contradicted(a verdict.Alpha, c verdict.Check, b stats.Blocks, differences []float64, margin float64) verdict.Check {
	const least = 1e-3 // of the margin: where nothing is moved there is no logarithm
	ratios := make([]float64, len(differences))
	for i, d := range differences {
		ratios[i] = max(d/margin, least)
	}
	logs, err := stats.NewBlocks(ratios, stats.Log)
	if err != nil {
		return c
	}
	against := logs.PAbove(1)
	if !tr.burst {
		against = min(against, b.PBelow(-margin))
	}
	return a.Tested(c, *c.P, against)
}

func (tr traffic) value(t *evidence.Traffic) *float64 {
	if tr.burst {
		b := t.Burst()
		if b == nil {
			return nil
		}
		v := b.AtMost() / 1e6
		return &v
	}
	v := t.PerSecond()
	if v == nil {
		return nil
	}
	return new(*v / 1e6)
}
