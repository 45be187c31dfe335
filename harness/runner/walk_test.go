package runner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// idle is a rig whose cells are measured at once: each leaves a cell.json and nothing else.
type idle struct {
	rig.Rig
	art   func() *artifacts
	fails string   // key of a cell that fails
	log   []string // what was measured together
}

func (r *idle) Run(cells []record.PlannedCell, w rig.Work) {
	var keys []string
	for _, pc := range cells {
		keys = append(keys, pc.Key)
		folder := r.art().cell(pc) + record.PartialSuffix
		err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, record.FileCell), []byte("{}"), 0o644))
		if pc.Key == r.fails {
			err = errors.New("no server")
		}
		_ = w.Done(pc, time.Minute, err) // a test's rig shows nothing
	}
	r.log = append(r.log, strings.Join(keys, " "))
}

// walked is a run of three blocks of two cells on an idle rig.
func walked(t *testing.T) (*Run, *idle) {
	t.Helper()
	r, fake := walkable(t)
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	return r, fake
}

// walkable is walked, to be closed by who asks for it.
func walkable(t *testing.T) (*Run, *idle) {
	t.Helper()
	o := short(t, "H2A")
	fake := &idle{Rig: o.Rig}
	o.Rig = fake
	o.Plan.Cells = nil
	for rep := 1; rep <= 3; rep++ {
		for _, conc := range []int{1, 2} {
			cell := record.NewCell("conc", conc, "rep", rep)
			o.Plan.Cells = append(o.Plan.Cells, record.PlannedCell{Key: cell.String(), Cell: cell, Stage: 1, Rep: rep, ContextTokens: 256})
		}
	}
	r := opened(t, o)
	fake.art = func() *artifacts { return r.art }
	return r, fake
}

func TestBlocksOf(t *testing.T) {
	cells := []record.PlannedCell{{Key: "a", Rep: 1}, {Key: "b", Rep: 1}, {Key: "c", Rep: 2}, {Key: "d", Rep: 3}}
	assert.Equal(t, [][]record.PlannedCell{cells[:2], cells[2:3], cells[3:]}, blocksOf(cells))
	assert.Equal(t, [][]record.PlannedCell{cells[:2]}, blocksOf(cells[:2]))
	assert.Empty(t, blocksOf(nil))
}

// After each block the run asks how to go on, and does that.
func TestWalkAsks(t *testing.T) {
	const first, second, third = "conc=1/rep=1 conc=2/rep=1", "conc=1/rep=2 conc=2/rep=2", "conc=1/rep=3 conc=2/rep=3"
	for _, tc := range []struct {
		name    string
		answers []Answer
		log     []string
		asked   []Asked
	}{
		{"block by block", []Answer{{}, {}, {}}, []string{first, second, third}, []Asked{{1, 1, false}, {1, 2, false}, {1, 3, true}}},
		{"the rest together", []Answer{{Skip: 100}, {}}, []string{first, second + " " + third}, []Asked{{1, 1, false}, {1, 3, true}}},
		{"stopped", []Answer{{Stop: "untreated"}}, []string{first}, []Asked{{1, 1, false}}},
		{"stopped later", []Answer{{}, {Stop: "enough"}}, []string{first, second}, []Asked{{1, 1, false}, {1, 2, false}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, fake := walked(t)
			var asked []Asked
			require.NoError(t, r.Walk(func(dir string, a Asked) (Answer, error) {
				assert.Equal(t, r.Dir(), dir)
				asked = append(asked, a)
				return tc.answers[len(asked)-1], nil
			}))
			assert.Equal(t, tc.log, fake.log)
			assert.Equal(t, tc.asked, asked)
			p, err := record.ReadPlan(r.Dir())
			require.NoError(t, err)
			assert.Equal(t, tc.answers[len(tc.answers)-1].Stop, p.Ended)
			assert.False(t, p.Refined)
			assert.Len(t, p.Cells, 6)
		})
	}
}

// The cells of a second stage are planned when the first has been measured, and are saved before they are measured.
func TestWalkStages(t *testing.T) {
	r, fake := walked(t)
	reps := r.o.Exp.Hypothesis.Run.Reps
	require.NoError(t, r.Walk(func(dir string, a Asked) (Answer, error) {
		p, err := record.ReadPlan(dir)
		require.NoError(t, err)
		assert.Equal(t, a.Stage == 2, p.Refined)
		if a.Stage == 1 && a.Last {
			return Answer{Stage: true, More: []record.Cell{record.NewCell("ctx", 256, "conc", 3)}}, nil
		}
		return Answer{}, nil
	}))
	require.Len(t, fake.log, 3+reps)
	for rep := 1; rep <= reps; rep++ {
		assert.Equal(t, fmt.Sprintf("ctx=256/conc=3/rep=%d", rep), fake.log[2+rep])
	}
	p, err := record.ReadPlan(r.Dir())
	require.NoError(t, err)
	require.Len(t, p.Cells, 6+reps)
	assert.Equal(t, 2, p.Cells[6].Stage)

	r, fake = walked(t)
	require.NoError(t, r.Walk(func(string, Asked) (Answer, error) { return Answer{Stage: true}, nil }))
	assert.Len(t, fake.log, 3)
	p, err = record.ReadPlan(r.Dir())
	require.NoError(t, err)
	assert.True(t, p.Refined, "a stage without cells has been planned, too")
}

// A cell that fails ends the run; nothing is asked, and what has been measured stays.
func TestWalkEndsAfterAFailure(t *testing.T) {
	r, fake := walked(t)
	fake.fails = "conc=2/rep=2"
	asked := 0
	require.NoError(t, r.Walk(func(string, Asked) (Answer, error) { asked++; return Answer{}, nil }))
	assert.True(t, r.Failed())
	assert.Equal(t, 1, asked)
	assert.Len(t, fake.log, 2)
	assert.True(t, r.art.has(r.o.Plan.Cells[2]))
	assert.False(t, r.art.has(r.o.Plan.Cells[3]))
}

// What is complete is not measured again.
func TestWalkLeavesOutWhatIsThere(t *testing.T) {
	r, fake := walked(t)
	fake.Run(r.o.Plan.Cells[1:3], rig.Work{Done: func(pc record.PlannedCell, _ time.Duration, err error) error {
		return errors.Join(err, r.art.keep(pc))
	}})
	fake.log = nil
	require.NoError(t, r.Walk(func(string, Asked) (Answer, error) { return Answer{}, nil }))
	assert.Equal(t, []string{"conc=1/rep=1", "conc=2/rep=2", "conc=1/rep=3 conc=2/rep=3"}, fake.log)
}
