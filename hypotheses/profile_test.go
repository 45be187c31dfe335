package hypotheses

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
)

// withProfile puts a profile into a folder of shortConfigs.
func withProfile(t *testing.T, configs, name, hypotheses string) {
	t.Helper()
	plans := filepath.Join(configs, "plans")
	require.NoError(t, os.MkdirAll(plans, 0o755))
	text := "plan: " + name + "\nnote: of a test\nhypotheses: " + hypotheses + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(plans, name+".yaml"), []byte(text), 0o644))
}

// Hypotheses that a profile does not have are skipped, each with a line, and their controls likewise.
func TestProfileSkips(t *testing.T) {
	t.Parallel()
	c := runChild(t, "^TestH(2B|5)$", "-profile", "hour", "-plan-only")
	assert.Zero(t, c.status, c.stdout+c.err)
	assert.Contains(t, c.stdout, "\nH5: left out by -profile hour, which has H2B, H4B\n")
	assert.Contains(t, c.stdout, "\nprofile hour: an 8B and RAM tiers of 2 GiB")
	assert.Regexp(t, `(?m)^ +1  stack=[AB]/ctx=\d+/conc=20/rep=0 `, c.stdout)
	assert.NotContains(t, c.stdout, "sessions=")

	c = runChild(t, "^TestControls$/^H5$", "-profile", "hour")
	assert.Zero(t, c.status, c.stdout+c.err)
	assert.Contains(t, c.stdout, "H5: left out by -profile hour, which has H2B, H4B\n")
}

// A profile that is not there, has a fault or has none of what is asked for is refused before anything runs, in a line.
func TestProfileRefusals(t *testing.T) {
	t.Parallel()
	lax := shortConfigs(t, "h2b.yaml", "")
	withProfile(t, lax, "lax", "\n  H2B:\n    thresholds: {fetch_share: 0.01}")
	for _, tc := range []struct{ run, profile, configs, says string }{
		{"^TestH5$", "hour", "", "-profile hour has H2B, H4B, and nothing of H5: choose one of those with -run, or run without a profile"},
		{"^TestH2B$", "week", "", "-profile week: there is no file plans/week.yaml in the folder of configurations, "},
		{"^TestH2B$", "week", "", "(there are hour, l70b, quick, standard)"},
		{"^TestH2B$", "../hypotheses/h2b", "", "is no name of a file of plans/ (there are hour, l70b, quick, standard)"},
		{"^TestH2B$", "lax", lax, "plans/lax.yaml:5: hypotheses.H2B.thresholds: is not for a profile to say: what decides is the same in every plan"},
	} {
		flags := []string{"-profile", tc.profile, "-results", t.TempDir()}
		if tc.configs != "" {
			flags = append(flags, "-configs", tc.configs)
		}
		c := runChild(t, tc.run, flags...)
		assert.Equal(t, 2, c.status, tc.says)
		assert.Contains(t, c.complaint(t), tc.says)
	}
}

// With a profile passes what that expects, and anything where it expects nothing: then the verdict is printed. -expect says
// more than both, and a run's folder is judged again by what its profile expects.
func TestProfileDecidesWhatPasses(t *testing.T) {
	t.Parallel()
	configs := shortConfigs(t, "h1.yaml", fewSamples)
	results := t.TempDir()
	for name, of := range map[string]string{"any": "{H1: {}}", "two": "{H1: {expected: [Inconclusive, Refuted]}}",
		"not": "{H1: {expected: [Supported, Inconclusive]}}"} {
		withProfile(t, configs, name, of)
	}
	run := func(name string, flags ...string) child {
		return runChild(t, "^TestH1$", append([]string{"-configs", configs, "-results", results, "-world", "lora_preloaded", "-profile", name}, flags...)...)
	}
	c := run("any")
	assert.Zero(t, c.status, c.stdout)
	assert.Equal(t, []string{"1 run: 1 Refuted"}, c.last(1))
	assert.Contains(t, c.stdout, "profile=any")
	assert.Contains(t, c.stdout, "scope: profile any, L8B")

	c = run("two")
	assert.Zero(t, c.status, c.stdout)
	c = run("not")
	assert.Equal(t, 1, c.status, c.stdout)
	assert.Contains(t, c.stdout, "H1: verdict Refuted, expected Supported or Inconclusive: ")
	assert.Equal(t, []string{"1 run: 1 Refuted", "* not the expected verdict"}, c.last(2))

	dirs, err := filepath.Glob(filepath.Join(results, "h1-*"))
	require.NoError(t, err)
	require.Len(t, dirs, 3, "a run for each profile")
	passed := 0
	for _, dir := range dirs {
		if c = runChild(t, "^TestH1$", "-replay", dir); c.status == 0 {
			passed++
		}
		assert.Regexp(t, `"profile": "(any|two|not)"`, readFile(t, filepath.Join(dir, "report.json")))
	}
	assert.Equal(t, 2, passed)
	c = run("not", "-expect", "Refuted")
	assert.Zero(t, c.status, c.stdout)
}

