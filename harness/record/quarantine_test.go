package record

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// aside is a run of one cell that was put aside once and measured again.
type aside struct {
	t    *testing.T
	dir  string
	cell Cell
	pc   PlannedCell
	log  *Log
}

func newAside(t *testing.T) *aside {
	t.Helper()
	cell := NewCell("ctx", 1, "rep", 1)
	a := &aside{t: t, dir: t.TempDir(), cell: cell, pc: PlannedCell{Key: cell.String(), Cell: cell}}
	require.NoError(t, os.WriteFile(Path(a.dir, FileConfig), []byte("rig: sim\n"), 0o644))
	var err error
	a.log, err = OpenLog(a.dir)
	require.NoError(t, err)
	require.NoError(t, (&Plan{Schema: PlanSchema, RunID: "run", Digest: "d", Cells: []PlannedCell{a.pc}}).Save(a.dir, a.log))
	a.measure(0)
	return a
}

// measure completes the cell.
func (a *aside) measure(again int) {
	a.t.Helper()
	folder := CellPath(a.dir, a.cell)
	require.NoError(a.t, os.MkdirAll(folder, 0o755))
	require.NoError(a.t, os.WriteFile(filepath.Join(folder, FileSysmon), []byte("{}\n"), 0o644))
	require.NoError(a.t, (&CellInfo{RunID: "run", Digest: "d", Cell: a.pc.Key, Again: again, Start: 1000 + float64(again)}).Seal(folder))
	require.NoError(a.t, a.log.Complete(a.pc.Key, folder))
}

func (a *aside) read() *Run {
	a.t.Helper()
	r, err := ReadRun(a.dir)
	require.NoError(a.t, err)
	return r
}

// A cell that is put aside is missing until it has been measured again; what was put aside stays as it was, with its reason.
func TestQuarantine(t *testing.T) {
	a := newAside(t)
	require.NoError(t, a.log.Quarantine(a.dir, a.cell, 1, "dead\nsource"))
	info, err := a.read().Cell(a.pc)
	require.NoError(t, err)
	assert.Nil(t, info)
	a.measure(1)
	info, err = a.read().Cell(a.pc)
	require.NoError(t, err)
	require.NotNil(t, info)
	assert.Equal(t, 1, info.Again)
	require.NoError(t, a.log.Quarantine(a.dir, a.cell, 2, "swap"))
	a.measure(2)

	r := a.read()
	all, err := r.Quarantined()
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, []string{"ctx=1/rep=1", "dead; source", "ctx=1,rep=1.1"}, []string{all[0].Cell, all[0].Why, all[0].Folder})
	assert.Equal(t, []string{"ctx=1/rep=1", "swap", "ctx=1,rep=1.2"}, []string{all[1].Cell, all[1].Why, all[1].Folder})
	assert.Equal(t, []float64{1000, 1001}, []float64{all[0].Start, all[1].Start}, "when each began")
	assert.Equal(t, []int{1, 2}, []int{all[0].Measured, all[1].Measured}, "how many cells had been measured by then")
	assert.Equal(t, 2, r.Again(a.pc.Key))
	for n, q := range all {
		info, folder, err := r.Aside(q)
		require.NoError(t, err)
		assert.Equal(t, n, info.Again)
		assert.Equal(t, q.Path(a.dir), folder)
	}
	notes, err := r.Strays()
	require.NoError(t, err)
	assert.Empty(t, notes)
	require.NoError(t, a.log.Close())
}

// What was put aside is evidence: any change of it shows, and nothing may be put beside it.
func TestQuarantineIsSealed(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(dir string) error
		want string
	}{
		"a line more":      {func(dir string) error { return os.WriteFile(filepath.Join(dir, FileSysmon), []byte("{}\n{}\n"), 0o644) }, "it is not what was measured"},
		"another seal":     {func(dir string) error { return (&CellInfo{Again: 7}).Seal(dir) }, "it is not what was put aside"},
		"gone":             {os.RemoveAll, "it is gone; attempts.jsonl says that the cell was put aside"},
		"one that was not": {func(dir string) error { return os.CopyFS(dir+"2", os.DirFS(dir)) }, "attempts.jsonl does not know that it was put aside"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAside(t)
			require.NoError(t, a.log.Quarantine(a.dir, a.cell, 1, "swap"))
			a.measure(1)
			require.NoError(t, a.log.Close())
			require.NoError(t, tc.do(Path(a.dir, DirQuarantine, "ctx=1,rep=1.1")))
			_, err := a.read().Quarantined()
			var damage *DamageError
			require.ErrorAs(t, err, &damage)
			assert.Contains(t, err.Error(), tc.want)
		})
	}
}

// A crash between log and move leaves a cell that is missing, and is put aside when the run is resumed.
func TestQuarantineAfterACrash(t *testing.T) {
	a := newAside(t)
	sum, err := SumFile(filepath.Join(CellPath(a.dir, a.cell), FileCell))
	require.NoError(t, err)
	require.NoError(t, a.log.Append(Attempt{Event: EventQuarantined, Cell: a.pc.Key, SHA256: sum.SHA256, Why: "swap"}))
	r := a.read()
	info, err := r.Cell(a.pc)
	require.NoError(t, err)
	assert.Nil(t, info, "nothing is concluded from it")
	_, err = r.Quarantined()
	require.NoError(t, err)

	require.NoError(t, r.Recover())
	assert.NoDirExists(t, CellPath(a.dir, a.cell))
	assert.FileExists(t, Path(a.dir, DirQuarantine, "ctx=1,rep=1.1", FileCell))
	a.measure(1)
	require.NoError(t, a.read().Recover(), "what is in its place stays there")
	info, err = a.read().Cell(a.pc)
	require.NoError(t, err)
	assert.Equal(t, 1, info.Again)
	require.NoError(t, a.log.Close())
}

// A cell that was put aside may not be put back.
func TestQuarantinedCellIsNotPutBack(t *testing.T) {
	a := newAside(t)
	require.NoError(t, a.log.Quarantine(a.dir, a.cell, 1, "swap"))
	require.NoError(t, a.log.Close())
	require.NoError(t, os.CopyFS(CellPath(a.dir, a.cell), os.DirFS(Path(a.dir, DirQuarantine, "ctx=1,rep=1.1"))))
	_, err := a.read().Cell(a.pc)
	require.ErrorContains(t, err, "attempts.jsonl does not know of it")
}

// A complete cell that was thrown away and measured again may be one that did not please: it is told, though the new one is whole.
func TestReplacedCellIsTold(t *testing.T) {
	a := newAside(t)
	notes, err := a.read().Strays()
	require.NoError(t, err)
	assert.Empty(t, notes)
	require.NoError(t, os.RemoveAll(CellPath(a.dir, a.cell)))
	require.NoError(t, a.log.Append(Attempt{Event: EventDamaged, Cell: a.pc.Key, Why: "it is gone"}))
	a.measure(0)
	notes, err = a.read().Strays()
	require.NoError(t, err)
	assert.Equal(t, []string{"cell ctx=1/rep=1 was complete, was changed or removed after that, and was measured again: it is gone"}, notes)
	require.NoError(t, a.log.Close())
}
