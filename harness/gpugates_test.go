package harness

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/telemetry"
	"sparkharness/harness/verdict"
)

// otherGPU is a rig whose GPU tells something else than the simulated one does.
type otherGPU struct {
	rig.Rig
	tells func(pc record.PlannedCell, g *record.GPU)
}

func (r otherGPU) Open(ctx context.Context, st *config.Stack) (rig.Machine, error) {
	m, err := r.Rig.Open(ctx, st)
	return &otherGPUMachine{Machine: m, rig: r}, err
}

type otherGPUMachine struct {
	rig.Machine
	rig otherGPU
	pc  record.PlannedCell
}

func (m *otherGPUMachine) Begin(ctx context.Context, pc record.PlannedCell) error {
	m.pc = pc
	return m.Machine.Begin(ctx, pc)
}

func (m *otherGPUMachine) Sources() rig.Sources {
	s := m.Machine.Sources()
	for i, src := range s.Sys {
		if src.Name() == "gpu" {
			s.Sys[i] = otherGPUSource{src, m}
		}
	}
	return s
}

type otherGPUSource struct {
	telemetry.SysSource
	of *otherGPUMachine
}

func (s otherGPUSource) Sample(ctx context.Context, sample *record.SysSample) error {
	err := s.SysSource.Sample(ctx, sample)
	if sample.GPU != nil {
		s.of.rig.tells(s.of.pc, sample.GPU)
	}
	return err
}

// What the GPU of a whole run tells decides what is believed of it: clocks that differ between the arms, or reasons of
// throttling that nobody told, end in Inconclusive.
func TestWhatTheGPUTellsIsAskedFor(t *testing.T) {
	slower := func(share float64) func(record.PlannedCell, *record.GPU) {
		return func(pc record.PlannedCell, g *record.GPU) {
			if pc.Phase == record.ArmCold {
				g.SMClockMHz = new(*g.SMClockMHz * share)
			}
		}
	}
	for _, tc := range []struct {
		name       string
		tells      func(record.PlannedCell, *record.GPU)
		gate, code string // that fails, "" for none
		says       string
	}{
		{"a cold arm that is 2 % slower", slower(0.98), "clocks", "", "2401 MHz in phase=cold"},
		{"a cold arm that is 4 % slower", slower(0.96), "clocks", "clocks_differ", "2352 MHz in phase=cold"},
		{"no clocks", func(_ record.PlannedCell, g *record.GPU) { g.SMClockMHz = nil }, "clocks", "", "unknown in all cells"},
		{"no reasons of throttling", func(_ record.PlannedCell, g *record.GPU) { g.Throttled = nil }, "environment", "throttle_unknown", "0 % of the samples tell"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := rigs[defaultRig]
			changed := before
			changed.open = func(t *testing.T, e *config.Experiment) (rig.Rig, error) {
				sim, err := simrig.New(t, e)
				return otherGPU{sim, tc.tells}, err
			}
			rigs[defaultRig] = changed
			t.Cleanup(func() { rigs[defaultRig] = before })
			o := testOptions(t)
			rep, _ := execute(t, smallH1, o)
			require.NotNil(t, rep)
			var found gate.Gate
			for _, g := range rep.Verdict.Gates {
				if g.Name == tc.gate {
					found = g
				}
			}
			assert.Equal(t, tc.code, found.Code, found.Detail)
			assert.Contains(t, found.Detail, tc.says)
			if tc.code != "" {
				assert.Equal(t, verdict.Inconclusive, found.OnFailure)
				assert.Equal(t, verdict.Inconclusive, rep.Verdict.Outcome)
			}
		})
	}
}