// readFile is a file's text.
func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// In a control world a profile's short run need not say why, and must not support the claim.
func TestProfileInControls(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		id, is, over string
		status       int
		says         string
	}{
		{"H1", "{lora_preloaded: first_touch}", "", 0, "1 run: 1 Inconclusive"},
		{"H8A", "{weights_paged: null, weights_paged_64: null, unlimited_server: null, quiet_neighbours: iowait_flat}", holding, 1,
			"H8A in world quiet_neighbours is Supported with profile any"},
	} {
		configs := shortConfigs(t, configOf(tc.id), "controls: "+tc.is+"\n"+tc.over)
		withProfile(t, configs, "any", "{"+tc.id+": {}}")
		c := runChild(t, "^TestControls$/^"+tc.id+"$", "-configs", configs, "-results", t.TempDir(), "-profile", "any")
		assert.Equal(t, tc.status, c.status, c.stdout)
		assert.Contains(t, c.stdout, tc.says)
	}
}

// summed is the last line of what several plans cost: hours up to their first looks and at most, and terabytes written.
var summed = regexp.MustCompile(`(?m)^all +\d+ +\d+ +([0-9.]+) +([0-9.]+) +([0-9.]+)$`)

// Every hypothesis of the committed profiles can be planned, all twelve by that of the 70B, within what the profile is for, every
// look and second stage counted: the hour, a fifth of one, three, and 110 hours and 8 TB.
func TestCommittedProfilesCanBePlanned(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		profile   string
		due       []string
		hours, tb float64
	}{
		{"l70b", idsOf(all), 110, 8},
		{"hour", []string{"H2B", "H4B"}, 1.05, 0.25},
		{"quick", []string{"H2B", "H4B"}, 0.2, 0.03},
		{"standard", []string{"H2B", "H4B", "H5", "H6", "H7", "H8B"}, 3, 0.3},
	} {
		c := runChild(t, "^TestH", "-profile", tc.profile, "-plan-only")
		require.Zero(t, c.status, c.stdout+c.err)
		m := summed.FindStringSubmatch(c.stdout)
		require.NotNil(t, m, c.stdout)
		var got []float64
		for _, text := range m[1:] {
			x, err := strconv.ParseFloat(text, 64)
			require.NoError(t, err)
			got = append(got, x)
		}
		assert.Less(t, got[1], tc.hours, tc.profile)
		assert.Greater(t, got[1], tc.hours/2, tc.profile)
		assert.LessOrEqual(t, got[0], got[1], tc.profile)
		assert.Less(t, got[2], tc.tb, tc.profile)
		assert.Greater(t, got[2], tc.tb/2, tc.profile)
		for _, h := range all {
			planned := regexp.MustCompile(`(?m)^` + h.ID + ` +\d+ +\d+ `).MatchString(c.stdout)
			assert.Equal(t, slices.Contains(tc.due, h.ID), planned, "%s: %s", tc.profile, h.ID)
		}
		staged := 0
		for _, h := range all {
			if h.Refine != nil && slices.Contains(tc.due, h.ID) {
				staged++
			}
		}
		assert.Equal(t, staged, strings.Count(c.stdout, "\nthen a second stage around what the first finds, such as these "), tc.profile)
	}
}

// idsOf are the names of hypotheses.
func idsOf(all []harness.Hypothesis) (out []string) {
	for _, h := range all {
		out = append(out, h.ID)
	}
	return out
}
