package harness

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/verdict"
)

// profiled are the options of a profile of configs/.
func profiled(t *testing.T, name string) *Options {
	t.Helper()
	o := testOptions(t)
	o.Configs, o.Profile = filepath.Join("..", "configs"), name
	return o
}

// A profile that is due for none of the hypotheses is refused, and one that is not there, before anything is planned.
func TestProfileIsChecked(t *testing.T) {
	o := profiled(t, "hour")
	require.NoError(t, o.checkProfile(nil), "other tests are due")
	require.NoError(t, o.checkProfile([]Hypothesis{smallH1, smallH2B}))
	require.EqualError(t, o.checkProfile([]Hypothesis{smallH1, smallH5}),
		"-profile hour has H2B, H4B, and nothing of H1, H5: choose one of those with -run, or run without a profile")
	require.NoError(t, profiled(t, "").checkProfile([]Hypothesis{smallH1}))
	require.ErrorContains(t, profiled(t, "week").checkProfile(nil), "(there are hour, l70b, quick, standard)")
}

// What a hypothesis that is left out would write counts in no budget.
func TestLeftOutWearsNothing(t *testing.T) {
	o := profiled(t, "hour")
	wear := worn([]Hypothesis{smallH1, smallH4B}, o)
	require.Len(t, wear, 1)
	assert.Equal(t, "H4B", wear[0].Hypothesis)
}

// A report says by which profile its run was laid out, and what that lets pass.
func TestReportNamesTheProfile(t *testing.T) {
	o := testOptions(t)
	o.Configs = t.TempDir()
	below, err := filepath.Abs(filepath.Join("..", "fixtures", "configs"))
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(o.Configs, "plans"), 0o755))
	for name, text := range map[string]string{"configs.yaml": "base: " + below + "\n",
		"plans/brief.yaml": "plan: brief\nnote: n\nhypotheses: {H2A: {expected: [Refuted, Invalid]}}\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(o.Configs, name), []byte(text), 0o644))
	}
	o.Profile = "brief"
	p := testPlan(t, smallH2A, o)
	ev := measured(t, p, o, 1)
	rep, _ := verdict.Judge(smallH2A, ev)
	assert.Equal(t, "brief", rep.Profile)
	assert.Equal(t, []string{"Refuted", "Invalid"}, rep.Expected)
	assert.Contains(t, rep.Verdict.Scope, "profile brief, L70B, ")
}
