package harness

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/report"
)

// accountEvidence is one group of a stack with a KV manager: three repetitions, of each the drive moved
// 10 GB out and 8 GB in during 300 s, of which 2 GB and 1 GB are its idle traffic (0.2 GB and 0.1 GB in 30 s),
// 3 GB and 2 GB are fio's, and 4 GB and 5.5 GB the KV manager's.
func accountEvidence() *Evidence {
	ev := goodEvidence()
	for _, c := range ev.Cells {
		m, b := &c.Sys.Measure, &c.Sys.Baseline
		m.NVMeSeconds, m.ReadBytes, m.WriteBytes = 300, 10e9, 8e9
		b.NVMeSeconds, b.ReadBytes, b.WriteBytes = 30, 0.2e9, 0.1e9
		m.FioReadBytes, m.FioWriteBytes = ptr(3e9), ptr(2e9)
		c.KV = &KVData{Samples: 5, Tier2Spread: ptr(4e9), Tier2BytesIn: ptr(5.5e9)}
	}
	return ev
}

func TestAccounts(t *testing.T) {
	for _, tc := range []struct {
		name        string
		change      func(ev *Evidence)
		read, write report.Account
	}{
		{"all that there is", func(*Evidence) {},
			report.Account{DeviceGB: 30, IdleGB: 6, FioGB: ptr(9.0), KVGB: ptr(12.0), ResidualGB: ptr(3.0), ResidualPct: ptr(10.0)},
			report.Account{DeviceGB: 24, IdleGB: 3, FioGB: ptr(6.0), KVGB: ptr(16.5), ResidualGB: ptr(-1.5), ResidualPct: ptr(-6.25)}},
		{"no fio", func(ev *Evidence) {
			for _, c := range ev.Cells {
				c.Sys.Measure.FioReadBytes, c.Sys.Measure.FioWriteBytes = nil, nil
			}
		},
			report.Account{DeviceGB: 30, IdleGB: 6, KVGB: ptr(12.0), ResidualGB: ptr(12.0), ResidualPct: ptr(40.0)},
			report.Account{DeviceGB: 24, IdleGB: 3, KVGB: ptr(16.5), ResidualGB: ptr(4.5), ResidualPct: ptr(18.75)}},
		{"fio that moved nothing", func(ev *Evidence) {
			for _, c := range ev.Cells {
				c.Sys.Measure.FioReadBytes, c.Sys.Measure.FioWriteBytes = ptr(0.0), ptr(0.0)
			}
		},
			report.Account{DeviceGB: 30, IdleGB: 6, FioGB: ptr(0.0), KVGB: ptr(12.0), ResidualGB: ptr(12.0), ResidualPct: ptr(40.0)},
			report.Account{DeviceGB: 24, IdleGB: 3, FioGB: ptr(0.0), KVGB: ptr(16.5), ResidualGB: ptr(4.5), ResidualPct: ptr(18.75)}},
		{"KV counters of reads alone", func(ev *Evidence) { ev.Cells[1].KV.Tier2BytesIn = nil },
			report.Account{DeviceGB: 30, IdleGB: 6, FioGB: ptr(9.0), KVGB: ptr(12.0), ResidualGB: ptr(3.0), ResidualPct: ptr(10.0)},
			report.Account{DeviceGB: 24, IdleGB: 3, FioGB: ptr(6.0)}},
		{"KV counters of writes alone", func(ev *Evidence) { ev.Cells[2].KV.Tier2Spread = nil },
			report.Account{DeviceGB: 30, IdleGB: 6, FioGB: ptr(9.0)},
			report.Account{DeviceGB: 24, IdleGB: 3, FioGB: ptr(6.0), KVGB: ptr(16.5), ResidualGB: ptr(-1.5), ResidualPct: ptr(-6.25)}},
		{"no baseline", func(ev *Evidence) {
			for _, c := range ev.Cells {
				c.Sys.Baseline.NVMeSeconds = 0
			}
		},
			report.Account{DeviceGB: 30, FioGB: ptr(9.0), KVGB: ptr(12.0), ResidualGB: ptr(9.0), ResidualPct: ptr(30.0)},
			report.Account{DeviceGB: 24, FioGB: ptr(6.0), KVGB: ptr(16.5), ResidualGB: ptr(1.5), ResidualPct: ptr(6.25)}},
		{"a drive that moved nothing", func(ev *Evidence) {
			for _, c := range ev.Cells {
				c.Sys.Measure.ReadBytes, c.Sys.Measure.WriteBytes, c.Sys.Baseline.ReadBytes, c.Sys.Baseline.WriteBytes = 0, 0, 0, 0
			}
		},
			report.Account{FioGB: ptr(9.0), KVGB: ptr(12.0), ResidualGB: ptr(-21.0)},
			report.Account{FioGB: ptr(6.0), KVGB: ptr(16.5), ResidualGB: ptr(-22.5)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := accountEvidence()
			tc.change(ev)
			got := ev.accounts(ev.Groups())
			require.Len(t, got, 2)
			tc.read.Cell, tc.read.Direction = "ctx=1000/conc=4", "read"
			tc.write.Cell, tc.write.Direction = "ctx=1000/conc=4", "write"
			equalAccount(t, tc.read, got[0])
			equalAccount(t, tc.write, got[1])
		})
	}
}

