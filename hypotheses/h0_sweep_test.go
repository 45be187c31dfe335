package hypotheses

import (
	"math"
	"slices"
	"time"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// step is a level of a made-up sweep of H0. Where there are two figures they are those of the repetitions.
type step struct {
	users int
	ratio [2]float64 // p99 over p50 of TTFT, which is a tenth of a second
	waits [2]float64 // share of the requests that wait for admission
	n     int        // requests in a minute of measure phase, in each repetition
}

// usual is a sweep with a knee at 16 users: from there on the ratio is exceeded and requests wait, more at each step,
// and completed requests hardly grow. At the end everybody waits alike.
func usual() []step {
	quiet, full, even := [2]float64{1.5, 1.5}, [2]float64{3, 3}, [2]float64{1.2, 1.2}
	none := [2]float64{}
	return []step{
		{8, quiet, none, 100},
		{12, quiet, none, 150},
		{16, full, [2]float64{0.05, 0.05}, 200},
		{20, full, [2]float64{0.1, 0.1}, 204},
		{24, full, [2]float64{0.2, 0.2}, 208},
		{28, full, [2]float64{0.4, 0.4}, 212},
		{40, even, [2]float64{0.9, 0.9}, 216},
	}
}

// sweepOf is the evidence of a sweep over concurrency on each stack (A, B or both), in two repetitions, with the
// thresholds of configs/hypotheses/h0.yaml. Its stages are refined by three levels.
func sweepOf(stacks map[string][]step) *evidence.Evidence {
	ev := configured(h0)
	hc := ev.Exp.Hypothesis
	hc.Thresholds = map[string]float64{"rule_ratio": 2, "rule_consecutive": 2, "queue_wait_share": 0.01, "growth_ratio": 0.5}
	hc.Run.Reps, hc.Run.Seed, hc.Run.Duration = 2, 1, 60e9
	hc.Sweep.FineStep = 3
	think := &hc.Load.ThinkTime
	think.Dist, think.Value, think.Mean = "constant", "2s", ""
	made := *ev.Exp.Stacks["A"]
	clear(ev.Exp.Stacks)
	for stack, steps := range stacks {
		st := made
		st.Stack = stack
		ev.Exp.Stacks[stack] = &st
		for _, s := range steps {
			for rep := 1; rep <= 2; rep++ {
				c := s.cell(rep)
				c.Stack, c.Users = stack, s.users
				c.Cell = record.NewCell("stack", stack, "ctx", 256, "conc", s.users, "rep", rep)
				c.Key = c.Cell.String()
				ev.Cells = append(ev.Cells, c)
			}
		}
	}
	return ev
}

// sweepOfA is the evidence of a sweep on stack A alone.
func sweepOfA(steps ...step) *evidence.Evidence { return sweepOf(map[string][]step{"A": steps}) }

// cell is one repetition of a step: a twentieth of the requests are slow, and an iteration takes 50 ms.
func (s step) cell(rep int) *evidence.Cell {
	c := &evidence.Cell{}
	c.Rep, c.ContextTokens = rep, 256
	start, end, think := 0.0, 60.0, 2*time.Second
	c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd, c.Info.Load.MeanThink = &start, &end, &think
	c.Info.Load.Gaps.Add(50 * time.Millisecond)
	waiting := int(math.Round(s.waits[rep-1] * float64(s.n)))
	for i := range s.n {
		r := evidence.Request{At: 60 * float64(i) / float64(s.n), RC: record.RCOK, TTFT: 100, HasTTFT: true, E2E: 3000, HasE2E: true}
		if i%20 == 7 {
			r.TTFT *= s.ratio[rep-1]
		}
		wait := 1.0
		if i < waiting {
			wait = 1000
		}
		r.WaitMS = &wait
		c.Requests = append(c.Requests, r)
	}
	return c
}

// withoutCell is evidence that lacks a cell.
func withoutCell(ev *evidence.Evidence, users, rep int) *evidence.Evidence {
	ev.Cells = slices.DeleteFunc(ev.Cells, func(c *evidence.Cell) bool { return c.Users == users && c.Rep == rep })
	return ev
}
