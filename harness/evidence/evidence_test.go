package evidence

import (
	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

func ptr[T any](v T) *T { return &v }

// repetitions are three repetitions of one cell, each with 110 answers over a measure phase of 300 s.
func repetitions() *Evidence {
	hc := &config.Hypothesis{Hypothesis: "HX", Model: "L8B"}
	hc.Run.Reps, hc.Run.Seed, hc.Run.Duration, hc.Run.Baseline = 3, 1, config.Duration(300e9), config.Duration(30e9)
	ev := &Evidence{Exp: &config.Experiment{Hypothesis: hc, Stacks: map[string]*config.Stack{"A": {Stack: "A"}}}, Plan: &record.Plan{}}
	for rep := 1; rep <= 3; rep++ {
		c := &Cell{}
		c.Cell = record.NewCell("ctx", 1000, "conc", 4, "rep", rep)
		c.Key, c.Rep, c.Stack, c.ContextTokens, c.Users = c.Cell.String(), rep, "A", 1000, 4
		c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd = ptr(100.0), ptr(400.0)
		for i := range 110 {
			c.Requests = append(c.Requests, Request{At: float64(i) * 2.7, TTFT: 100 + float64(i*7%13), HasTTFT: true,
				E2E: 900, HasE2E: true, RC: record.RCOK, Nominal: 1000, Prompt: ptr(1001), Output: 16})
		}
		ev.Cells = append(ev.Cells, c)
	}
	return ev
}
