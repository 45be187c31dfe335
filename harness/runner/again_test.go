package runner

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// Cells that the answer wants again are put aside and measured again before the run asks once more; others are left alone.
func TestWalkMeasuresAgain(t *testing.T) {
	r, fake := walked(t)
	var said strings.Builder
	r.o.Out = &said
	faulty := map[string]int{"conc=2/rep=1": 2, "conc=1/rep=3": 1}
	var asked []Asked
	require.NoError(t, r.Walk(func(_ string, a Asked) (Answer, error) {
		asked = append(asked, a)
		answer := Answer{Skip: 100}
		for _, pc := range r.o.Plan.Cells {
			if r.art.has(pc) && faulty[pc.Key] > 0 {
				faulty[pc.Key]--
				answer.Again = append(answer.Again, Again{pc.Key, "swap is on"})
			}
		}
		return answer, nil
	}))
	assert.Equal(t, []string{"conc=1/rep=1 conc=2/rep=1", "conc=2/rep=1", "conc=2/rep=1", "conc=1/rep=2 conc=2/rep=2 conc=1/rep=3 conc=2/rep=3", "conc=1/rep=3"}, fake.log)
	assert.Equal(t, []Asked{{1, 1, false}, {1, 1, false}, {1, 1, false}, {1, 3, true}, {1, 3, true}}, asked)
	assert.Equal(t, []string{"conc=1,rep=3.1", "conc=2,rep=1.1", "conc=2,rep=1.2"}, names(t, record.Path(r.Dir(), record.DirQuarantine)))
	assert.Contains(t, said.String(), "note: cell conc=2/rep=1 is measured again (2): swap is on\n")
	log, err := os.ReadFile(record.Path(r.Dir(), record.FileAttempts))
	require.NoError(t, err)
	assert.Equal(t, 3, strings.Count(string(log), `"event":"quarantined"`))
	kept, of := r.Kept()
	assert.Equal(t, []int{6, 6}, []int{kept, of})
}

// A cell that is not there cannot be measured again.
func TestAgainOfNoCell(t *testing.T) {
	r, _ := walked(t)
	err := r.Walk(func(string, Asked) (Answer, error) { return Answer{Again: []Again{{"conc=9/rep=1", "swap"}}}, nil })
	require.ErrorContains(t, err, "cell conc=9/rep=1 is to be measured again, and nobody planned it")
}

// A run that is interrupted while a cell is measured again goes on with that attempt, and with its randomness.
func TestResumeMeasuresAgain(t *testing.T) {
	o := short(t, "H2A")
	r := opened(t, o)
	pc := r.o.Plan.Cells[0]
	dir, err := r.art.begin(pc)
	require.NoError(t, err)
	require.NoError(t, measureCell(t, r, pc, dir, nil))
	require.NoError(t, r.art.keep(pc))
	first := sumFiles(t, r.art.cell(pc))
	_, err = r.quarantine(Again{pc.Key, "swap"})
	require.NoError(t, err)
	assert.False(t, r.art.has(pc))
	require.NoError(t, r.Close())

	o.Resume = true
	again := opened(t, o)
	t.Cleanup(func() { require.NoError(t, again.Close()) })
	assert.Equal(t, map[string]int{pc.Key: 1}, again.art.again)
	again.progress = newProgress(io.Discard, "", 2)
	measured := func() string {
		again.o.Rig.Run([]record.PlannedCell{pc}, rig.Work{Measure: again.measure, Done: again.done})
		info, err := os.ReadFile(filepath.Join(again.art.cell(pc), record.FileCell))
		require.NoError(t, err)
		assert.Contains(t, string(info), `"again": 1,`)
		return sumFiles(t, again.art.cell(pc))
	}
	second := measured()
	assert.NotEqual(t, first, second, "the machine's randomness is another")
	require.NoError(t, os.RemoveAll(again.art.cell(pc)))
	assert.Equal(t, second, measured(), "and the same each time")

	// What was put aside is looked over like everything else.
	require.NoError(t, again.Close())
	require.NoError(t, os.Remove(record.Path(r.Dir(), record.DirQuarantine, pc.Cell.Folder()+".1", record.FileSysmon)))
	_, err = Open(o)
	require.ErrorContains(t, err, "a cell that was put aside is evidence, too")
	again = opened(t, with(o, o.Plan, false))
}
