package record

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The plan of a run is the one that the log names last. After a crash between log and plan it is the one before, until
// anything has been done by the new one.
func TestPlanIsTheLastOne(t *testing.T) {
	const first, second, third = "first", "second", "third"
	plan := func(id string) Attempt { return Attempt{Event: EventPlan, SHA256: id} }
	begin, cell, end := Attempt{Event: EventBegin}, Attempt{Event: EventCell, Cell: "ctx=1/rep=1"}, Attempt{Event: EventEnd, Why: EndPlanned}
	damage := Attempt{Event: EventDamaged, Cell: "ctx=1/rep=1"}
	for _, tc := range []struct {
		name   string
		log    []Attempt
		passes []string
	}{
		{"two stages", []Attempt{begin, plan(first), cell, plan(second), cell, end}, []string{second}},
		{"a second stage without cells", []Attempt{begin, plan(first), cell, plan(second), end}, []string{second}},
		{"a crash between log and plan", []Attempt{begin, plan(first), cell, plan(second)}, []string{first, second}},
		{"and another one", []Attempt{begin, plan(first), cell, plan(second), damage, begin, plan(third)}, []string{first, second, third}},
		{"a full disk", []Attempt{begin, plan(first), cell, plan(second), {Event: EventEnd, Why: EndGivenUp}}, []string{first, second}},
		{"and then it went on", []Attempt{begin, plan(first), cell, plan(second), begin, plan(third), cell}, []string{third}},
		{"a cell that was taken over", []Attempt{begin, plan(first), plan(second), {Event: EventTaken, Cell: "ctx=1/rep=1", Origin: &Origin{}}}, []string{second}},
		{"none", []Attempt{begin, cell, end}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(Path(dir, FileConfig), []byte("rig: sim\n"), 0o644))
			sums := map[string]string{}
			texts := map[string][]byte{}
			for _, id := range []string{first, second, third} {
				b, err := (&Plan{Schema: PlanSchema, RunID: id, ConfigSHA256: sumBytes([]byte("rig: sim\n"))}).encode()
				require.NoError(t, err)
				texts[id], sums[id] = b, sumBytes(b)
			}
			log, err := OpenLog(dir)
			require.NoError(t, err)
			for _, a := range tc.log {
				if a.Event == EventPlan {
					a.SHA256 = sums[a.SHA256]
				}
				require.NoError(t, log.Append(a))
			}
			require.NoError(t, log.Close())
			var passes []string
			for _, id := range []string{first, second, third} {
				require.NoError(t, os.WriteFile(Path(dir, FilePlan), texts[id], 0o644))
				if _, err := ReadRun(dir); err == nil {
					passes = append(passes, id)
				} else {
					require.ErrorContains(t, err, "not the plan that was carried out")
				}
			}
			assert.Equal(t, tc.passes, passes)
		})
	}
}

// A file that has become larger than it was is a fault, and is not read to its end: it may be of any size.
func TestLargerFilesAreNotRead(t *testing.T) {
	const tera = 1 << 40
	dir := t.TempDir()
	cell := NewCell("ctx", 1, "rep", 1)
	pc := PlannedCell{Key: cell.String(), Cell: cell}
	config := []byte("rig: sim\n")
	require.NoError(t, os.WriteFile(Path(dir, FileConfig), config, 0o644))
	folder := CellPath(dir, cell)
	require.NoError(t, os.MkdirAll(folder, 0o755))
	metrics := filepath.Join(folder, FileMetrics)
	require.NoError(t, os.WriteFile(metrics, []byte("{}\n"), 0o644))
	log, err := OpenLog(dir)
	require.NoError(t, err)
	p := &Plan{Schema: PlanSchema, RunID: "run", Digest: "d", Cells: []PlannedCell{pc}}
	require.NoError(t, p.Save(dir, log))
	require.NoError(t, (&CellInfo{RunID: "run", Digest: "d", Cell: pc.Key}).Seal(folder))
	require.NoError(t, log.Complete(pc.Key, folder))
	require.NoError(t, log.Close())
	check := func() error {
		run, err := ReadRun(dir)
		if err == nil {
			_, err = run.Cell(pc)
		}
		return err
	}
	require.NoError(t, check())

	require.NoError(t, os.Truncate(metrics, tera))
	began := time.Now()
	require.ErrorContains(t, check(), metrics+": it is not what was measured: 1099511627776 bytes instead of 3")
	require.NoError(t, os.Truncate(metrics, 3))
	require.NoError(t, os.Truncate(Path(dir, FileConfig), tera))
	require.ErrorContains(t, check(), FileConfig)
	assert.Less(t, time.Since(began), time.Minute)
}
