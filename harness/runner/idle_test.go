package runner

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// In real time a plan without fio looks at the drive while the machine is idle anyway; where arms of fio are compared, the one without
// takes as long as the others, and in virtual time nothing is to be won.
func TestDriveIsWatchedWhileIdle(t *testing.T) {
	for _, tc := range []struct {
		name, clock string
		arms        int
		atOnce      bool
	}{
		{"no arm has fio", record.ClockReal, 1, true},
		{"arms of fio", record.ClockReal, 2, false},
		{"virtual time", record.ClockVirtual, 1, false},
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
			assert.Positive(t, idle)
			assert.Equal(t, tc.atOnce, treated == 0, "%v ms", treated)
		})
	}
}
