package runner

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// names are what lies in a folder, hidden or not.
func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// A run that was killed before its plan was there has nothing to lose: it is begun anew. One that has measured without
// a plan is not one.
func TestResumeBeforeThePlan(t *testing.T) {
	o := short(t, "H2A")
	o.Resume = true
	dir := filepath.Join(o.Dir, o.Plan.RunID)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, record.DirCells), 0o755))
	r := opened(t, o)
	assert.FileExists(t, record.Path(r.Dir(), record.FilePlan))
	require.NoError(t, r.Close())

	require.NoError(t, os.Remove(record.Path(dir, record.FilePlan)))
	require.NoError(t, os.Mkdir(record.CellPath(dir, o.Plan.Cells[0].Cell), 0o755))
	_, err := Open(o)
	require.ErrorContains(t, err, "holds no run to continue")
}

// What a killed run has left half written goes when it is resumed.
func TestResumeSweeps(t *testing.T) {
	o := short(t, "H2A")
	r := opened(t, o)
	require.NoError(t, r.Close())
	before := names(t, r.Dir())
	require.NoError(t, os.Mkdir(filepath.Join(r.Dir(), "figures"), 0o755))
	for _, name := range []string{".plan.json.17.tmp", "figures/.p99.svg.4.tmp"} {
		require.NoError(t, os.WriteFile(filepath.Join(r.Dir(), name), []byte("{"), 0o644))
	}
	o.Resume = true
	require.NoError(t, opened(t, o).Close())
	assert.ElementsMatch(t, append(before, "figures"), names(t, r.Dir()))
	assert.Empty(t, names(t, filepath.Join(r.Dir(), "figures")))
}

// Runs that are set aside replace each other in one step, and what a kill has left of that goes.
func TestSetAsideInOneStep(t *testing.T) {
	o := short(t, "H2A")
	for range 3 {
		require.NoError(t, opened(t, o).Close())
	}
	id := o.Plan.RunID
	require.Equal(t, []string{id, id + incompleteSuffix}, names(t, o.Dir))
	// Killed between the two renames, and while the oldest run was removed.
	require.NoError(t, os.Rename(filepath.Join(o.Dir, id+incompleteSuffix), filepath.Join(o.Dir, "."+id+".removed")))
	require.NoError(t, opened(t, o).Close())
	assert.Equal(t, []string{id, id + incompleteSuffix}, names(t, o.Dir))
	o.Resume = true
	require.NoError(t, os.Rename(filepath.Join(o.Dir, id+incompleteSuffix), filepath.Join(o.Dir, "."+id+".removed")))
	require.NoError(t, opened(t, o).Close())
	assert.Equal(t, []string{id}, names(t, o.Dir))
}

// A plan is replaced in one step: a run that is killed while it plans its second stage can be resumed.
func TestPlanIsReplaced(t *testing.T) {
	o := short(t, "H2A")
	r := opened(t, o)
	defer func() { require.NoError(t, r.Close()) }()
	path := record.Path(r.Dir(), record.FilePlan)
	first, err := os.Open(path)
	require.NoError(t, err)
	defer first.Close()
	require.NoError(t, o.Plan.Save(r.Dir(), r.art.log))
	old, err := first.Stat()
	require.NoError(t, err)
	now, err := os.Stat(path)
	require.NoError(t, err)
	assert.False(t, os.SameFile(old, now), "written over, it is half written for a moment")
}

// Locks that killed runs of other configurations have left go, too.
func TestLocksAreSwept(t *testing.T) {
	o := short(t, "H2A")
	require.NoError(t, os.WriteFile(filepath.Join(o.Dir, ".h1-sim-default-s1-0123.lock"), nil, 0o644))
	r := opened(t, o)
	assert.Equal(t, []string{"." + o.Plan.RunID + ".lock", o.Plan.RunID}, names(t, o.Dir))
	require.NoError(t, r.Close())
	assert.Equal(t, []string{o.Plan.RunID}, names(t, o.Dir))
}

