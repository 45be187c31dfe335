package record

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ownRun is a run's folder with one complete cell of the given digest, or with measured false with none.
func ownRun(t *testing.T, id, digest string, measured bool) (dir string, pc PlannedCell, log *Log) {
	t.Helper()
	dir = t.TempDir()
	cell := NewCell("ctx", 1, "rep", 1)
	pc = PlannedCell{Key: cell.String(), Digest: digest, Cell: cell}
	require.NoError(t, os.WriteFile(Path(dir, FileConfig), []byte("rig: sim\n"), 0o644))
	log, err := OpenLog(dir)
	require.NoError(t, err)
	require.NoError(t, (&Plan{Schema: PlanSchema, RunID: id, Digest: "of " + id, Cells: []PlannedCell{pc}}).Save(dir, log))
	if !measured {
		return dir, pc, log
	}
	folder := CellPath(dir, cell)
	require.NoError(t, os.MkdirAll(folder, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, FileMetrics), []byte("{}\n"), 0o644))
	require.NoError(t, (&CellInfo{RunID: id, Digest: "of " + id, CellDigest: digest, Cell: pc.Key}).Seal(folder))
	require.NoError(t, log.Complete(pc.Key, folder))
	return dir, pc, log
}

// A cell that was taken over is complete where the log says of which run it is, and the cell itself and the plan agree.
func TestTakenCells(t *testing.T) {
	for _, tc := range []struct {
		name, digest string
		from         *Origin // nil: as it was
		edit         func(t *testing.T, folder string)
		want         string
	}{
		{"as it was", "same", nil, nil, ""},
		{"another cell of that name", "other", nil, nil, "it is of another cell of that name"},
		{"of another run than the log says", "same", &Origin{RunID: "third", Digest: "of third"}, nil, "it is of run first"},
		{"changed", "same", nil, func(t *testing.T, folder string) {
			require.NoError(t, os.WriteFile(filepath.Join(folder, FileMetrics), []byte("{ }\n"), 0o644))
		}, "it is not what was measured"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			first, pc, _ := ownRun(t, "first", "same", true)
			from, err := ReadRun(first)
			require.NoError(t, err)
			dir, planned, log := ownRun(t, "second", tc.digest, false)
			folder := CellPath(dir, pc.Cell)
			info, err := from.CopyCell(pc, folder)
			require.NoError(t, err)
			origin := Origin{RunID: info.RunID, Digest: info.Digest}
			if tc.from != nil {
				origin = *tc.from
			}
			require.NoError(t, log.TakenOver(pc.Key, folder, origin))
			if tc.edit != nil {
				tc.edit(t, folder)
			}
			run, err := ReadRun(dir)
			require.NoError(t, err)
			got, taken := run.Origin(planned)
			assert.True(t, taken)
			assert.Equal(t, origin, got)
			_, err = run.Cell(planned)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// What is damaged, or not complete, is not copied.
func TestCopyRefuses(t *testing.T) {
	first, pc, _ := ownRun(t, "first", "same", true)
	run, err := ReadRun(first)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(CellPath(first, pc.Cell), FileMetrics), []byte("{}"), 0o644))
	to := filepath.Join(t.TempDir(), "cell")
	_, err = run.CopyCell(pc, to)
	require.ErrorContains(t, err, "0 lines instead of 1")
	assert.NoDirExists(t, to)

	empty, pc, _ := ownRun(t, "second", "same", false)
	run, err = ReadRun(empty)
	require.NoError(t, err)
	_, err = run.CopyCell(pc, to)
	require.ErrorContains(t, err, "is not complete")
}

// A log that names no origin is none; a cell that is measured again after all is the run's own.
func TestOriginsInTheLog(t *testing.T) {
	dir, pc, log := ownRun(t, "second", "same", true)
	require.NoError(t, log.Append(Attempt{Event: EventTaken, Cell: pc.Key, SHA256: "0", Origin: &Origin{RunID: "first"}}))
	require.NoError(t, log.Complete(pc.Key, CellPath(dir, pc.Cell)))
	run, err := ReadRun(dir)
	require.NoError(t, err)
	_, taken := run.Origin(pc)
	assert.False(t, taken)
	_, err = run.Cell(pc)
	require.NoError(t, err)
	require.NoError(t, log.Append(Attempt{Event: EventTaken, Cell: pc.Key}))
	_, err = ReadRun(dir)
	require.ErrorContains(t, err, "does not say where cell ctx=1/rep=1 was taken from")
}
