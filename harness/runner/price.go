package runner

import (
	"sparkharness/harness/config"
	"sparkharness/harness/price"
	"sparkharness/harness/record"
)

// mostPriced is how many cells of a plan are gone through one by one. Of a longer plan the further repetitions of a
// combination are taken to cost what the first ones do on average, and further combinations what all of those do.
const mostPriced = 400

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
		pc.Price = &cost
		known[combination], all = append(known[combination], cost), append(all, cost)
	}
	return nil
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
