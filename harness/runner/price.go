package runner

import (
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/price"
	"sparkharness/harness/record"
)

// mostPriced is how many cells of a plan are gone through one by one. Of a longer plan the further repetitions of a
// combination are taken to cost what the first ones do on average, and further combinations what all of those do.
const mostPriced = 400

// What a run in real time takes beside its cells' baselines, treatments and loads, as it was on a virtual drive of half a gigabyte a
// second, with two busy CPUs: a cell to start its machine, to see the counters move, to read the idle drive and to ask the oracle, and the
// run to look at the drive and to write the files that it reads.
const (
	besideCell = 10 * time.Second
	besideRun  = 20 * time.Second
)

// Price says of the plan's cells that have no price yet what they will cost on a machine of the given parts.
func Price(e *config.Experiment, p *record.Plan, parts *config.Twin) error {
	known := map[string][]record.Price{} // by combination
	var all []record.Price
	for i := range p.Cells {
		pc := &p.Cells[i]
		if pc.Price != nil {
			continue
		}
		combination := pc.Cell.Without(config.FactorRep).String()
		if len(all) >= mostPriced {
			pc.Price = new(mean(all))
			if before := known[combination]; len(before) > 0 {
				pc.Price = new(mean(before))
			}
			continue
		}
		c := &cellRun{tools: &tools{exp: e, plan: p}, pc: *pc}
		spec, err := c.asked()
		if err != nil {
			return err
		}
		cost, err := price.Cell(e, parts, *pc, spec)
		if err != nil {
			return err
		}
		if p.Facts.Clock == record.ClockReal {
			cost.Seconds += besideCell.Seconds()
			if watchesIdle(p, *pc) {
				cost.Seconds -= watchedIdle(e, *pc).Seconds()
			}
		}
		pc.Price = &cost
		known[combination], all = append(known[combination], cost), append(all, cost)
		if i == 0 && p.Facts.Clock == record.ClockReal {
			observing, err := c.observing(parts, spec)
			if err != nil {
				return err
			}
			pc.Price = &record.Price{Seconds: cost.Seconds + besideRun.Seconds() + observing, WrittenBytes: cost.WrittenBytes}
		}
	}
	return nil
}

// observing is how long the look at the observer's effect will take, s. What it stores the cell before it has stored.
func (c *cellRun) observing(parts *config.Twin, spec load.Spec) (float64, error) {
	alone := c.pc
	alone.Fio, alone.Phase = "", "" // undone by then
	part, err := price.Cell(c.exp, parts, alone, c.observedSpec(spec))
	return observerParts * (part.Seconds - time.Duration(c.exp.Hypothesis.Run.Baseline).Seconds()), err
}

// mean is that of some prices, at least one.
func mean(prices []record.Price) record.Price {
	var sum record.Price
	for _, p := range prices {
		sum.Add(p)
	}
	n := float64(len(prices))
	return record.Price{Seconds: sum.Seconds / n, WrittenBytes: sum.WrittenBytes / n}
}
