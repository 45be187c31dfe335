package runner

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// drifting is a rig on whose drive the reads before and after each cell take what the test says, us.
type drifting struct {
	rig.Rig
	run   func() *Run
	reads func(pc record.PlannedCell, try int) (before, after float64) // try from 1; an after of 0: not measured
	tries map[string]int
	clock float64
	log   []string
}

func (d *drifting) Run(cells []record.PlannedCell, w rig.Work) {
	var keys []string
	for _, pc := range cells {
		keys = append(keys, pc.Key)
		d.tries[pc.Key]++
		d.clock++
		r := d.run()
		before, after := d.reads(pc, d.tries[pc.Key])
		idle := []record.IdleReads{{Bytes: 128 << 10, N: 100, MeanUS: before}, {Bytes: 128 << 10, N: 100, MeanUS: after}}
		if after == 0 {
			idle = nil
		}
		info := record.CellInfo{RunID: r.o.Plan.RunID, Digest: r.o.Plan.Digest, Cell: pc.Key, CellDigest: pc.Digest, Start: d.clock, Storage: &record.StorageUse{Idle: idle}}
		folder := r.art.cell(pc) + record.PartialSuffix
		err := os.MkdirAll(folder, 0o755)
		if err == nil {
			err = info.Seal(folder)
		}
		_ = w.Done(pc, time.Minute, err) // a test's rig shows nothing
	}
	d.log = append(d.log, strings.Join(keys, " "))
}

// onDrifting is a run of three blocks of two cells on such a rig, the first numbered so.
func onDrifting(t *testing.T, first int, reads func(pc record.PlannedCell, try int) (before, after float64)) (*Run, *drifting, *strings.Builder) {
	t.Helper()
	r, fake := walked(t)
	said := &strings.Builder{}
	d := &drifting{Rig: fake.Rig, run: func() *Run { return r }, reads: reads, tries: map[string]int{}}
	r.o.Rig, r.o.Out, r.o.Plan.Facts.MaxReadDrift = d, said, new(0.1)
	for i := range r.o.Plan.Cells {
		pc := &r.o.Plan.Cells[i]
		pc.Rep += first - 1
		pc.Cell = record.NewCell("conc", 1+i%2, "rep", pc.Rep)
		pc.Key = pc.Cell.String()
	}
	require.NoError(t, r.o.Plan.Save(r.art.dir, r.art.log))
	return r, d, said
}

// A block in which the drive moved is measured again before anybody asks for it, and what it was stays in the log with both figures.
func TestVoidBlockIsMeasuredAgain(t *testing.T) {
	r, d, said := onDrifting(t, 1, func(pc record.PlannedCell, try int) (float64, float64) {
		switch {
		case pc.Key == "conc=2/rep=2" && try == 1:
			return 500, 250 // what it was in between says nothing
		case pc.Rep == 3:
			return 200, 180.1 // just allowed, and the other way round
		}
		return 200, 219.9
	})
	var asked []int
	require.NoError(t, r.Walk(func(_ string, a Asked) (Answer, error) {
		asked = append(asked, a.Block)
		return Answer{}, nil
	}))
	assert.Equal(t, []string{"conc=1/rep=1 conc=2/rep=1", "conc=1/rep=2 conc=2/rep=2", "conc=1/rep=2 conc=2/rep=2", "conc=1/rep=3 conc=2/rep=3"}, d.log)
	assert.Equal(t, []int{1, 2, 3}, asked, "once, when it is whole")
	assert.Contains(t, said.String(), "note: block 2 is measured again: the block is void: a read of the idle drive took 200 us on average at its begin "+
		"(before conc=1/rep=2) and 250 us at its end (after conc=2/rep=2), +25 % (allowed 10 % either way)\n")
	assert.Equal(t, []string{"conc=1,rep=2.1", "conc=2,rep=2.1"}, names(t, record.Path(r.Dir(), record.DirQuarantine)))
	assert.Empty(t, r.o.Plan.Ended)
	kept, of := r.Kept()
	assert.Equal(t, []int{6, 6}, []int{kept, of})
}