// A run between its two stages has every cell of its plan and is not complete, unless it ended there: it must not push
// a complete one out.
func TestBetweenStagesIsIncomplete(t *testing.T) {
	broken := errors.New("broken")
	ended := func(t *testing.T, r *Run) { require.NoError(t, r.Close()) }
	concluded := func(t *testing.T, r *Run) {
		r.Concluded()
		require.NoError(t, r.Close())
	}
	killed := func(t *testing.T, r *Run) { require.NoError(t, r.art.close()) }
	reported := func(text string) func(*testing.T, *Run) {
		return func(t *testing.T, r *Run) {
			require.NoError(t, os.WriteFile(filepath.Join(r.Dir(), fileReport), []byte(text), 0o644))
			require.NoError(t, r.art.close())
		}
	}
	for _, tc := range []struct {
		name   string
		ask    func(stop *atomic.Bool) error // between the stages
		end    func(t *testing.T, r *Run)
		suffix string
	}{
		{"ended", nil, concluded, previousSuffix},
		{"interrupted", func(stop *atomic.Bool) error { stop.Store(true); return nil }, ended, incompleteSuffix},
		{"not planned on", func(*atomic.Bool) error { return broken }, ended, incompleteSuffix},
		{"not concluded", nil, ended, incompleteSuffix},
		{"interrupted after its conclusion", nil, func(t *testing.T, r *Run) {
			r.o.Stop.Store(true)
			concluded(t, r)
		}, previousSuffix},
		{"killed", func(*atomic.Bool) error { return broken }, killed, incompleteSuffix},
		{"killed after its report", nil, reported(`{"interrupted": false}`), previousSuffix},
		{"killed after the report of a part", nil, reported(`{"interrupted": true}`), incompleteSuffix},
		{"looked at again, and interrupted", nil, func(t *testing.T, r *Run) {
			concluded(t, r)
			log, err := record.OpenLog(r.Dir())
			require.NoError(t, err)
			require.NoError(t, log.Append(record.Attempt{Event: record.EventEnd, Why: record.EndInterrupted}))
			require.NoError(t, log.Close())
		}, previousSuffix},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, _ := walkable(t)
			stop := r.o.Stop
			err := r.Walk(func(_ string, a Asked) (Answer, error) {
				if tc.ask == nil || !a.Last {
					return Answer{}, nil
				}
				return Answer{}, tc.ask(stop)
			})
			if err != nil {
				require.ErrorIs(t, err, broken)
			}
			tc.end(t, r)
			stop.Store(false)
			o := r.o
			o.Resume = false
			require.NoError(t, opened(t, o).Close())
			assert.Equal(t, []string{o.Plan.RunID, o.Plan.RunID + tc.suffix}, names(t, o.Dir))
		})
	}
}

// stopper is an output that wishes for the end of the run once something is said.
type stopper struct{ stop *atomic.Bool }

func (s stopper) Write(p []byte) (int, error) {
	s.stop.Store(true)
	return len(p), nil
}

// To look over the cells of a run to resume takes a while: the end is heeded meanwhile.
func TestResumeIsInterrupted(t *testing.T) {
	r, _ := walkable(t)
	require.NoError(t, r.Walk(func(string, Asked) (Answer, error) { return Answer{}, nil }))
	require.NoError(t, r.Close())
	o := r.o
	o.Resume, o.Out = true, stopper{o.Stop}
	_, err := Open(o)
	require.ErrorIs(t, err, rig.ErrSkipped)
	aside, err := filepath.Glob(filepath.Join(r.Dir(), record.DirCells, "*"+record.DamagedSuffix+"*"))
	require.NoError(t, err)
	assert.Len(t, aside, 1, "the first one, of which it was said")
}

// What does not belong among the cells would end the run when it is judged: that is told before anything is measured.
func TestResumeRefusesStrays(t *testing.T) {
	o := short(t, "H2A")
	r := opened(t, o)
	require.NoError(t, r.Close())
	stray := filepath.Join(r.Dir(), record.DirCells, ".DS_Store")
	require.NoError(t, os.WriteFile(stray, nil, 0o644))
	o.Resume = true
	_, err := Open(o)
	require.ErrorContains(t, err, stray)
	require.ErrorContains(t, err, "remove it")
	require.NoError(t, os.Remove(stray))
	require.NoError(t, opened(t, o).Close())
}