// equalAccount compares but for the rounding of sums.
func equalAccount(t *testing.T, want, got report.Account) {
	t.Helper()
	assert.Equal(t, []string{want.Cell, want.Direction}, []string{got.Cell, got.Direction})
	for _, f := range []struct {
		name      string
		want, got *float64
	}{{"device", &want.DeviceGB, &got.DeviceGB}, {"idle", &want.IdleGB, &got.IdleGB}, {"fio", want.FioGB, got.FioGB},
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
	for _, a := range ev.accounts(ev.Groups()) {
		require.NotNil(t, a.ResidualGB)
		assert.InDelta(t, a.DeviceGB, a.IdleGB+*a.FioGB+*a.KVGB+*a.ResidualGB, 1e-9, a.Direction)
		assert.InDelta(t, *a.ResidualGB, a.DeviceGB**a.ResidualPct/100, 1e-9, a.Direction)
	}
}

// A stack without a KV manager has no accounts; each group of one with it has two.
func TestAccountsOfStacks(t *testing.T) {
	assert.Empty(t, goodEvidence().accounts(goodEvidence().Groups()))

	ev := accountEvidence()
	other := accountEvidence()
	for _, c := range other.Cells {
		c.Cell = c.Cell.Without(factorConc)
		c.Key, c.KV = c.Cell.String(), nil
	}
	ev.Cells = append(ev.Cells, other.Cells...)
	groups := ev.Groups()
	require.Len(t, groups, 2)
	got := ev.accounts(groups)
	require.Len(t, got, 2)
	assert.Equal(t, "ctx=1000/conc=4", got[0].Cell)
}

func TestLargestResidual(t *testing.T) {
	account := func(cell string, kv, pct *float64) report.Account {
		return report.Account{Cell: cell, Direction: "read", DeviceGB: 12, KVGB: kv, ResidualPct: pct}
	}
	for _, tc := range []struct {
		name   string
		all    []report.Account
		value  *float64 // nil: no finding
		detail string
	}{
		{"none", nil, nil, ""},
		{"none with KV counters", []report.Account{account("a", nil, nil), account("b", nil, ptr(40.0))}, nil, ""},
		{"too little KV traffic", []report.Account{account("a", ptr(9.9), ptr(40.0))}, nil, ""},
		{"a drive that moved nothing", []report.Account{account("a", ptr(20.0), nil)}, nil, ""},
		{"ten gigabytes are enough", []report.Account{account("a", ptr(10.0), ptr(4.0))}, ptr(4.0),
			"of the device's bytes, over 1 accounts of ten gigabytes of KV or more; a, read: the KV manager moved 10.0 GB, the device 12.0 GB"},
		{"the furthest, with its sign", []report.Account{account("a", ptr(20.0), ptr(4.0)), account("b", ptr(30.0), ptr(-9.0)), account("c", ptr(20.0), ptr(8.0)), account("d", ptr(5.0), ptr(70.0))}, ptr(-9.0),
			"of the device's bytes, over 3 accounts of ten gigabytes of KV or more; b, read: the KV manager moved 30.0 GB, the device 12.0 GB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := largestResidual(tc.all)
			if tc.value == nil {
				assert.Empty(t, got)
				return
			}
			assert.Equal(t, []report.Finding{{Name: "byte account, largest residual", Value: tc.value, Unit: "%", Detail: tc.detail}}, got)
		})
	}
}
