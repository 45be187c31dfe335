package evidence

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// accountEvidence is one group of a stack with a KV manager: three repetitions, of each the drive moved
// 10 GB out and 8 GB in during 300 s, of which 2 GB and 1 GB are its idle traffic (0.2 GB and 0.1 GB in 30 s),
// 3 GB and 2 GB are fio's, and 4 GB and 5.5 GB the KV manager's.
func accountEvidence() *Evidence {
	ev := repetitions()
	for _, c := range ev.Cells {
		m, b := &c.Sys.Measure, &c.Sys.Baseline
		m.NVMeSeconds, m.ReadBytes, m.WriteBytes = 300, 10e9, 8e9
		b.NVMeSeconds, b.ReadBytes, b.WriteBytes = 30, 0.2e9, 0.1e9
		m.FioReadBytes, m.FioWriteBytes = ptr(3e9), ptr(2e9)
		c.KV = &KVCounters{Samples: 5, Tier2Spread: ptr(4e9), Tier2BytesIn: ptr(5.5e9)}
	}
	return ev
}

func TestAccounts(t *testing.T) {
	for _, tc := range []struct {
		name        string
		change      func(ev *Evidence)
		read, write Account
	}{
		{"all that there is", func(*Evidence) {},
			Account{DeviceGB: 30, IdleGB: 6, FioGB: ptr(9.0), KVGB: ptr(12.0), ResidualGB: ptr(3.0), ResidualPct: ptr(10.0)},
			Account{DeviceGB: 24, IdleGB: 3, FioGB: ptr(6.0), KVGB: ptr(16.5), ResidualGB: ptr(-1.5), ResidualPct: ptr(-6.25)}},
		{"no fio", func(ev *Evidence) {
			for _, c := range ev.Cells {
				c.Sys.Measure.FioReadBytes, c.Sys.Measure.FioWriteBytes = nil, nil
			}
		},
			Account{DeviceGB: 30, IdleGB: 6, KVGB: ptr(12.0), ResidualGB: ptr(12.0), ResidualPct: ptr(40.0)},
			Account{DeviceGB: 24, IdleGB: 3, KVGB: ptr(16.5), ResidualGB: ptr(4.5), ResidualPct: ptr(18.75)}},
		{"a probe", func(ev *Evidence) {
			for _, c := range ev.Cells { // half of the idle reads, and 0.5 GB of each measure phase
				c.Info.Probe = &record.ProbeRun{Bytes: 1e5}
				c.Sys.Baseline.ProbeReads, c.Sys.Measure.ProbeReads = 1000, 5000
			}
		},
			Account{DeviceGB: 30, IdleGB: 3, FioGB: ptr(9.0), ProbeGB: ptr(1.5), KVGB: ptr(12.0), ResidualGB: ptr(4.5), ResidualPct: ptr(15.0)},
			Account{DeviceGB: 24, IdleGB: 3, FioGB: ptr(6.0), KVGB: ptr(16.5), ResidualGB: ptr(-1.5), ResidualPct: ptr(-6.25)}},
		{"fio that moved nothing", func(ev *Evidence) {
			for _, c := range ev.Cells {
				c.Sys.Measure.FioReadBytes, c.Sys.Measure.FioWriteBytes = ptr(0.0), ptr(0.0)
			}
		},
			Account{DeviceGB: 30, IdleGB: 6, FioGB: ptr(0.0), KVGB: ptr(12.0), ResidualGB: ptr(12.0), ResidualPct: ptr(40.0)},
			Account{DeviceGB: 24, IdleGB: 3, FioGB: ptr(0.0), KVGB: ptr(16.5), ResidualGB: ptr(4.5), ResidualPct: ptr(18.75)}},
		{"KV counters of reads alone", func(ev *Evidence) { ev.Cells[1].KV.Tier2BytesIn = nil },
			Account{DeviceGB: 30, IdleGB: 6, FioGB: ptr(9.0), KVGB: ptr(12.0), ResidualGB: ptr(3.0), ResidualPct: ptr(10.0)},
			Account{DeviceGB: 24, IdleGB: 3, FioGB: ptr(6.0)}},
		{"KV counters of writes alone", func(ev *Evidence) { ev.Cells[2].KV.Tier2Spread = nil },
			Account{DeviceGB: 30, IdleGB: 6, FioGB: ptr(9.0)},
			Account{DeviceGB: 24, IdleGB: 3, FioGB: ptr(6.0), KVGB: ptr(16.5), ResidualGB: ptr(-1.5), ResidualPct: ptr(-6.25)}},
		{"no baseline", func(ev *Evidence) {
			for _, c := range ev.Cells {
				c.Sys.Baseline.NVMeSeconds = 0
			}
		},
			Account{DeviceGB: 30, FioGB: ptr(9.0), KVGB: ptr(12.0), ResidualGB: ptr(9.0), ResidualPct: ptr(30.0)},
			Account{DeviceGB: 24, FioGB: ptr(6.0), KVGB: ptr(16.5), ResidualGB: ptr(1.5), ResidualPct: ptr(6.25)}},
		{"a drive that moved nothing", func(ev *Evidence) {
			for _, c := range ev.Cells {
				c.Sys.Measure.ReadBytes, c.Sys.Measure.WriteBytes, c.Sys.Baseline.ReadBytes, c.Sys.Baseline.WriteBytes = 0, 0, 0, 0
			}
		},
			Account{FioGB: ptr(9.0), KVGB: ptr(12.0), ResidualGB: ptr(-21.0)},
			Account{FioGB: ptr(6.0), KVGB: ptr(16.5), ResidualGB: ptr(-22.5)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := accountEvidence()
			tc.change(ev)
			got := ev.Accounts(ev.Groups())
			require.Len(t, got, 2)
			tc.read.Cell, tc.read.Direction = "ctx=1000/conc=4", "read"
			tc.write.Cell, tc.write.Direction = "ctx=1000/conc=4", "write"
			equalAccount(t, tc.read, got[0])
			equalAccount(t, tc.write, got[1])
		})
	}
}

