package harness

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/verdict"
)

// openTest opens a run of a small hypothesis.
func openTest(t *testing.T, h Hypothesis, o *Options) *run {
	t.Helper()
	e, p := testPlan(t, h, o)
	r, err := openRun(h, o, e, p, p.Digest)
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(r.tools.scratch) })
	return r
}

// measureCell runs one planned cell into dir, in virtual time.
func measureCell(t *testing.T, r *run, pc PlannedCell, dir string) error {
	t.Helper()
	var err error
	synctest.Test(t, func(*testing.T) { err = r.tools.measure(pc, dir) })
	return err
}

// The same seed leaves the same bytes, whatever the number of processors.
func TestSameSeedSameBytes(t *testing.T) {
	for _, h := range []Hypothesis{smallH1, smallH2A, smallH2B, smallH5, smallH6} {
		t.Run(h.ID, func(t *testing.T) {
			sums := map[int]string{}
			for _, procs := range []int{1, 2, 4} {
				before := runtime.GOMAXPROCS(procs)
				r := openTest(t, h, testOptions(t))
				dir := filepath.Join(t.TempDir(), "cell")
				require.NoError(t, measureCell(t, r, r.plan.Cells[0], dir))
				runtime.GOMAXPROCS(before)
				sums[procs] = sumFiles(t, dir)
			}
			assert.Equal(t, sums[1], sums[2])
			assert.Equal(t, sums[1], sums[4])
		})
	}
}

func sumFiles(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	out := ""
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		out += fmt.Sprintf("%s %x\n", filepath.Base(f), sha256.Sum256(b))
	}
	return out
}

// An interrupt leaves whole lines; the cell stays partial, and a report tells of what is there.
func TestInterrupt(t *testing.T) {
	r := openTest(t, smallH2A, testOptions(t))
	var stop atomic.Bool
	r.tools.stop = &stop
	first, second := r.plan.Cells[0], r.plan.Cells[1]

	dir, err := r.art.begin(first)
	require.NoError(t, err)
	require.NoError(t, measureCell(t, r, first, dir))
	require.NoError(t, r.art.keep(first, dir))

	dir, err = r.art.begin(second)
	require.NoError(t, err)
	synctest.Test(t, func(*testing.T) {
		timer := time.AfterFunc(40*time.Second, func() { stop.Store(true) })
		defer timer.Stop()
		err = r.tools.measure(second, dir)
	})
	require.ErrorIs(t, err, errInterrupted)
	lines := 0
	torn, err := record.Read(filepath.Join(dir, fileSysmon), func(*record.SysSample) error { lines++; return nil })
	require.NoError(t, err)
	assert.False(t, torn)
	assert.GreaterOrEqual(t, lines, 20, "the baseline, and warm-up more rarely")
	_, err = record.Read(filepath.Join(dir, fileMetrics), func(*record.Request) error { return nil })
	require.NoError(t, err)

	rep, err := Replay(smallH2A, r.art.dir)
	require.NoError(t, err)
	assert.True(t, rep.Interrupted)
	assert.Equal(t, 1, rep.CellsMeasured)
	assert.Equal(t, verdict.Inconclusive, rep.Verdict.Outcome)
	assert.Contains(t, rep.Verdict.Reasons[0], "1 of 4 planned cells")

	// Nobody else may write the folder meanwhile.
	_, err = newArtifacts(r.o.Results, r.plan.RunID, r.plan.Digest, false)
	require.ErrorContains(t, err, "another process is running")
	require.NoError(t, r.art.close())

	// -resume keeps the complete cell and measures the other one anew.
	o := *r.o
	o.Resume = true
	e, p := testPlan(t, smallH2A, &o)
	again, err := openRun(smallH2A, &o, e, p, p.Digest)
	require.NoError(t, err)
	assert.True(t, again.art.has(first))
	assert.False(t, again.art.has(second))
	require.NoError(t, again.art.close())

	// Another configuration is refused; without -resume the earlier run is set aside, not mixed in, and an
	// incomplete run never pushes out a complete one.
	_, err = newArtifacts(o.Results, p.RunID, "another digest", true)
	require.ErrorContains(t, err, "another configuration")
	require.NoError(t, os.MkdirAll(again.art.dir+previousSuffix, 0o755))
	fresh, err := newArtifacts(o.Results, p.RunID, p.Digest, false)
	require.NoError(t, err)
	assert.False(t, fresh.has(first))
	assert.DirExists(t, fresh.dir+previousSuffix)
	assert.DirExists(t, fresh.dir+incompleteSuffix)
	require.NoError(t, fresh.close())

	_, err = newArtifacts(t.TempDir(), p.RunID, p.Digest, true)
	require.ErrorContains(t, err, "run without -resume")
}

