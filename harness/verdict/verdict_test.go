package verdict_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/verdict"
)

func TestSettle(t *testing.T) {
	holds := verdict.Check{Name: "a", State: verdict.Holds, Detail: "a held"}
	contra := verdict.Check{Name: "b", State: verdict.Contradicted, Detail: "b is not so"}
	open := verdict.Check{Name: "c", State: verdict.Undecided, Detail: "c is open"}
	note := verdict.Check{Name: "d", State: verdict.Noted, Detail: "d"}
	pass := gate.Pass("client", "p99 lag 0.1 ms")
	invalid := gate.Fail("treatment", verdict.Invalid, "treatment", "policy read back as LRU")
	thin := gate.Fail("samples", verdict.Inconclusive, "samples", "n 40 of 299")
	grade := gate.Grade("reproducibility", false, "8 %")

	for _, tc := range []struct {
		name   string
		gates  []gate.Gate
		checks []verdict.Check
		want   verdict.Outcome
		first  string
	}{
		{"all hold", []gate.Gate{pass}, []verdict.Check{holds, note}, verdict.Supported, "a held"},
		{"one contradicted", []gate.Gate{pass}, []verdict.Check{holds, contra}, verdict.Refuted, "contradicted: b is not so"},
		{"one open", nil, []verdict.Check{holds, open}, verdict.Inconclusive, "undecided: c is open"},
		{"contradiction beats open", nil, []verdict.Check{open, contra}, verdict.Refuted, "contradicted: b is not so"},
		{"invalid beats all", []gate.Gate{thin, invalid}, []verdict.Check{contra}, verdict.Invalid, "gate treatment failed: policy read back as LRU"},
		{"thin data beat checks", []gate.Gate{thin, pass}, []verdict.Check{holds}, verdict.Inconclusive, "gate samples failed: n 40 of 299"},
		{"a grade fails nothing", []gate.Gate{grade}, []verdict.Check{holds}, verdict.Supported, "a held"},
		{"nothing checked", []gate.Gate{pass}, nil, verdict.Inconclusive, "no check could be made"},
		{"notes are no support", nil, []verdict.Check{note}, verdict.Inconclusive, "d"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := verdict.Settle(tc.gates, tc.checks, nil, evidence.OneSided)
			assert.Equal(t, tc.want, v.Outcome)
			require.NotEmpty(t, v.Reasons)
			assert.Equal(t, tc.first, v.Reasons[0])
		})
	}
}

func TestParseOutcome(t *testing.T) {
	o, err := verdict.ParseOutcome("refuted")
	require.NoError(t, err)
	assert.Equal(t, verdict.Refuted, o)
	_, err = verdict.ParseOutcome("maybe")
	require.ErrorContains(t, err, "not one of")
}
