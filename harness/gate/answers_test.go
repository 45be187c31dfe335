package gate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// oracleEvidence is three cells whose servers were asked three questions each, answered them all rightly, and two of them
// through tier 2.
func oracleEvidence() *evidence.Evidence {
	ev := goodEvidence()
	for _, c := range ev.Cells {
		c.Info.HasKV = true
		c.Info.Oracle = &record.Oracle{Asked: 3, Answered: 3, ThroughTier2: ptr(2), CachedTokens: ptr(600), ColdRight: ptr(true)}
	}
	return ev
}

func TestAnswers(t *testing.T) {
	each := func(change func(o *record.Oracle)) func(ev *evidence.Evidence) {
		return func(ev *evidence.Evidence) {
			for _, c := range ev.Cells {
				change(c.Info.Oracle)
			}
		}
	}
	last := func(change func(o *record.Oracle)) func(ev *evidence.Evidence) {
		return func(ev *evidence.Evidence) { change(ev.Cells[2].Info.Oracle) }
	}
	wrong := func(o *record.Oracle) { o.Wrong, o.Example = 1, `asked for "ab", the server said "cd"` }
	for _, tc := range []struct {
		name   string
		change func(ev *evidence.Evidence)
		passed bool
		grade  bool
		code   string
		detail string
	}{
		{"all right", func(*evidence.Evidence) {}, true, false, "", "9 of 9 questions for what a prompt of the load begins with were answered, 6 through tier 2, 0 wrongly"},
		{"one wrong", last(wrong), false, false, "wrong_answer", `1 wrongly; first in ctx=1000/conc=4/rep=3: 1 of 3, asked for "ab", the server said "cd"`},
		{"wrong, and no cold prompt to compare with", last(func(o *record.Oracle) { wrong(o); o.ColdRight = nil }), false, false, "wrong_answer", "rep=3"},
		{"wrong where nothing came through tier 2", last(func(o *record.Oracle) { wrong(o); o.ThroughTier2 = ptr(0) }), false, false, "wrong_answer", "rep=3"},
		{"a model that does not answer such questions", each(func(o *record.Oracle) { wrong(o); o.ColdRight = ptr(false) }), false, true, "", "in 3 cells the server did not know the first line of a prompt that was new to it"},
		{"none through tier 2", each(func(o *record.Oracle) { o.ThroughTier2 = ptr(0) }), false, true, "", "0 through tier 2, 0 wrongly: nothing is known of what tier 2 brings back"},
		{"one through tier 2", func(ev *evidence.Evidence) {
			each(func(o *record.Oracle) { o.ThroughTier2 = ptr(0) })(ev)
			ev.Cells[1].Info.Oracle.ThroughTier2 = ptr(1)
		}, true, false, "", "1 through tier 2"},
		{"counters do not tell", each(func(o *record.Oracle) { o.ThroughTier2 = nil }), false, true, "", "the KV manager does not tell"},
		{"one answered", each(func(o *record.Oracle) { o.Answered = 1 }), true, false, "", "3 of 9 questions"},
		{"none answered", each(func(o *record.Oracle) { *o = record.Oracle{Asked: 3, Failed: "HTTP 500"} }), false, false, "not_answered", "first in ctx=1000/conc=4/rep=1: HTTP 500"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := oracleEvidence()
			tc.change(ev)
			g := gateOf(t, ev, gate.Claim{}, "answers")
			assert.Equal(t, []any{tc.passed, tc.grade, tc.code}, []any{g.Passed, g.Grade, g.Code}, g.Detail)
			assert.Contains(t, g.Detail, tc.detail)
			if tc.code != "" {
				assert.Equal(t, gate.Invalid, g.OnFailure)
			}
		})
	}
	_, ok := gate.Answers(goodEvidence())
	assert.False(t, ok, "nobody asked")
}
