package runner

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/experiment"
	"sparkharness/harness/price"
	"sparkharness/harness/record"
)

// The cost of a plan that nobody could measure is told soon, and is as much for a cell as in a short one.
func TestLongPlansArePricedSoon(t *testing.T) {
	e, err := experiment.Load(experiment.Demand{ID: "H0", Config: "h0.yaml", Requires: []string{"rule_ratio", "rule_consecutive", "queue_wait_share", "growth_ratio"}},
		experiment.Choices{Root: "../..", Configs: "../../fixtures/configs", Rig: "sim", World: "default", Reps: 2})
	require.NoError(t, err)
	mean := func(reps int) float64 {
		e.Hypothesis.Run.Reps = reps
		p, err := experiment.New(e, record.Facts{}, "run", "digest")
		require.NoError(t, err)
		require.NoError(t, Price(e, p, e.Twin))
		sum := 0.0
		for _, pc := range p.Cells {
			require.NotNil(t, pc.Price)
			sum += pc.Price.Seconds
		}
		different := map[float64]bool{}
		for _, pc := range p.Cells {
			different[pc.Price.Seconds] = true
		}
		assert.LessOrEqual(t, len(different), mostPriced+10, "so many are gone through, and means")
		return sum / float64(len(p.Cells))
	}
	short := mean(20)
	assert.InEpsilon(t, short, mean(5000), 0.05)
	e.Hypothesis.Sweep.Ctx = make([]config.Tokens, 500)
	for i := range e.Hypothesis.Sweep.Ctx {
		e.Hypothesis.Sweep.Ctx[i] = config.Tokens(200 + i)
	}
	assert.InEpsilon(t, short, mean(1), 0.3, "and of many combinations")
}

// A run in real time takes more than its cells: each has its start, and the first one the look at the observer's effect and what the run
// prepares. Unless the plan says how long that look is, it is seven times twice twenty seconds or more.
func TestRealTimeIsPricedWhole(t *testing.T) {
	e, err := experiment.Load(experiment.Demand{ID: "H0", Config: "h0.yaml", Requires: []string{"rule_ratio", "rule_consecutive", "queue_wait_share", "growth_ratio"}},
		experiment.Choices{Root: "../..", Configs: "../../fixtures/configs", Rig: "sim", World: "default", Reps: 2})
	require.NoError(t, err)
	priced := func(clock string) (out []record.Price) {
		p, err := experiment.New(e, record.Facts{Clock: clock}, "run", "digest")
		require.NoError(t, err)
		require.NoError(t, Price(e, p, e.Twin))
		for _, pc := range p.Cells {
			out = append(out, *pc.Price)
		}
		return out
	}
	virtual, whole := priced(record.ClockVirtual), priced(record.ClockReal)
	first := 0.0
	for i := range virtual {
		more := whole[i].Seconds - virtual[i].Seconds
		assert.InDelta(t, virtual[i].WrittenBytes, whole[i].WrittenBytes, 0)
		if i > 0 {
			assert.InDelta(t, besideCell.Seconds(), more, 1e-9)
			continue
		}
		looked := more - besideCell.Seconds() - besideRun.Seconds()
		first = looked
	}
	p, err := experiment.New(e, record.Facts{}, "run", "digest")
	require.NoError(t, err)
	c := &cellRun{tools: &tools{exp: e, plan: p}, pc: p.Cells[0]}
	spec, err := c.asked()
	require.NoError(t, err)
	want, err := c.observing(e.Twin, spec)
	require.NoError(t, err)
	assert.InDelta(t, want, first, 1e-9)
	assert.Greater(t, want, 2*observerParts*observerPart.Seconds(), "a warm-up and a part each time")
	e.Hypothesis.Run.Observer = config.Duration(2 * time.Second)
	assert.Less(t, priced(record.ClockReal)[0].Seconds, whole[0].Seconds-60)
}

// A look at the drive that falls into the baseline costs nothing.
func TestPriceOfIdleWatch(t *testing.T) {
	o := short(t, "H4B")
	cost := func(clock string, arms int) float64 {
		e := *o.Exp
		e.Hypothesis.Sweep.Fio = o.Exp.Hypothesis.Sweep.Fio[:arms]
		p, err := experiment.New(&e, record.Facts{Clock: clock}, "run", "digest")
		require.NoError(t, err)
		require.NoError(t, Price(&e, p, e.Twin))
		last := p.Cells[len(p.Cells)-1]
		for _, pc := range p.Cells {
			if pc.Fio == "none" {
				last = pc
			}
		}
		return last.Price.Seconds
	}
	baseline := time.Duration(o.Exp.Hypothesis.Run.Baseline)
	assert.GreaterOrEqual(t, baseline, price.FioWatch)
	assert.InDelta(t, (price.FioWatch / 2).Seconds(), cost(record.ClockReal, 2)-cost(record.ClockReal, 1), 1e-6, "an arm without fio takes as long as one with it")
	cadence := time.Duration(o.Exp.StackOf(o.Plan.Cells[0]).Telemetry.Cadence)
	assert.InDelta(t, (besideCell - price.FioWatch + cadence).Seconds(), cost(record.ClockReal, 1)-cost(record.ClockVirtual, 1), 1e-6, "a sample ends")
}