// A cell that is measured again later, on a drive that has become another one, voids its block as well.
func TestBlockOfACellMeasuredAgainIsLookedAt(t *testing.T) {
	r, d, said := onDrifting(t, 1, func(pc record.PlannedCell, try int) (float64, float64) {
		if pc.Key == "conc=2/rep=1" && try == 2 {
			return 400, 400
		}
		return 200, 200
	})
	once := false
	require.NoError(t, r.Walk(func(_ string, a Asked) (Answer, error) {
		if a.Block != 3 || once {
			return Answer{}, nil
		}
		once = true
		return Answer{Again: []Again{{Cell: "conc=2/rep=1", Why: "late"}}}, nil
	}))
	assert.Equal(t, []string{"conc=2/rep=1", "conc=1/rep=1 conc=2/rep=1"}, d.log[3:], "alone, and then with its block")
	assert.Contains(t, said.String(), "note: block 1 is measured again: the block is void: a read of the idle drive took 200 us on average at its begin (before conc=1/rep=1) and 400 us")
	kept, of := r.Kept()
	assert.Equal(t, []int{6, 6}, []int{kept, of})
}

// A drive that moves all the time is measured a third more often at most; then what is void is put aside, the rest is concluded from,
// and -resume measures it anew.
func TestVoidBlocksAreLeftOut(t *testing.T) {
	for name, reads := range map[string]func(record.PlannedCell, int) (float64, float64){
		"slower": func(pc record.PlannedCell, _ int) (float64, float64) {
			return 200, map[bool]float64{true: 200, false: 221}[pc.Rep == 1]
		},
		"faster": func(pc record.PlannedCell, _ int) (float64, float64) {
			return 200, map[bool]float64{true: 200, false: 179}[pc.Rep == 1]
		},
		"unknown": func(pc record.PlannedCell, _ int) (float64, float64) {
			return 200, map[bool]float64{true: 200, false: 0}[pc.Rep == 1]
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, d, said := onDrifting(t, 1, reads)
			require.NoError(t, r.Walk(func(string, Asked) (Answer, error) { return Answer{}, nil }))
			assert.Len(t, d.log, 4, "of three blocks one is measured again")
			kept, of := r.Kept()
			assert.Equal(t, []int{2, 6}, []int{kept, of})
			assert.Len(t, names(t, record.Path(r.Dir(), record.DirQuarantine)), 6)
			p, err := record.ReadPlan(r.Dir())
			require.NoError(t, err)
			assert.Contains(t, p.Ended, "2 blocks are left out, because the drive moved while they were measured (-resume measures them anew): block 2: the block is void: ")
			assert.Contains(t, p.Ended, "; block 3: the block is void: ", "with their figures")
			assert.Contains(t, said.String(), "note: block 2 is left out, because as many were measured again as may be: the block is void: ")
			run, err := record.ReadRun(r.Dir())
			require.NoError(t, err)
			_, err = run.Quarantined()
			require.NoError(t, err)
		})
	}
}

// The block that only screens decides nothing: without it nothing could be planned, so it stays.
func TestVoidScreeningStays(t *testing.T) {
	r, d, said := onDrifting(t, 0, func(pc record.PlannedCell, _ int) (float64, float64) {
		return 200, map[bool]float64{true: 300, false: 200}[pc.Rep == 0]
	})
	require.NoError(t, r.Walk(func(string, Asked) (Answer, error) { return Answer{}, nil }))
	assert.Equal(t, 2, strings.Count(strings.Join(d.log, "\n"), "conc=1/rep=0"), "measured again once")
	assert.Contains(t, said.String(), "+50 % (allowed 10 % either way); it only screens, and stays\n")
	assert.True(t, r.art.has(r.o.Plan.Cells[0]))
	assert.Empty(t, r.o.Plan.Ended)
}

// Where the machine has no drive of its own nothing is read and nothing is void.
func TestNoDriveNothingIsVoid(t *testing.T) {
	r, d, _ := onDrifting(t, 1, func(record.PlannedCell, int) (float64, float64) { return 200, 0 })
	r.o.Plan.Facts.MaxReadDrift = nil
	require.NoError(t, r.Walk(func(string, Asked) (Answer, error) { return Answer{}, nil }))
	assert.Len(t, d.log, 3)
	assert.False(t, slices.ContainsFunc(names(t, r.Dir()), func(n string) bool { return filepath.Base(n) == record.DirQuarantine }))
}

