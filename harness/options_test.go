package harness

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExpected(t *testing.T) {
	for _, tc := range []struct{ expect, id, want string }{
		{"", "H0", "Supported"},
		{"Refuted", "H0", "Refuted"},
		{"H0=refuted,H2A=Invalid", "H2A", "Invalid"},
		{"H0=refuted", "H2A", "Supported"},
		{"Inconclusive,H0=Refuted", "H2A", "Inconclusive"},
	} {
		got, err := (&Options{Expect: tc.expect}).Expected(tc.id)
		require.NoError(t, err)
		assert.EqualValues(t, tc.want, got, tc)
	}
	_, err := (&Options{Expect: "H0=Maybe"}).Expected("H0")
	require.ErrorContains(t, err, "-expect")
}

// A flag that was given means something or is refused.
func TestFlagsAreChecked(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-reps", "-4"}, "-reps -4"},
		{[]string{"-seed", "0"}, "-seed 0"},
		{[]string{"-duration", "1ns"}, "-duration 1ns: give at least 1s"},
		{[]string{"-rig", "moon"}, "this build has sim"},
		{[]string{"-expect", "H7=Nonsense"}, "not one of"},
		{[]string{"-expect", "Refuted,H0=Supported", "-reps", "2"}, ""},
		{nil, ""},
	} {
		var o Options
		fs := flag.NewFlagSet("test", flag.ContinueOnError)
		o.Register(fs)
		require.NoError(t, fs.Parse(tc.args))
		err := o.check(fs)
		if tc.want == "" {
			require.NoError(t, err, tc.args)
			continue
		}
		require.ErrorContains(t, err, tc.want)
	}
}
