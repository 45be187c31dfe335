package runner

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// In real time the drive is watched while the machine is idle anyway, and in a plan without fio all that it is watched; where arms of fio are
// compared, the one without takes as long as the others, and a sample ends before fio starts. In virtual time nothing is to be won.
func TestDriveIsWatchedWhileIdle(t *testing.T) {
	for _, tc := range []struct {
		name, clock string
		arms        int
		treated     float64
	}{
		{"no arm has fio", record.ClockReal, 1, 0},
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
			assert.InDelta(t, time.Duration(o.Exp.Hypothesis.Run.Baseline).Seconds(), idle/1000, 1.1)
		})
	}
}
