package evidence

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// gpuAt is a sample of a second in a phase.
func gpuAt(ts float64, phase string, util, clock *float64) *record.SysSample {
	return &record.SysSample{TS: ts, DtMS: 1000, Phase: phase, GPU: &record.GPU{Util: util, SMClockMHz: clock}}
}

func machineOf(t *testing.T, samples ...*record.SysSample) Machine {
	t.Helper()
	return loaded(t, samples...).Sys
}

// The clock is that of samples of the measure phase in which the GPU was busy for half of the time; ten seconds of them.
func TestBusyClock(t *testing.T) {
	samples := func(busy int, clock *float64) (out []*record.SysSample) {
		for i := range busy {
			out = append(out, gpuAt(float64(i+1), record.PhaseMeasure, ptr(50.0+float64(i)), clock))
		}
		return append(out, gpuAt(90, record.PhaseMeasure, ptr(49.9), ptr(208.0)), gpuAt(91, record.PhaseMeasure, nil, ptr(208.0)),
			gpuAt(92, record.PhaseDrain, ptr(100.0), ptr(100.0)), &record.SysSample{TS: 93, DtMS: 1000, Phase: record.PhaseMeasure})
	}
	m := machineOf(t, append(samples(10, ptr(2400.0)), gpuAt(80, record.PhaseMeasure, ptr(80.0), ptr(1300.0)))...)
	require.NotNil(t, m.BusyClockMHz)
	assert.InDelta(t, 2300, *m.BusyClockMHz, 1e-9, "ten at 2400, one at 1300")
	assert.NotNil(t, machineOf(t, samples(10, ptr(2400.0))...).BusyClockMHz)
	assert.Nil(t, machineOf(t, samples(9, ptr(2400.0))...).BusyClockMHz, "too rarely busy")
	assert.Nil(t, machineOf(t, samples(20, nil)...).BusyClockMHz, "not told")
	assert.Nil(t, m.MaxClockMHz, "not told")
	fast := gpuAt(1, record.PhaseMeasure, ptr(1.0), ptr(208.0))
	fast.GPU.SMClockMaxMHz = ptr(3003.0)
	assert.Equal(t, ptr(3003.0), machineOf(t, fast).MaxClockMHz)
}

// What samples tell of throttling and swap is counted: null is not off.
func TestWhatIsToldIsCounted(t *testing.T) {
	off, on := false, true
	gpu := func(v *bool) *record.SysSample {
		return &record.SysSample{Phase: record.PhaseMeasure, GPU: &record.GPU{Throttled: v}}
	}
	mem := func(v *float64) *record.SysSample {
		return &record.SysSample{Phase: record.PhaseMeasure, Mem: &record.Mem{SwapTotal: v}}
	}
	m := machineOf(t, gpu(nil), gpu(&off), gpu(&on), mem(nil), mem(new(float64)), &record.SysSample{Phase: record.PhaseDrain})
	assert.Equal(t, []int{6, 2, 1, 1}, []int{m.Samples, m.ThrottleTold, m.Throttle, m.SwapTold})
	assert.False(t, m.SwapOn)
	m = machineOf(t, mem(ptr(1e9)), mem(new(float64)))
	assert.Equal(t, 2, m.SwapTold)
	assert.True(t, m.SwapOn)
}

// The machine's own idle is the median of the baselines, reads and writes; one that was not watched is none.
func TestIdleIOs(t *testing.T) {
	ev := repetitions()
	assert.Nil(t, ev.IdleIOs().Of(ev.Cells[0]))
	for i, ios := range []float64{300, 30, 0} {
		b := &ev.Cells[i].Sys.Baseline
		b.ReadIOs, b.WriteIOs, b.NVMeSeconds = ios/3, ios*2/3, 10
	}
	assert.Equal(t, ptr(3.0), ev.IdleIOs().Of(ev.Cells[0]), "a disturbed one does not count")
	ev.Cells[1].Sys.Baseline.NVMeSeconds = 0
	assert.Equal(t, ptr(15.0), ev.IdleIOs().Of(ev.Cells[0]))
	assert.Nil(t, ev.Cells[1].Sys.Baseline.IOs())

	ev.Cells[0].Drive, ev.Cells[2].Drive = "A", "B"
	assert.Equal(t, []*float64{ptr(30.0), nil, ptr(0.0)}, []*float64{ev.IdleIOs().Of(ev.Cells[0]), ev.IdleIOs().Of(ev.Cells[1]), ev.IdleIOs().Of(ev.Cells[2])},
		"each drive has its own")
}
