package verdict

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
)

func ptr[T any](v T) *T { return &v }

func TestLargestResidual(t *testing.T) {
	account := func(cell string, kv, pct *float64) evidence.Account {
		return evidence.Account{Cell: cell, Direction: "read", DeviceGB: 12, KVGB: kv, ResidualPct: pct}
	}
	for _, tc := range []struct {
		name   string
		all    []evidence.Account
		value  *float64 // nil: no finding
		detail string
	}{
		{"none", nil, nil, ""},
		{"none with KV counters", []evidence.Account{account("a", nil, nil), account("b", nil, ptr(40.0))}, nil, ""},
		{"too little KV traffic", []evidence.Account{account("a", ptr(9.9), ptr(40.0))}, nil, ""},
		{"a drive that moved nothing", []evidence.Account{account("a", ptr(20.0), nil)}, nil, ""},
		{"ten gigabytes are enough", []evidence.Account{account("a", ptr(10.0), ptr(4.0))}, ptr(4.0),
			"of the device's bytes, over 1 accounts of ten gigabytes of KV or more; a, read: the KV manager moved 10.0 GB, the device 12.0 GB"},
		{"the furthest, with its sign", []evidence.Account{account("a", ptr(20.0), ptr(4.0)), account("b", ptr(30.0), ptr(-9.0)), account("c", ptr(20.0), ptr(8.0)), account("d", ptr(5.0), ptr(70.0))}, ptr(-9.0),
			"of the device's bytes, over 3 accounts of ten gigabytes of KV or more; b, read: the KV manager moved 30.0 GB, the device 12.0 GB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := largestResidual(tc.all)
			if tc.value == nil {
				assert.Empty(t, got)
				return
			}
			assert.Equal(t, []Finding{{Name: "byte account, largest residual", Estimate: stats.Alone(*tc.value), Unit: "%", Detail: tc.detail}}, got)
		})
	}
}
