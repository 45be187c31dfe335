package rates

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// What only judges a run is no part of its design, and what it measures is none of its rules.
func TestKeys(t *testing.T) {
	var d Door
	d.Digest = digest
	of := func(change func(e *config.Experiment, facts *record.Facts, rules *string)) (design, rules string) {
		t.Helper()
		e := &config.Experiment{Hypothesis: &config.Hypothesis{}, World: &config.World{World: defaultWorld}}
		facts, sources := record.Facts{}, "r"
		change(e, &facts, &sources)
		design, err := d.design(e, facts)
		require.NoError(t, err)
		rules, err = rulesOf(e.Hypothesis, sources)
		require.NoError(t, err)
		assert.Len(t, design, digits)
		assert.Len(t, rules, digits)
		return design, rules
	}
	design, rules := of(func(*config.Experiment, *record.Facts, *string) {})
	for _, tc := range []struct {
		name                    string
		change                  func(e *config.Experiment, facts *record.Facts, program *string)
		otherDesign, otherRules bool
	}{
		{"seed", func(e *config.Experiment, _ *record.Facts, _ *string) { e.Hypothesis.Run.Seed = 7 }, true, false},
		{"duration", func(e *config.Experiment, _ *record.Facts, _ *string) { e.Hypothesis.Run.Duration = 7 }, true, false},
		{"world", func(e *config.Experiment, _ *record.Facts, _ *string) { e.World.World = "other" }, true, false},
		{"machine", func(_ *config.Experiment, f *record.Facts, _ *string) { f.Machine = "other" }, true, false},
		{"note", func(e *config.Experiment, _ *record.Facts, _ *string) { e.World.Note = "in words" }, false, false},
		{"controls", func(e *config.Experiment, _ *record.Facts, _ *string) { e.Hypothesis.Controls = controls["H1"] }, false, false},
		{"sources", func(_ *config.Experiment, _ *record.Facts, s *string) { *s = "other" }, false, true},
		{"threshold", func(e *config.Experiment, _ *record.Facts, _ *string) {
			e.Hypothesis.Thresholds = map[string]float64{"r2_min": 1}
		}, false, true},
		{"gate", func(e *config.Experiment, _ *record.Facts, _ *string) { e.Hypothesis.Gates.MinSamples = 7 }, false, true},
		{"blocks", func(e *config.Experiment, _ *record.Facts, _ *string) { e.Hypothesis.Run.Reps = 7 }, false, true},
		{"looks", func(e *config.Experiment, _ *record.Facts, _ *string) { e.Hypothesis.Run.EarlyLooks = []int{1} }, false, true},
	} {
		d, r := of(tc.change)
		assert.Equal(t, []bool{tc.otherDesign, tc.otherRules}, []bool{d != design, r != rules}, tc.name)
	}
}