// A run that was killed while it put a void block aside puts the rest aside when it goes on: one cell of another time would make another
// block of it, in which the drive seems to have stayed.
func TestVoidBlockIsPutAsideWhole(t *testing.T) {
	begun := func(t *testing.T) (*Run, *drifting, *strings.Builder, []record.PlannedCell) {
		r, d, said := onDrifting(t, 1, func(pc record.PlannedCell, try int) (float64, float64) {
			if pc.Key == "conc=2/rep=2" && try == 1 {
				return 250, 250
			}
			return 200, 200
		})
		r.progress, r.art.out = newProgress(io.Discard, "", 6), said
		block := r.o.Plan.Cells[2:4]
		r.o.Rig.Run(r.o.Plan.Cells[:4], rig.Work{Measure: r.measure, Done: r.done})
		return r, d, said, block
	}
	goesOn := func(t *testing.T, r *Run) {
		require.NoError(t, r.art.log.Close())
		require.NoError(t, r.art.resume(r.o.Plan))
	}
	aside := func(t *testing.T, r *Run) []string { return names(t, record.Path(r.Dir(), record.DirQuarantine)) }

	r, d, said, block := begun(t)
	why, err := r.void(block, 0.1)
	require.NoError(t, err)
	require.Contains(t, why, "200 us on average at its begin (before conc=1/rep=2) and 250 us at its end (after conc=2/rep=2)")
	_, err = r.putAside(Again{Cell: block[0].Key, Why: why})
	require.NoError(t, err)
	one, err := r.void(block, 0.1)
	require.NoError(t, err)
	assert.Empty(t, one, "it is not whole")
	goesOn(t, r)
	goesOn(t, r)
	assert.Equal(t, []string{"conc=1,rep=2.1", "conc=2,rep=2.1"}, aside(t, r))
	assert.Contains(t, said.String(), "note: cell conc=2/rep=2 is measured again (1) as the killed run was about to: the block is void: ")
	require.NoError(t, r.Walk(func(string, Asked) (Answer, error) { return Answer{}, nil }))
	assert.Equal(t, []string{"", "conc=1/rep=2 conc=2/rep=2", "conc=1/rep=3 conc=2/rep=3"}, d.log[1:], "both again")

	r, _, _, block = begun(t)
	_, err = r.putAside(Again{Cell: block[0].Key, Why: "late"})
	require.NoError(t, err)
	goesOn(t, r)
	assert.Equal(t, []string{"conc=1,rep=2.1"}, aside(t, r), "for another reason")

	r, _, _, block = begun(t)
	_, err = r.putAside(Again{Cell: block[0].Key, Why: "late"})
	require.NoError(t, err)
	r.o.Rig.Run(block[:1], rig.Work{Measure: r.measure, Done: r.done})
	late, err := r.void(block, 0.1)
	require.NoError(t, err)
	require.Contains(t, late, "250 us on average at its begin (before conc=2/rep=2) and 200 us") // begun at another time
	_, err = r.putAside(Again{Cell: block[0].Key, Why: late})
	require.NoError(t, err)
	goesOn(t, r)
	assert.Equal(t, []string{"conc=1,rep=2.1", "conc=1,rep=2.2", "conc=2,rep=2.1"}, aside(t, r), "one of the block had been measured again before")

	r, _, _, block = begun(t)
	for _, pc := range block {
		_, err = r.putAside(Again{Cell: pc.Key, Why: why})
		require.NoError(t, err)
	}
	r.o.Rig.Run(block[:1], rig.Work{Measure: r.measure, Done: r.done})
	goesOn(t, r)
	assert.Equal(t, []string{"conc=1,rep=2.1", "conc=2,rep=2.1"}, aside(t, r), "the whole block was, and one is there again")
	r.o.Rig.Run(block[1:], rig.Work{Measure: r.measure, Done: r.done})
	goesOn(t, r)
	assert.Len(t, aside(t, r), 2, "all of it is")

	r, d, _, block = begun(t)
	for range 2 { // twice, and the figures came out alike: the second time was interrupted
		_, err = r.putAside(Again{Cell: block[0].Key, Why: why})
		require.NoError(t, err)
		if len(aside(t, r)) < 3 {
			_, err = r.putAside(Again{Cell: block[1].Key, Why: why})
			require.NoError(t, err)
			d.tries[block[1].Key] = 0
			r.o.Rig.Run(block, rig.Work{Measure: r.measure, Done: r.done})
		}
	}
	goesOn(t, r)
	assert.Equal(t, []string{"conc=1,rep=2.1", "conc=1,rep=2.2", "conc=2,rep=2.1", "conc=2,rep=2.2"}, aside(t, r))
}
