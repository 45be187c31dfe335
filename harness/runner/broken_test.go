package runner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// tended is a rig whose machine breaks in a way that a test chooses, and that sees whether it was left as it was.
type tended struct {
	rig.Rig
	begin  func(context.Context) error   // beside the machine's own
	apply  func(kind string)             // after the treatment
	undo   func(kind string) error       // of each treatment
	reads  func()                        // before what the machine runs with is read back
	sample func(*record.SysSample) error // one source more
	render func() error                  // before each sample, instead of what brings the machine's files up to date
	undone []string                      // kinds of treatments, in order
	closed int                           // machines
	drive  *record.Drive                 // of its sources
}

func (r *tended) Open(ctx context.Context, st *config.Stack) (rig.Machine, error) {
	m, err := r.Rig.Open(ctx, st)
	return &tendedMachine{m, r}, err
}

type tendedMachine struct {
	rig.Machine
	rig *tended
}

func (m *tendedMachine) Begin(ctx context.Context, pc record.PlannedCell) error {
	if err := m.Machine.Begin(ctx, pc); err != nil || m.rig.begin == nil {
		return err
	}
	return m.rig.begin(ctx)
}

func (m *tendedMachine) Apply(ctx context.Context, t rig.Treatment) (rig.Applied, error) {
	done, err := m.Machine.Apply(ctx, t)
	if m.rig.apply != nil {
		m.rig.apply(t.Kind)
	}
	own := done.Undo
	done.Undo = func(ctx context.Context) error {
		m.rig.undone = append(m.rig.undone, t.Kind)
		if m.rig.undo != nil {
			if err := m.rig.undo(t.Kind); err != nil {
				return err
			}
		}
		if own != nil {
			return own(ctx)
		}
		return nil
	}
	return done, err
}

func (m *tendedMachine) ReadBack(ctx context.Context) (record.Settings, error) {
	if m.rig.reads != nil {
		m.rig.reads()
	}
	return m.Machine.ReadBack(ctx)
}

func (m *tendedMachine) Sources() rig.Sources {
	s := m.Machine.Sources()
	if m.rig.sample != nil {
		s.Sys = append(s.Sys, sampled(m.rig.sample))
	}
	if m.rig.render != nil {
		s.Refresh = func(context.Context) error { return m.rig.render() }
	}
	if m.rig.drive != nil {
		s.Drive = m.rig.drive
	}
	return s
}

func (m *tendedMachine) Close() error {
	m.rig.closed++
	return m.Machine.Close()
}

// sampled is a source of nothing.
type sampled func(*record.SysSample) error

func (sampled) Name() string                                          { return "sampled" }
func (f sampled) Sample(_ context.Context, s *record.SysSample) error { return f(s) }

// brokenCell measures the first cold cell of H1, in which the page cache is dropped and the server restarted, on a rig
// that breaks, and returns what became of it and its folder.
func brokenCell(t *testing.T, o Options, r *tended) (dir string, err error) {
	t.Helper()
	r.Rig = o.Rig
	o.Rig = r
	run := opened(t, o)
	t.Cleanup(func() { assert.NoError(t, run.Close()) })
	for _, pc := range run.o.Plan.Cells {
		if pc.Phase == record.ArmCold {
			dir, err = run.art.begin(pc)
			require.NoError(t, err)
			return dir, measureCell(t, run, pc, dir, nil)
		}
	}
	t.Fatal("no cold cell")
	return "", nil
}

// wholeLines counts the lines of a cell's file, which must all be whole.
func wholeLines(t *testing.T, dir, name string) int {
	t.Helper()
	n := 0
	torn, err := record.ReadLines(filepath.Join(dir, name), func([]byte) error { n++; return nil })
	require.NoError(t, err)
	assert.False(t, torn)
	return n
}

// Whatever breaks in a cell, its lines are on disk, its treatments are undone, the machine is closed, and the error says
// what broke and where.
func TestPanicLeavesEverythingInOrder(t *testing.T) {
	for _, tc := range []struct {
		name   string
		rig    tended
		undone []string
		lines  int // at least, of the machine's samples
	}{
		{"before there are lines", tended{reads: func() { panic("broken") }}, nil, 0},
		{"in the runner", tended{apply: func(kind string) {
			if kind == rig.Restart {
				panic("broken")
			}
		}}, []string{rig.DropCaches}, 0},
		{"in a source", tended{sample: func() func(*record.SysSample) error {
			n := 0
			return func(*record.SysSample) error {
				if n++; n == 30 {
					panic("broken")
				}
				return nil
			}
		}()}, nil, 20},
		{"when a treatment is undone", tended{undo: func(kind string) error {
			if kind == rig.Restart {
				panic("broken")
			}
			return nil
		}}, []string{rig.Restart, rig.DropCaches}, 50},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, err := brokenCell(t, short(t, "H1"), &tc.rig)
			broke, ok := errors.AsType[*PanicError](err)
			require.True(t, ok, err)
			assert.Equal(t, "broken", broke.Value)
			assert.Contains(t, string(broke.Stack), "broken_test.go", "where")
			assert.Subset(t, tc.rig.undone, tc.undone)
			assert.Equal(t, 1, tc.rig.closed)
			if tc.lines > 0 {
				assert.GreaterOrEqual(t, wholeLines(t, dir, record.FileSysmon), tc.lines)
			}
			assert.NoFileExists(t, filepath.Join(dir, record.FileCell), "it is not complete")
		})
	}
}

