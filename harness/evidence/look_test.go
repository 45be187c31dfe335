package evidence

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// lookedAt is a run of two cells a block, of which the first so many blocks, and so many cells more, are measured.
func lookedAt(run config.Run, blocks, more int) *Evidence {
	ev := &Evidence{Exp: &config.Experiment{Hypothesis: &config.Hypothesis{Run: run}}, Plan: &record.Plan{}}
	first := 1
	if run.Screening {
		first = 0
	}
	for rep := first; rep <= run.Reps; rep++ {
		stage := 1
		if run.Screening && rep > 0 {
			stage = 2
		}
		for i := range 2 {
			pc := record.PlannedCell{Rep: rep, Stage: stage, Cell: record.NewCell("conc", i+1, "rep", rep)}
			pc.Key = pc.Cell.String()
			ev.Plan.Cells = append(ev.Plan.Cells, pc)
			if rep <= blocks || rep == blocks+1 && i < more {
				ev.Cells = append(ev.Cells, &Cell{PlannedCell: pc})
			}
		}
	}
	return ev
}

func TestLook(t *testing.T) {
	early := config.Run{Reps: 5, EarlyLooks: []int{3}}
	screened := config.Run{Reps: 5, EarlyLooks: []int{3}, Screening: true}
	for _, tc := range []struct {
		name         string
		run          config.Run
		blocks, more int
		at, of, due  int
		reached      bool
	}{
		{"a single look", config.Run{Reps: 3}, 3, 0, 1, 1, 3, true},
		{"a cell is missing", config.Run{Reps: 3}, 2, 1, 1, 1, 3, false},
		{"nothing yet", early, 0, 0, 1, 2, 3, false},
		{"before the first", early, 2, 1, 1, 2, 3, false},
		{"the first", early, 3, 0, 1, 2, 3, true},
		{"begun beyond the first", early, 3, 1, 2, 2, 5, false},
		{"between", early, 4, 0, 2, 2, 5, false},
		{"the last", early, 5, 0, 2, 2, 5, true},
		{"screening is no look", screened, 2, 0, 1, 2, 3, false},
		{"the first after screening", screened, 3, 0, 1, 2, 3, true},
		{"the last after screening", screened, 5, 0, 2, 2, 5, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := lookedAt(tc.run, tc.blocks, tc.more).Look()
			assert.Equal(t, []any{tc.at, tc.of, tc.due, tc.reached}, []any{l.At, l.Of, l.Blocks, l.Reached})
			assert.Equal(t, tc.at == tc.of, l.Last())
			if tc.of == 1 {
				assert.InDelta(t, OneSided, l.Level, 1e-15)
			}
		})
	}
	first, last := lookedAt(early, 3, 0).Look(), lookedAt(early, 5, 0).Look()
	assert.InDelta(t, OneSided, first.Level+last.Level, 1e-15, "the looks share one level")
	assert.Positive(t, min(first.Level, last.Level))
}

// What screening found is not confirmed by the cells that it was found in.
func TestDecidingLeavesScreeningOut(t *testing.T) {
	ev := lookedAt(config.Run{Reps: 2, Screening: true}, 2, 0)
	require.Len(t, ev.Cells, 6)
	assert.Len(t, ev.Deciding().Cells, 4)
	for _, c := range ev.Deciding().Cells {
		assert.Positive(t, c.Rep)
	}
	plain := lookedAt(config.Run{Reps: 2}, 2, 0)
	assert.Same(t, plain, plain.Deciding())
}

func TestBlocksTakesOneValueOfEach(t *testing.T) {
	ev := lookedAt(config.Run{Reps: 3}, 3, 0)
	b, err := ev.Blocks(stats.Linear, func(rep int) (float64, error) { return float64(rep), nil })
	require.NoError(t, err)
	assert.Equal(t, 3, b.N())
	assert.InDelta(t, 2, b.Mean(), 1e-12)
	_, err = ev.Blocks(stats.Linear, func(rep int) (float64, error) {
		if rep == 2 {
			return 0, errors.New("no p99")
		}
		return 1, nil
	})
	require.EqualError(t, err, "block 2: no p99", "what is left out may be what would contradict")

	g := ev.Groups()[0]
	c, err := g.In(2)
	require.NoError(t, err)
	assert.Equal(t, "conc=1/rep=2", c.Key)
	_, err = g.In(7)
	require.EqualError(t, err, "conc=1 was not measured")
}

func TestPercentileOfACell(t *testing.T) {
	var rep stats.Rep
	for i := range 100 {
		rep = append(rep, stats.Point{T: float64(i), V: float64(i + 1)})
	}
	v, err := PercentileOf(rep, 0.99)
	require.NoError(t, err)
	assert.InDelta(t, 99.01, v, 1e-9)
	rep[99].Censored = true
	_, err = PercentileOf(rep, 0.99)
	require.EqualError(t, err, "p99 lies beyond a time-out")
	v, err = PercentileOf(rep, 0.5)
	require.NoError(t, err)
	assert.InDelta(t, 50.5, v, 1e-9)
	_, err = PercentileOf(nil, 0.99)
	require.Error(t, err)
}
