package harness

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/experiment"
	"sparkharness/harness/verdict"
)

// profiled are the options of a profile of configs/.
func profiled(t *testing.T, name string) *Options {
	t.Helper()
	o := testOptions(t)
	o.Configs, o.Profile = filepath.Join("..", "configs"), name
	return o
}

// The hour's plan takes less than an hour and three minutes: what -plan-only counts, and with the blocks that confirm H2B's
// knee, which are planned when one block has found it: two levels on both stacks.
func TestHourTakesAnHour(t *testing.T) {
	o := profiled(t, "hour")
	var plans []experiment.Expected
	confirmed := 0.0
	for _, h := range []Hypothesis{smallH2B, smallH4B} {
		p := testPlan(t, h, o)
		x, ok := experiment.Expect(p.plan, p.exp, h.ID == "H2B", map[string]bool{})
		require.True(t, ok)
		plans = append(plans, x)
		if run := p.exp.Hypothesis.Run; run.Screening {
			confirmed += x.Cost.Seconds / float64(len(p.plan.Cells)) * float64(2*len(p.exp.Stacks)*run.Reps)
		}
		var out bytes.Buffer
		experiment.Print(&out, p.plan, p.exp, "a claim", false)
		assert.Contains(t, out.String(), "\nprofile hour: ")
	}
	require.NotZero(t, confirmed)
	planned := plans[0].All().Seconds + plans[1].All().Seconds
	assert.Less(t, (planned+confirmed)/3600, 1.05)
	assert.Greater(t, planned/3600, 0.5)
	assert.Less(t, (plans[0].All().WrittenBytes+plans[1].All().WrittenBytes)/1e12, 0.5)
}

// A profile that is due for none of the hypotheses is refused, and one that is not there, before anything is planned.
func TestProfileIsChecked(t *testing.T) {
	o := profiled(t, "hour")
	require.NoError(t, o.checkProfile(nil), "other tests are due")
	require.NoError(t, o.checkProfile([]Hypothesis{smallH1, smallH2B}))
	require.EqualError(t, o.checkProfile([]Hypothesis{smallH1, smallH5}),
		"-profile hour has H2B, H4B, and nothing of H1, H5: choose one of those with -run, or run without a profile")
	require.NoError(t, profiled(t, "").checkProfile([]Hypothesis{smallH1}))
	require.ErrorContains(t, profiled(t, "week").checkProfile(nil), "(there are hour, l70b)")
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
