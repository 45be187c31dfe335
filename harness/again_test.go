package harness

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/telemetry"
	"sparkharness/harness/verdict"
)

// losing is a rig on which a share of the cells, drawn by the machine's seed, has no counters of its drive.
type losing struct {
	rig.Rig
	share float64
	salt  uint64
}

func (r losing) lost(pc record.PlannedCell) bool {
	return rand.New(rand.NewPCG(pc.MachineSeed, r.salt)).Float64() < r.share
}

// loses has the simulated rig lose the counters of a share of the cells of a plan, so that of as many as wanted.
func loses(t *testing.T, share float64, plan *record.Plan, want func(first, second []string) bool) (lost []string) {
	t.Helper()
	r := losing{share: share}
	for {
		var second []string
		lost, r.salt = nil, r.salt+1
		for _, pc := range plan.Cells {
			if !r.lost(pc) {
				continue
			}
			lost = append(lost, pc.Key)
			if r.lost(experiment.Again(pc, 1)) {
				second = append(second, pc.Key)
			}
		}
		if want(lost, second) {
			break
		}
		require.Less(t, r.salt, uint64(1000), "there is no such draw")
	}
	before := rigs[defaultRig]
	changed := before
	changed.open = func(t *testing.T, e *config.Experiment) (rig.Rig, error) {
		sim, err := simrig.New(t, e)
		return losing{sim, r.share, r.salt}, err
	}
	rigs[defaultRig] = changed
	t.Cleanup(func() { rigs[defaultRig] = before })
	return lost
}

func (r losing) Open(ctx context.Context, st *config.Stack) (rig.Machine, error) {
	m, err := r.Rig.Open(ctx, st)
	return &losingMachine{Machine: m, rig: r}, err
}

type losingMachine struct {
	rig.Machine
	rig  losing
	lost bool
}

func (m *losingMachine) Begin(ctx context.Context, pc record.PlannedCell) error {
	m.lost = m.rig.lost(pc)
	return m.Machine.Begin(ctx, pc)
}

func (m *losingMachine) Sources() rig.Sources {
	s := m.Machine.Sources()
	for i, src := range s.Sys {
		if m.lost && src.Name() == "block" {
			s.Sys[i] = lostSource{src}
		}
	}
	return s
}

type lostSource struct{ telemetry.SysSource }

func (lostSource) Sample(context.Context, *record.SysSample) error {
	return errors.New("no such device")
}

// sumsOf are the sums of a run's files, but of those that hold times of the wall clock.
func sumsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == record.FileManifest || d.Name() == record.FileAttempts {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out[name] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	}))
	return out
}

// Cells that lose their counters are measured again, and the run is no worse for it: its verdict follows from the lines, it
// is the same each time, it can be verified and resumed. An arm that loses more than its share keeps them, and the run is
// Invalid.
func TestFaultyCellsAreMeasuredAgain(t *testing.T) {
	o := testOptions(t)
	o.Quiet = false
	p := testPlan(t, smallH2A, o)
	lost := loses(t, 0.25, p.plan, func(first, second []string) bool { return len(first) == 1 && len(second) == 0 })
	rep, path := execute(t, smallH2A, o)
	require.NotNil(t, rep)
	dir := filepath.Dir(path)
	assert.Equal(t, []int{4, 4, 1}, []int{rep.CellsPlanned, rep.CellsMeasured, rep.CellsAgain})
	for _, g := range rep.Verdict.Gates {
		assert.NotEqual(t, verdict.Invalid, g.OnFailure, g.Detail)
	}
	require.Equal(t, "measured again", rep.Findings[0].Name)
	assert.Contains(t, rep.Findings[0].Detail, lost[0]+": alignment (coverage): source block filled 0.0 % of its slots")

	v := VerifyFolder([]Hypothesis{smallH2A}, dir)
	assert.Empty(t, v.Faults)
	sums := sumsOf(t, dir)
	assert.Contains(t, sums, filepath.Join(record.DirQuarantine, strings.ReplaceAll(lost[0], "/", ",")+".1", record.FileCell))
	o.Resume = true
	resumed, _ := execute(t, smallH2A, o)
	assert.Equal(t, rep, resumed)
	assert.Equal(t, sums, sumsOf(t, dir))
	o.Resume, o.Results = false, t.TempDir()
	_, path = execute(t, smallH2A, o)
	assert.Equal(t, sums, sumsOf(t, filepath.Dir(path)), "same seed, same bytes")
}

// Of an arm that loses the counters of more than its share, cells are left as they are: the run is Invalid.
func TestManyFaultyCellsEndInInvalid(t *testing.T) {
	o := testOptions(t)
	p := testPlan(t, smallH2A, o)
	loses(t, 0.5, p.plan, func(first, _ []string) bool { return len(first) == 2 })
	rep, _ := execute(t, smallH2A, o)
	require.NotNil(t, rep)
	assert.Equal(t, verdict.Invalid, rep.Verdict.Outcome)
	assert.Equal(t, 1, rep.CellsAgain, "one arm of four cells: a fifth of them, rounded up")
}

// A cell that was put aside without a fault that shows blindly was chosen by its outcome: that is a fault of the run.
func TestVerifyAsksWhyACellWasPutAside(t *testing.T) {
	o := testOptions(t)
	p := testPlan(t, smallH2A, o)
	dir := walk(t, p, o, new(atomic.Bool))
	pc := p.plan.Cells[0]
	log, err := record.OpenLog(dir)
	require.NoError(t, err)
	require.NoError(t, log.Quarantine(dir, pc.Cell, 1, "alignment (coverage): source block filled 0.0 % of its slots"))
	require.NoError(t, os.CopyFS(record.CellPath(dir, pc.Cell), os.DirFS(record.Path(dir, record.DirQuarantine, pc.Cell.Folder()+".1"))))
	require.NoError(t, log.Complete(pc.Key, record.CellPath(dir, pc.Cell)))
	require.NoError(t, log.Close())
	v := VerifyFolder([]Hypothesis{smallH2A}, dir)
	require.NotEmpty(t, v.Faults)
	assert.Contains(t, v.Faults[0], "ctx=256,conc=")
	assert.Contains(t, v.Faults[0], "no gate that is blind to the outcome is a reason to have measured it again")
}
