package runner

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// In real time the drive is watched while the machine is idle anyway, and in a plan without fio all that it is watched; where arms of fio are
// compared, the one without takes as long as the others, and a sample ends before fio starts. In virtual time nothing is to be won.
func TestDriveIsWatchedWhileIdle(t *testing.T) {
	for _, tc := range []struct {
		name, clock string
		arms        int
		treated     float64
	}{
		{"no arm has fio", record.ClockReal, 1, 1},
		{"arms of fio", record.ClockReal, 2, 6},
		{"virtual time", record.ClockVirtual, 1, 11},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := short(t, "H4B")
			o.Exp.Hypothesis.Sweep.Fio = o.Exp.Hypothesis.Sweep.Fio[:tc.arms]
			o.Plan.Facts.Clock = tc.clock
			require.Equal(t, "none", o.Plan.Cells[0].Fio)
			info, samples := measuredCell(t, o)
			require.NotNil(t, info.Fio)
			assert.Empty(t, info.Fio.Jobs)
			assert.NotNil(t, info.Fio.DriveReadBytes, "looked at in any case")
			var idle, treated float64
			for _, s := range samples {
				switch s.Phase {
				case record.PhaseBaseline:
					idle += s.DtMS
				case record.PhaseTreat:
					treated += s.DtMS
				}
			}
			assert.InDelta(t, tc.treated, treated/1000, 0.6, "s that are no baseline")
			assert.InDelta(t, time.Duration(o.Exp.Hypothesis.Run.Baseline).Seconds(), idle/1000, 1.1) // of a sample that is due at its end nobody knows
		})
	}
}

// mute is a rig whose machines do not say when fio begins, or fail at it. It keeps how long a cell went on then.
type mute struct {
	rig.Rig
	fails  error
	lasted time.Duration
}

type muteMachine struct {
	rig.Machine
	of      *mute
	applied time.Time
}

func (r *mute) Open(ctx context.Context, st *config.Stack) (rig.Machine, error) {
	m, err := r.Rig.Open(ctx, st)
	return &muteMachine{Machine: m, of: r}, err
}

func (m *muteMachine) Apply(ctx context.Context, t rig.Treatment) (rig.Applied, error) {
	if t.Kind != rig.Fio {
		return m.Machine.Apply(ctx, t)
	}
	m.applied, t.Begins = time.Now(), nil
	if m.of.fails != nil {
		return rig.Applied{}, m.of.fails
	}
	return m.Machine.Apply(ctx, t)
}

func (m *muteMachine) Close() error {
	m.of.lasted = time.Since(m.applied)
	return m.Machine.Close()
}

// A machine that starts fio in the baseline fails the cell, and one that cannot start it fails it at once.
func TestBaselineIsNotLoaded(t *testing.T) {
	for _, fails := range []error{nil, errors.New("no fio here")} {
		o := short(t, "H4B")
		o.Plan.Facts.Clock = record.ClockReal
		o.Exp.Hypothesis.Run.Baseline = config.Duration(time.Hour)
		of := &mute{Rig: o.Rig, fails: fails}
		o.Rig = of
		r := opened(t, o)
		pc := r.o.Plan.Cells[0]
		dir, err := r.art.begin(pc)
		require.NoError(t, err)
		err = measureCell(t, r, pc, dir, nil)
		if fails == nil {
			require.ErrorContains(t, err, "began in the baseline: rig sim does not say when it begins")
		} else {
			require.ErrorIs(t, err, fails)
		}
		assert.Less(t, of.lasted, time.Minute, "nobody waits for the end of the baseline")
		require.NoError(t, r.Close())
	}
}
