package harness

import (
	"errors"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A -run is taken apart as package testing does it: slashes and bars inside brackets belong to the expression.
func TestAlternatives(t *testing.T) {
	for run, want := range map[string][][]string{
		"^TestH2B$":                   {{"^TestH2B$"}},
		"^TestControls$/^H2B$/a":      {{"^TestControls$", "^H2B$", "a"}},
		"TestH0|TestControls/H1":      {{"TestH0"}, {"TestControls", "H1"}},
		"Test(H0|H1)/[a/b|c]":         {{"Test(H0|H1)", "[a/b|c]"}},
		`Test\(/H1\|x|TestH2A`:        {{`Test\(`, `H1\|x`}, {"TestH2A"}},
		"a]b[(]c/d":                   {{"a]b[(]c", "d"}},
		"":                            {{""}},
		"/H1":                         {{"", "H1"}},
		`ends in \`:                   {{`ends in \`}},
		"TestH[0-9]+(A|B)?$|^Nothing": {{"TestH[0-9]+(A|B)?$"}, {"^Nothing"}},
	} {
		assert.Equal(t, want, alternatives(run), run)
	}
}

// A -run that asks for a hypothesis or a test that there is not is refused; all others run.
func TestRunMatchesSomething(t *testing.T) {
	known := []string{"H0", "H2A", "H2B"}
	tests := []string{"TestH0", "TestH2A", "TestH2B", "TestControls", "TestReplay", "TestChecksHaveUnits", "TestH264Decoder"}
	names := func(pattern string) (out []string, err error) {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range tests {
			if re.MatchString(name) {
				out = append(out, name)
			}
		}
		return out, nil
	}
	for _, run := range []string{"H2B", "^TestH2B$", "TestH", "H2", "H2A|H2B", "TestChecks", "TestControls/H2A", "^TestControls$/^H2B$/ample_ram",
		"Controls|H0", "TestReplay/x", "H264", "TestControls/ample_ram", "TestH(2A|9)", "TestControls/H2", "(", "TestReplay/(", "TestChecks|Nothing"} {
		require.NoError(t, askedFor(run, known, names, false), run)
	}
	for _, run := range []string{"H9", "h2a", "^TestH2C$", "TestControls/H9", "^TestControls$/^H9$", "H2A|H9", "TestReplay/h2a", "Nothing", "TestChecks/H9|H0"} {
		err := askedFor(run, known, names, false)
		require.EqualError(t, err, "-run "+run+": there is no such test; the hypotheses are H0, H2A, H2B, as in -run '^TestH2B$' or -run '^TestControls$/^H2B$'")
	}
	require.NoError(t, askedFor("TestOfAnotherPackage", known, names, true), "one of several packages")
	require.Error(t, askedFor("H9", known, names, true), "hypotheses are in this one")

	// Only where no hypothesis explains a pattern are the names of the tests asked for, which takes a process.
	asked := errors.New("asked")
	for _, run := range []string{"^TestH2B$", "TestH", "H0|H2A"} {
		require.NoError(t, askedFor(run, known, func(string) ([]string, error) { t.Error(run); return nil, asked }, false))
	}
}

// The test binary lists its own tests.
func TestListed(t *testing.T) {
	got, err := listed("^Test(Listed|Alternatives)$")
	require.NoError(t, err)
	assert.Equal(t, []string{"TestAlternatives", "TestListed"}, got)
	_, err = listed("(")
	require.Error(t, err)
}
