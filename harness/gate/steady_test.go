package gate_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// The cells that are meant to be overloaded have no steady state to lose.
func TestSteadyLeavesOverloadOut(t *testing.T) {
	ev := goodEvidence()
	ev.Cells[0].Info.Load.WarmupCapped = true
	claim := gate.Claim{Overloads: func(c record.Cell) bool { return c.Int("conc") == 4 }}
	assert.True(t, gateOf(t, ev, claim, "steady state").Passed)
}

// A cell whose TTFT doubles is found among many that are steady: the correction for their number costs power, and
// leaves enough for what the gate is there for.
func TestSteadyDoesNotLosePowerWithCells(t *testing.T) {
	ev := goodEvidence()
	for _, c := range ev.Cells {
		for i := range c.Requests {
			c.Requests[i].TTFT *= 1 + float64(i)/110 // doubles
		}
	}
	drifting := ev.Cells
	for conc := 5; conc < 60; conc++ {
		for _, c := range goodEvidence().Cells {
			c.Cell = record.NewCell("ctx", 1000, "conc", conc, "rep", c.Rep)
			c.Key = c.Cell.String()
			ev.Cells = append(ev.Cells, c)
		}
	}
	require.Len(t, drifting, 3)
	assert.Equal(t, "trend", gateOf(t, ev, gate.Claim{}, "steady state").Code)
}

// Sixty steady cells whose TTFT scatters as fetches make it do not fail the gate between them.
func TestSteadyCellsPassTogether(t *testing.T) {
	failed := 0
	const runs = 20
	for run := range uint64(runs) {
		r := rand.New(rand.NewPCG(run, 1))
		ev := goodEvidence()
		ev.Cells = nil
		for conc := range 60 {
			for _, c := range goodEvidence().Cells {
				c.Cell = record.NewCell("ctx", 1000, "conc", conc, "rep", c.Rep)
				c.Key = c.Cell.String()
				for i := range c.Requests {
					c.Requests[i].TTFT = 100 * math.Exp(1.5*r.NormFloat64())
				}
				ev.Cells = append(ev.Cells, c)
			}
		}
		if gate.Steady(ev, gate.Claim{}).Code == "trend" {
			failed++
		}
	}
	// At a family-wise 0.05 one of twenty is expected; four or more have a probability of 1.6 %.
	assert.LessOrEqual(t, failed, 3)
}

// Steady cells whose state lasts longer than a slice wander, and what wanders looks like a trend: the gate
// counts with that. Without it 16 of these 60 sets of sixteen cells fail, with it 8.
func TestSteadyCellsMayWander(t *testing.T) {
	failed := 0
	const runs = 60
	for run := range uint64(runs) {
		r := rand.New(rand.NewPCG(run, 2))
		ev := goodEvidence()
		ev.Exp.Hypothesis.Gates.SteadyAlpha = 0.01
		ev.Cells = nil
		for conc := range 16 {
			for _, c := range goodEvidence().Cells {
				c.Cell = record.NewCell("ctx", 1000, "conc", conc, "rep", c.Rep)
				c.Key = c.Cell.String()
				const rho = 0.6
				level := r.NormFloat64()
				slice := 0
				for i := range c.Requests {
					if now := int(c.Requests[i].At / 30); now != slice {
						slice, level = now, rho*level+math.Sqrt(1-rho*rho)*r.NormFloat64()
					}
					c.Requests[i].TTFT = 100 * math.Exp(0.4*level)
				}
				ev.Cells = append(ev.Cells, c)
			}
		}
		if gate.Steady(ev, gate.Claim{}).Code == "trend" {
			failed++
		}
	}
	t.Logf("%d of %d", failed, runs)
	assert.LessOrEqual(t, failed, 12)
}

// A tail that triples while the median stays is found, among many cells that are steady and in either direction.
func TestSteadySeesTheTail(t *testing.T) {
	for name, factor := range map[string]func(at float64) float64{
		"grows": func(at float64) float64 { return 1 + 2*at },
		"falls": func(at float64) float64 { return 3 - 2*at },
	} {
		t.Run(name, func(t *testing.T) {
			ev := goodEvidence()
			r := rand.New(rand.NewPCG(1, 3))
			slow := func(c *evidence.Cell, factor func(float64) float64) {
				for i := range c.Requests {
					c.Requests[i].TTFT = 100 + r.Float64()
					if i%6 == 5 {
						c.Requests[i].TTFT = (900 + 300*r.Float64()) * factor(float64(i)/110)
					}
				}
			}
			for _, c := range ev.Cells {
				slow(c, factor)
			}
			for conc := 5; conc < 30; conc++ {
				for _, c := range goodEvidence().Cells {
					c.Cell = record.NewCell("ctx", 1000, "conc", conc, "rep", c.Rep)
					c.Key = c.Cell.String()
					slow(c, func(float64) float64 { return 1 })
					ev.Cells = append(ev.Cells, c)
				}
			}
			g := gate.Steady(ev, gate.Claim{})
			assert.Equal(t, "tail_trend", g.Code, g.Detail)
			assert.Equal(t, gate.Inconclusive, g.OnFailure)
			assert.Contains(t, g.Detail, "ctx=1000/conc=4: the slowest TTFTs are ")
			assert.Contains(t, g.Detail, "after Holm over 26 cells")

			bearable := *ev.Exp.Hypothesis
			bearable.Gates.SteadyMaxTailDrift = 4
			ev.Exp.Hypothesis = &bearable
			assert.True(t, gate.Steady(ev, gate.Claim{}).Passed, "it is significant, and not larger than allowed")

			before := bearable
			before.Gates.SteadyTailAlpha, before.Gates.SteadyMaxTailDrift = 0, 0
			ev.Exp.Hypothesis = &before
			g = gate.Steady(ev, gate.Claim{})
			assert.True(t, g.Passed, "a run saved before there was the test is judged without it")
			assert.NotContains(t, g.Detail, "slowest", "and not said to have been")
		})
	}
}

// TTFT that halves is a trend as well as one that doubles.
func TestSteadySeesAFall(t *testing.T) {
	ev := goodEvidence()
	for _, c := range ev.Cells {
		for i := range c.Requests {
			c.Requests[i].TTFT *= 2 - float64(i)/110
		}
	}
	g := gate.Steady(ev, gate.Claim{})
	assert.Equal(t, "trend", g.Code)
	assert.Contains(t, g.Detail, "TTFT drifts by -")
}

// Of several cells that drift the one that does so most is named.
func TestSteadyNamesTheWorst(t *testing.T) {
	ev := goodEvidence()
	for conc := 5; conc < 8; conc++ {
		for _, c := range goodEvidence().Cells {
			c.Cell = record.NewCell("ctx", 1000, "conc", conc, "rep", c.Rep)
			c.Key = c.Cell.String()
			ev.Cells = append(ev.Cells, c)
		}
	}
	for _, c := range ev.Cells {
		by := map[int]float64{4: 1, 5: 2, 6: 1.2}[c.Cell.Int("conc")]
		for i := range c.Requests {
			c.Requests[i].TTFT *= 1 + by*float64(i)/110
		}
	}
	assert.Contains(t, gate.Steady(ev, gate.Claim{}).Detail, "conc=5: TTFT drifts")
}