// A cell whose samples cannot be brought up to date has failed: that is the rig's fault, of which a gate knows nothing.
func TestFailedRefreshFailsTheCell(t *testing.T) {
	full := errors.New("no space left on device")
	n := 0
	r := tended{render: func() error {
		if n++; n > 30 {
			return full
		}
		return nil
	}}
	dir, err := brokenCell(t, short(t, "H1"), &r)
	require.ErrorIs(t, err, full)
	assert.Equal(t, 31, n, "and ends there")
	assert.Equal(t, 1, r.closed)
	assert.NoFileExists(t, filepath.Join(dir, record.FileCell), "it is not complete")
}

// A rig that cannot be prepared is told before an earlier run is set aside.
func TestRigIsPreparedFirst(t *testing.T) {
	o := short(t, "H2A")
	require.NoError(t, opened(t, o).Close())
	before := names(t, o.Dir)
	full := errors.New("no space left on device")
	o.Rig = unprepared{o.Rig, full}
	_, err := Open(o)
	require.ErrorIs(t, err, full)
	assert.Equal(t, before, names(t, o.Dir))
}

// A rig that is prepared for minutes ends when the run is to stop, and an earlier run is not set aside.
func TestInterruptEndsPreparing(t *testing.T) {
	o := short(t, "H2A")
	require.NoError(t, opened(t, o).Close())
	before := names(t, o.Dir)
	for _, ends := range []error{context.Canceled, nil} {
		o.Stop.Store(false)
		o.Rig = preparing{o.Rig, o.Stop, ends}
		_, err := Open(o)
		require.ErrorIs(t, err, rig.ErrSkipped)
		assert.Equal(t, before, names(t, o.Dir))
	}
}

// preparing is a rig that stops the run while it is prepared, and is so until its context ends.
type preparing struct {
	rig.Rig
	stop *atomic.Bool
	ends error
}

func (p preparing) Prepare(ctx context.Context) error {
	p.stop.Store(true)
	select {
	case <-ctx.Done():
		return p.ends
	case <-time.After(20 * time.Second):
		return errors.New("it was not told that its context has ended")
	}
}

type unprepared struct {
	rig.Rig
	err error
}

func (u unprepared) Prepare(context.Context) error { return u.err }

// An interrupt undoes what the cell has done to the machine, wherever in the cell it comes.
func TestInterruptUndoes(t *testing.T) {
	t.Run("under load", func(t *testing.T) {
		o := short(t, "H1")
		r := &tended{apply: func(kind string) {
			if kind == rig.Restart {
				time.AfterFunc(20*time.Second, func() { o.Stop.Store(true) })
			}
		}}
		dir, err := brokenCell(t, o, r)
		require.ErrorIs(t, err, errInterrupted)
		assert.Equal(t, []string{rig.Restart, rig.DropCaches}, r.undone)
		assert.Equal(t, 1, r.closed)
		assert.Positive(t, wholeLines(t, dir, record.FileSysmon))
	})
	t.Run("while the machine is brought up", func(t *testing.T) {
		o := short(t, "H1")
		r := &tended{begin: func(ctx context.Context) error {
			o.Stop.Store(true)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Hour):
				return errors.New("an hour later it is up")
			}
		}}
		_, err := brokenCell(t, o, r)
		require.ErrorIs(t, err, errInterrupted)
		assert.Equal(t, 1, r.closed)
	})
}

// A machine that is not as it was before is told of, also where the run was interrupted.
func TestNotUndoneIsTold(t *testing.T) {
	o := short(t, "H1")
	r := &tended{
		apply: func(string) { o.Stop.Store(true) },
		undo:  func(string) error { return errors.New("it does not come up") },
	}
	_, err := brokenCell(t, o, r)
	require.ErrorIs(t, err, errInterrupted)
	require.ErrorIs(t, err, errNotUndone)
	assert.ErrorContains(t, err, "it does not come up")

	run, _ := walked(t)
	assert.Equal(t, rig.ErrSkipped, run.done(record.PlannedCell{}, 0, errInterrupted))
	assert.False(t, run.Failed())
	assert.Equal(t, err, run.done(record.PlannedCell{}, 0, err))
	assert.True(t, run.Failed())
}

// Once the run is to stop, an earlier one stays where it is.
func TestStoppedRunSetsNothingAside(t *testing.T) {
	o := short(t, "H1")
	require.NoError(t, opened(t, o).Close())
	o.Stop.Store(true)
	_, err := Open(o)
	require.ErrorIs(t, err, rig.ErrSkipped)
	left, err := os.ReadDir(o.Dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
	assert.Equal(t, o.Plan.RunID, left[0].Name())
}