// A cell that fails is named, and nothing that was measured is lost.
func TestCellErrorIsLocated(t *testing.T) {
	r := openTest(t, smallH2A, testOptions(t))
	r.exp.Stacks["A"].Telemetry.Device = "nosuch0"
	dir := filepath.Join(t.TempDir(), "cell")
	require.NoError(t, measureCell(t, r, r.plan.Cells[0], dir), "telemetry that fails never stops a cell")
	pc := r.plan.Cells[0]
	c, err := loadCell(pc, dir, nil)
	require.NoError(t, err)
	ev := &Evidence{Exp: r.exp, Plan: r.plan, Cells: []*CellData{c}}
	g := ev.alignment()
	assert.False(t, g.Passed, "but its absence is Invalid")
	assert.Equal(t, verdict.Invalid, g.OnFailure)
	assert.Contains(t, g.Detail, "block of "+pc.Key)
}

// What the server says it runs with decides, not what the configuration says.
func TestTreatmentIsReadBack(t *testing.T) {
	r := openTest(t, smallH2A, testOptions(t))
	dir := filepath.Join(t.TempDir(), "cell")
	require.NoError(t, measureCell(t, r, r.plan.Cells[0], dir))
	c, err := loadCell(r.plan.Cells[0], dir, nil)
	require.NoError(t, err)
	ev := &Evidence{Exp: r.exp, Plan: r.plan, Cells: []*CellData{c}}
	require.True(t, ev.settings().Passed)
	half := *c.Info.Settings.KVPoolBytes / 2
	c.Info.Settings.KVPoolBytes = &half
	g := ev.settings()
	assert.False(t, g.Passed)
	assert.Contains(t, g.Detail, "8.00 GiB, configured are 16.00 GiB")
	c.Info.Settings.KVPoolBytes = nil
	assert.False(t, ev.settings().Passed, "not read back is not confirmed")
	require.NotNil(t, c.Info.Settings.BlockTokens)
}

// Both APIs and both dialects, and a constant open loop, end to end.
func TestDialectsAndLoops(t *testing.T) {
	for _, stack := range []string{"A", "B"} {
		for _, api := range []string{"completions", "chat"} {
			t.Run(stack+"/"+api, func(t *testing.T) {
				r := openTest(t, smallH2B, testOptions(t))
				r.exp.Stacks[stack].Endpoint.API = api
				r.exp.Hypothesis.Load.Nonce, r.exp.Hypothesis.Sweep.Arrivals = "per_request", "constant"
				pc, err := resolve(r.exp, record.NewCell("stack", stack, "ctx", 256, "rate", 0.5, "rep", 1), 1)
				require.NoError(t, err)
				dir := filepath.Join(t.TempDir(), "cell")
				require.NoError(t, measureCell(t, r, pc, dir))
				c, err := loadCell(pc, dir, nil)
				require.NoError(t, err)
				require.InDelta(t, 30, len(c.Requests), 2, "60 s at one request every 2 s")
				for _, q := range c.Requests {
					assert.Equal(t, record.RCOK, q.RC)
					assert.Positive(t, q.TTFT)
					require.NotNil(t, q.Prompt)
					assert.Equal(t, 256, *q.Prompt)
					assert.Equal(t, 16, q.Output)
					assert.NotNil(t, q.WaitMS, "each stack tells how long a request waited, in its own way")
				}
			})
		}
	}
}

// A treatment that does not reach the machine is found by what the NVMe read: with the page cache left as it
// was, the cold arm reads no adapter.
func TestColdNeedsTheDroppedCache(t *testing.T) {
	e, p := testPlan(t, smallH1, testOptions(t))
	for _, tc := range []struct {
		name string
		skip rig.Treatment
		code string
	}{{"as it should be", "", ""}, {"cache not dropped", rig.DropCaches, "cold_not_cold"}} {
		t.Run(tc.name, func(t *testing.T) {
			r := openTest(t, smallH1, testOptions(t))
			r.tools.skip = tc.skip
			ev := &Evidence{Exp: e, Plan: p}
			for _, pc := range r.plan.Cells[:2] {
				dir := filepath.Join(t.TempDir(), "cell")
				require.NoError(t, measureCell(t, r, pc, dir))
				c, err := loadCell(pc, dir, nil)
				require.NoError(t, err)
				ev.Cells = append(ev.Cells, c)
			}
			g := ev.AdapterReads(0.8, 0.1)
			assert.Equal(t, tc.code, g.Code, g.Detail)
			for _, c := range ev.Cells {
				first := 0
				for i := range c.Requests {
					if c.Requests[i].FirstTouch {
						first++
					}
				}
				assert.Equal(t, 4, first, "each adapter is touched first once")
			}
		})
	}
}
