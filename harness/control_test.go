package harness

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/config"
	"sparkharness/harness/gate"
	"sparkharness/harness/verdict"
)

// Of several checks that a control names each has to be contradicted, and a gate has to fail, in the outcome that it ends in; a
// grade is no gate.
func TestNotShown(t *testing.T) {
	v := verdict.Verdict{
		Checks: []verdict.Check{{Name: "a", State: verdict.Contradicted}, {Name: "b", State: verdict.Contradicted},
			{Name: "open", State: verdict.Undecided}, {Name: "fio", State: verdict.Contradicted}},
		Gates: []gate.Gate{gate.Pass("good", ""), gate.Fail("fio", verdict.Inconclusive, "", ""), {Name: "stability", Grade: true}},
	}
	for _, tc := range []struct {
		shown  config.Shown
		missed []string
		want   verdict.Outcome
	}{
		{config.Shown{"a"}, nil, verdict.Refuted},
		{config.Shown{"a", "b"}, nil, verdict.Refuted},
		{config.Shown{"a", "open", "b", "moon"}, []string{"open", "moon"}, verdict.Refuted},
		{config.Shown{"gate.fio"}, nil, verdict.Inconclusive},
		{config.Shown{"gate.good"}, []string{"gate.good"}, verdict.Invalid},
		{config.Shown{"gate.stability"}, []string{"gate.stability"}, verdict.Invalid},
		{config.Shown{"good"}, []string{"good"}, verdict.Refuted},
	} {
		missed, want := notShown(v, tc.shown)
		assert.Equal(t, tc.missed, missed, tc.shown)
		assert.Equal(t, tc.want, want, tc.shown)
	}
}