// equalAccount compares but for the rounding of sums.
func equalAccount(t *testing.T, want, got Account) {
	t.Helper()
	assert.Equal(t, []string{want.Cell, want.Direction}, []string{got.Cell, got.Direction})
	for _, f := range []struct {
		name      string
		want, got *float64
	}{{"device", &want.DeviceGB, &got.DeviceGB}, {"idle", &want.IdleGB, &got.IdleGB}, {"fio", want.FioGB, got.FioGB}, {"probe", want.ProbeGB, got.ProbeGB},
		{"KV", want.KVGB, got.KVGB}, {"residual", want.ResidualGB, got.ResidualGB}, {"percent", want.ResidualPct, got.ResidualPct}} {
		if f.want == nil || f.got == nil {
			assert.Equal(t, f.want, f.got, "%s, %s", got.Direction, f.name)
			continue
		}
		assert.InDelta(t, *f.want, *f.got, 1e-9, "%s, %s", got.Direction, f.name)
	}
}

// Whatever was moved, the parts and the residual are the device's bytes, and the percentage is theirs.
func TestAccountsClose(t *testing.T) {
	ev := accountEvidence()
	for i, c := range ev.Cells {
		k := float64(i*i + 1)
		c.Sys.Measure.ReadBytes *= k
		c.Sys.Measure.NVMeSeconds += 7 * k
		c.Sys.Baseline.WriteBytes /= k
		*c.Sys.Measure.FioReadBytes *= 3 * k
		*c.KV.Tier2BytesIn *= k / 5
	}
	ev.Cells[1].Sys.Measure.FioWriteBytes = nil
	for _, a := range ev.Accounts(ev.Groups()) {
		require.NotNil(t, a.ResidualGB)
		assert.InDelta(t, a.DeviceGB, a.IdleGB+*a.FioGB+*a.KVGB+*a.ResidualGB, 1e-9, a.Direction)
		assert.InDelta(t, *a.ResidualGB, a.DeviceGB**a.ResidualPct/100, 1e-9, a.Direction)
	}
}

// A stack without a KV manager has no accounts; each group of one with it has two.
func TestAccountsOfStacks(t *testing.T) {
	assert.Empty(t, repetitions().Accounts(repetitions().Groups()))

	ev := accountEvidence()
	other := accountEvidence()
	for _, c := range other.Cells {
		c.Cell = c.Cell.Without("conc")
		c.Key, c.KV = c.Cell.String(), nil
	}
	ev.Cells = append(ev.Cells, other.Cells...)
	groups := ev.Groups()
	require.Len(t, groups, 2)
	got := ev.Accounts(groups)
	require.Len(t, got, 2)
	assert.Equal(t, "ctx=1000/conc=4", got[0].Cell)
}
