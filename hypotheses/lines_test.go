package hypotheses

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// One line of one cell's files is enough for a gate of the machine, in whichever phase it was written.
func TestOneSampleFailsAGate(t *testing.T) {
	t.Parallel()
	base := passingH2A(t)
	last := planned(base)[3]
	inside := func(path ...string) func(v any) func(s object) {
		return func(v any) func(s object) {
			return func(s object) {
				for _, name := range path[:len(path)-1] {
					s = s[name].(object)
				}
				s[path[len(path)-1]] = v
			}
		}
	}
	reset, throttled, swap, nvme := inside("reset"), inside("gpu", "throttled"), inside("mem", "SwapTotal"), inside("nvme")
	at := func(phase string, place int, edit func(object)) func(*recording) {
		return func(r *recording) {
			cellSamples(r, last, phase, func(i int, s object) {
				if i == place {
					edit(s)
				}
			})
		}
	}
	for _, phase := range []string{record.PhaseBaseline, record.PhaseWarmup, record.PhaseMeasure, record.PhaseDrain} {
		for _, f := range []gateFault{
			{"reset", "counters", "reset", verdict.Invalid, last + ": a machine counter went backwards in 1 samples",
				at(phase, 0, reset(false)), at(phase, 0, reset(true))},
			{"throttled", "environment", "throttled", verdict.Invalid, last + ": the GPU was throttled in 1 samples",
				at(phase, 0, throttled(nil)), at(phase, 0, throttled(true))},
			{"swap", "environment", "swap", verdict.Invalid, last + ": swap is on", at(phase, 0, swap(nil)), at(phase, 0, swap(4096))},
		} {
			f.name += " in " + phase
			f.check(t, base)
		}
	}
	middle := at(record.PhaseMeasure, 30, nvme(nil))
	for _, f := range []gateFault{
		{"NVMe unknown at first", "counters", "source_dead", verdict.Invalid, last, middle, at(record.PhaseMeasure, 0, nvme(nil))},
		{"NVMe unknown at last", "counters", "source_dead", verdict.Invalid, last, middle, at(record.PhaseMeasure, 58, nvme(nil))},
	} {
		f.check(t, base)
	}
}

// A KV counter that starts again from 0 belongs to a worker that was restarted, wherever in the measure phase that was;
// a page that nobody could read tells nothing.
func TestKVCountersMustGrow(t *testing.T) {
	t.Parallel()
	const cell = "stack=B/ctx=4096/conc=32/rep=2"
	base := recorded(t, gatesDecide(h2b)).gates("min_samples", 10)
	require.Equal(t, verdict.Supported, base.replay().Verdict.Outcome)
	lines := func(edit func(i int, s object)) func(*recording) {
		return func(r *recording) { cellLines(r, cell, "dynkv.jsonl", record.PhaseMeasure, edit) }
	}
	restarted := func(tier, counter string, place int) func(*recording) {
		before := 0.0
		return lines(func(i int, s object) {
			of := s[tier].(object)
			if i == place {
				before = of[counter].(float64)
				require.Positive(t, before)
			}
			if i >= place {
				of[counter] = of[counter].(float64) - before
			}
		})
	}
	falls := gateFault{"", "counters", "kv_reset", verdict.Invalid, cell + ": a KV counter went backwards", nil, nil}
	for _, c := range [][2]string{{"tier1", "hits"}, {"tier2", "hits"}, {"tier2", "bytes_in"}, {"tier2", "bytes_out"}} {
		for _, place := range []int{0, 30, 58} {
			falls.name, falls.fault = fmt.Sprintf("%s.%s anew from line %d", c[0], c[1], place), restarted(c[0], c[1], place)
			falls.check(t, base)
		}
	}
	for _, counter := range []string{"hits", "bytes_out"} {
		falls.name = "tier2." + counter + " of one line less"
		falls.fault = lines(func(i int, s object) {
			if of := s["tier2"].(object); i == 30 {
				of[counter] = of[counter].(float64) - 1
			}
		})
		falls.check(t, base)
	}
	failed := func(phase string) func(*recording) {
		return func(r *recording) {
			cellLines(r, cell, "dynkv.jsonl", phase, func(_ int, s object) { s["failed"] = "no answer" })
		}
	}
	gateFault{"page", "counters", "kv_dead", verdict.Invalid, cell, failed(record.PhaseBaseline), failed("")}.check(t, base)
}
