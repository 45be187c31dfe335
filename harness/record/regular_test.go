package record

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/regular"
)

// Where a run's folder has a device or far too much in place of a file, it is refused and not read.
func TestFilesOfARunAreRegular(t *testing.T) {
	for name, c := range map[string]struct {
		limit int64
		read  func(dir string) error
	}{
		FilePlan: {maxPlan, func(dir string) error { _, err := ReadPlan(dir); return err }},
		FileCell: {maxCellInfo, func(dir string) error { _, _, err := readCellInfo(dir); return err }},
		FileMetrics: {0, func(dir string) error {
			_, err := Read(filepath.Join(dir, FileMetrics), func(*Request) error { return nil })
			return err
		}},
		"other.jsonl": {0, func(dir string) error {
			_, err := ReadLines(filepath.Join(dir, "other.jsonl"), func([]byte) error { return nil })
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			require.NoError(t, os.Symlink(os.DevNull, path))
			err := c.read(dir)
			require.ErrorIs(t, err, regular.ErrNoFile)
			assert.ErrorContains(t, err, path)
			if c.limit == 0 {
				return // lines, which are bounded one by one
			}
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.WriteFile(path, nil, 0o644))
			require.NoError(t, os.Truncate(path, c.limit+1))
			err = c.read(dir)
			require.ErrorIs(t, err, regular.ErrTooLarge)
			assert.ErrorContains(t, err, path)
		})
	}
}

// The largest plan, of the largest cells, can be read again.
func TestLargestPlanIsReadAgain(t *testing.T) {
	rate := 12345.678
	cell := NewCell("stack", "B", "phase", "cold", "tier1", "1536MiB", "policy", "SEGMENTED", "fio", "neighbours", "cadence", "200ms", "turns", 12,
		"reuse", 0.61, "ctx", 131072, "sessions", 65536, "rep", 1000)
	p := Plan{Schema: PlanSchema, RunID: "run", Cells: []PlannedCell{{Key: cell.String(), Stage: 1, Rep: 1000, Stack: "B", Phase: "cold",
		Tier1Bytes: 1536 << 20, Policy: "SEGMENTED", Fio: "neighbours", CadenceMS: 200, ContextTokens: 131072, Turns: 12, Reuse: 0.61, Users: 65536,
		RateRPS: &rate, LoadSeed: 1<<64 - 1, MachineSeed: 1<<64 - 1}}}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(Path(dir, FileConfig), nil, 0o644))
	log, err := OpenLog(dir)
	require.NoError(t, err)
	require.NoError(t, p.Save(dir, log))
	require.NoError(t, log.Close())
	info, err := os.Stat(filepath.Join(dir, FilePlan))
	require.NoError(t, err)
	assert.Less(t, info.Size()*MaxCells, int64(maxPlan))
}
