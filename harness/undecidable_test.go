package harness

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/experiment"
	"sparkharness/harness/report"
)

// A -run asks for a hypothesis by itself where one of its alternatives matches no other.
func TestAskedOneByOne(t *testing.T) {
	known := []string{"H0", "H4A", "H4B", "H2B"}
	for run, want := range map[string][]string{
		"": nil, "^TestH": nil, "H": nil, "H4": nil, "TestControls": nil,
		"H2B": {"H2B"}, "^TestH0$": {"H0"}, "H2B|H0": {"H2B", "H0"}, "H4|H4B": {"H4B"}, "^TestH|H0": {"H0"}, "TestControls/H2B": nil,
	} {
		assert.Equal(t, want, askedOneByOne(run, known), run)
	}
}

// ofMany is a session of its own, in which no hypothesis was asked for by itself.
func ofMany(t *testing.T) *bytes.Buffer {
	t.Helper()
	before, out := session, &bytes.Buffer{}
	session = &sessionState{interrupt: newInterrupt(), options: before.options, out: out}
	t.Cleanup(func() { session = before })
	return out
}

// What cannot be decided here, among others that were asked for, is skipped with its reason; where nothing else was measured the
// execution has not passed.
func TestUndecidableIsPassedOver(t *testing.T) {
	out := ofMany(t)
	o, _ := realTimeOptions(t, "fio: [none, heavy]")
	passedOver := false
	t.Run("one of many", func(t *testing.T) {
		defer func() { passedOver = t.Skipped() }()
		execute(t, realTimeHypothesis, o)
	})
	assert.True(t, passedOver)
	require.Len(t, session.passed, 1)
	const why = "HX asks for fio (sweep.fio), which rig serial cannot do"
	assert.Equal(t, "HX", session.passed[0].Hypothesis)
	assert.Contains(t, session.passed[0].NotHere, why)
	assert.Contains(t, out.String(), "HX: not decidable here: "+why)

	out.Reset()
	assert.Equal(t, 1, session.close(), "nothing was measured")
	assert.Contains(t, out.String(), "not decidable here")
	assert.Contains(t, out.String(), "1 run: 1 not decidable here")
	session.shown = []experiment.Bounds{{}}
	assert.Zero(t, session.close(), "a plan was shown")

	// Asked for by itself, it is refused as before.
	session.one = []string{"HX"}
	_, err := plan(t, realTimeHypothesis, o)
	require.ErrorContains(t, err, why)
	assert.True(t, undecidable(err) && session.named("HX"))
}

// A stack without a server is no fault of the others.
func TestStackWithoutAServerIsUndecidable(t *testing.T) {
	o := testOptions(t)
	o.Rig, o.URL, o.Server, o.Device = "server", "A=http://127.0.0.1:1", "openai", "sda"
	h := realTimeHypothesis
	h.Config, h.Requires, h.ID = "h5.yaml", []string{"p99_ratio", "rate_tolerance", "reads_margin_rps", "working_set_tolerance"}, "H5"
	_, err := experiment.Load(demand(h), o.choices())
	require.ErrorContains(t, err, "H5 is about stack B, for which there is no server")
	assert.True(t, undecidable(err))
}

// The closing table names what was passed over beside what was decided.
func TestClosingNamesThePassedOver(t *testing.T) {
	s := closing(t)
	var out bytes.Buffer
	s.out = &out
	s.passed = []report.Line{{Hypothesis: "H9", NotHere: "it asks for the moon"}}
	assert.Zero(t, s.finish())
	assert.Regexp(t, `H9 .*not decidable here .*it asks for the moon`, out.String())
	assert.Contains(t, out.String(), ", 1 not decidable here")
}
