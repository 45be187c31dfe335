package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// planFolder is a folder with one plan over the committed configurations.
func planFolder(t *testing.T, name, text string) (dir string, folder *Folder) {
	t.Helper()
	below, err := filepath.Abs(configs)
	require.NoError(t, err)
	return folderOf(t, files{"configs.yaml": "base: " + below + "\n", "plans/" + name + ".yaml": text})
}

// Every hypothesis of every plan loads, and nothing that decides is other than without it.
func TestCommittedPlansLoad(t *testing.T) {
	folder, err := OpenFolder(configs)
	require.NoError(t, err)
	committed(t, "plans/*.yaml", func(path string) {
		p, err := LoadPlan(folder, named(path))
		require.NoError(t, err)
		for _, id := range p.IDs() {
			file := folder.Path("hypotheses/" + strings.ToLower(id) + ".yaml")
			without, err := LoadHypothesis(folder, file)
			require.NoError(t, err)
			h, err := p.LoadHypothesis(folder, file, id)
			if assert.NoError(t, err) {
				assert.Equal(t, []any{id, without.Thresholds, without.Gates, without.Windows, without.Controls},
					[]any{h.Hypothesis, h.Thresholds, h.Gates, h.Windows, h.Controls}, path)
				for name, stack := range h.Stacks { // one may be left out
					assert.Equal(t, without.Stacks[name], stack, path)
				}
			}
		}
	})
}

// What a plan says of a hypothesis lies over its file, field by field.
func TestPlanLiesOverAHypothesis(t *testing.T) {
	_, folder := planFolder(t, "mine", `plan: mine
note: n
hypotheses:
  H2B:
    expected: [Supported, Inconclusive]
    model: L8B
    profile: stress
    load: {output_tokens: {dist: constant, value: 4}}
    sweep: {ctx: [512, 1k]}
    run: {reps: 3, early_looks: null}
  H5: {}
`)
	p, err := LoadPlan(folder, "mine")
	require.NoError(t, err)
	assert.Equal(t, []string{"H2B", "H5"}, p.IDs())
	assert.True(t, p.Has("H5"))
	assert.False(t, p.Has("H6"))
	assert.Equal(t, []string{"Supported", "Inconclusive"}, p.Hypotheses["H2B"].Expected)
	assert.Nil(t, p.Hypotheses["H5"].Expected)

	file := folder.Path("hypotheses/h2b.yaml")
	without, err := LoadHypothesis(folder, file)
	require.NoError(t, err)
	h, err := p.LoadHypothesis(folder, file, "H2B")
	require.NoError(t, err)
	assert.Equal(t, []any{"L8B", "stress", []Tokens{512, 1024}, 3}, []any{h.Model, h.Profile, h.Sweep.Ctx, h.Run.Reps})
	assert.Equal(t, "4", h.Load.OutputTokens.Value)
	assert.Empty(t, h.Run.EarlyLooks)
	assert.Equal(t, []any{without.Load.ThinkTime, without.Sweep.Conc, without.Run.Duration}, []any{h.Load.ThinkTime, h.Sweep.Conc, h.Run.Duration})

	file = folder.Path("hypotheses/h5.yaml")
	without, err = LoadHypothesis(folder, file)
	require.NoError(t, err)
	h, err = p.LoadHypothesis(folder, file, "H5")
	require.NoError(t, err)
	assert.Equal(t, without, h)
}

// A plan may be laid over another one, and holds what differs.
func TestPlanWithABase(t *testing.T) {
	below, err := filepath.Abs(filepath.Join(configs, "plans", "hour.yaml"))
	require.NoError(t, err)
	_, folder := planFolder(t, "mine", "base: "+below+"\nplan: mine\nhypotheses: {H4B: null, H2B: {run: {duration: 90s}}}\n")
	p, err := LoadPlan(folder, "mine")
	require.NoError(t, err)
	assert.Equal(t, []string{"H2B"}, p.IDs())
	h, err := p.LoadHypothesis(folder, folder.Path("hypotheses/h2b.yaml"), "H2B")
	require.NoError(t, err)
	assert.Equal(t, []any{Duration(90 * time.Second), "stress"}, []any{h.Run.Duration, h.Profile})
}

// A plan is read as strictly as every other file, each fault with its place.
func TestPlanFaults(t *testing.T) {
	const decides = "is not for a profile to say: what decides is the same in every plan (a profile has expected, model, " +
		"stacks, profile, load, sweep and run)"
	for _, tc := range []struct{ name, part, want string }{
		{"a threshold", "H2B:\n    thresholds: {fetch_share: 0.1}", ":5: hypotheses.H2B.thresholds: " + decides},
		{"a gate", "H2B:\n    model: L8B\n    gates: {min_samples: 10}", ":6: hypotheses.H2B.gates: " + decides},
		{"no gates", "H2B: {gates: null}", ":4: hypotheses.H2B.gates: " + decides},
		{"windows", "H4B: {windows: {length: 1s}}", ":4: hypotheses.H4B.windows: " + decides},
		{"controls", "H2B: {controls: null}", ":4: hypotheses.H2B.controls: unknown field"},
		{"unknown field", "H2B: {modell: L8B}", ":4: hypotheses.H2B.modell: unknown field; did you mean model?"},
		{"unknown hypothesis", "H9: {}", ":4: hypotheses.H9: there is no file hypotheses/h9.yaml in the folder of configurations"},
		{"id in small letters", "h2b: {}", ":4: hypotheses.h2b: is no id of a hypothesis, such as H2B"},
		{"a hypothesis twice", "H2B: {}\n  H2B: {}", ":5: hypotheses.H2B: stands twice, first on line 4"},
		{"nothing of a hypothesis", "H2B:", ":4: hypotheses.H2B: has no value"},
		{"no such outcome", "H2B: {expected: [Maybe]}", `:4: hypotheses.H2B.expected[0]: must be Supported, Refuted, Inconclusive or Invalid, not "Maybe"`},
		{"an outcome twice", "H2B: {expected: [Refuted, Refuted]}", ":4: hypotheses.H2B.expected[1]: Refuted stands twice"},
		{"an outcome that is no list", "H2B: {expected: Refuted}", `:4: hypotheses.H2B.expected: must be a list, not the text "Refuted"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, folder := planFolder(t, "mine", "plan: mine\nnote: n\nhypotheses:\n  "+tc.part+"\n")
			_, err := LoadPlan(folder, "mine")
			require.ErrorContains(t, err, filepath.Join(dir, "plans", "mine.yaml")+tc.want)
			assert.NotContains(t, err.Error(), "\n", "one fault")
		})
	}
	// What lies over a hypothesis is read with it.
	for _, tc := range []struct{ name, part, want string }{
		{"unknown field inside", "H2B:\n    run: {repz: 2}", ":5: run.repz: unknown field; did you mean reps?"},
		{"a number beyond reason", "H2B:\n    run:\n      reps: 1000000", ":6: run.reps: "},
		{"levels that do not grow", "H2B: {sweep: {ctx: [512, 256]}}", ":4: sweep.ctx[1]: levels must increase"},
		{"no such budget", "H2B: {profile: none}", ":4: profile: there is no file profiles/none.yaml"},
		{"no model", "H2B: {model: null}", ":4: model: has no value"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, folder := planFolder(t, "mine", "plan: mine\nnote: n\nhypotheses:\n  "+tc.part+"\n")
			p, err := LoadPlan(folder, "mine")
			require.NoError(t, err)
			_, err = p.LoadHypothesis(folder, folder.Path("hypotheses/h2b.yaml"), "H2B")
			require.ErrorContains(t, err, filepath.Join(dir, "plans", "mine.yaml")+tc.want)
		})
	}
}

// A plan takes a stack away with null, and the others stay.
func TestPlanTakesStacksAway(t *testing.T) {
	_, folder := planFolder(t, "mine", "plan: mine\nnote: n\nhypotheses: {H2B: {stacks: {A: null}}}\n")
	p, err := LoadPlan(folder, "mine")
	require.NoError(t, err)
	h, err := p.LoadHypothesis(folder, folder.Path("hypotheses/h2b.yaml"), "H2B")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"B": "stackB_llama70b_dynamo_tiered.yaml"}, h.Stacks)
}

// A plan is named as its file is, and one that is not there is refused with those that are.
func TestPlanNames(t *testing.T) {
	dir, folder := planFolder(t, "mine", "plan: yours\nnote: n\nhypotheses: {H2B: {}}\n")
	_, err := LoadPlan(folder, "mine")
	require.EqualError(t, err, filepath.Join(dir, "plans", "mine.yaml")+`:1: plan: must be mine, as the file is called, not "yours"`)
	_, err = LoadPlan(folder, "none")
	require.ErrorContains(t, err, "there is no file plans/none.yaml in the folder of configurations, "+dir)
	require.ErrorContains(t, err, "(there are hour, l70b, mine, quick, standard)")
	for _, name := range []string{"../hypotheses/h2b", "a/b", "", "\x1b[2J"} {
		_, err = LoadPlan(folder, name)
		require.ErrorContains(t, err, "is no name of a file of plans/ (there are hour, l70b, mine, quick, standard)")
	}
	_, empty := folderOf(t, files{"gates.yaml": gates})
	_, err = LoadPlan(empty, "hour")
	require.ErrorContains(t, err, "(there is none)")
}

// What an experiment was laid out by is saved with it, and says what passes.
func TestUsedPlanIsSaved(t *testing.T) {
	h := &Hypothesis{Expected: "Refuted"}
	assert.Equal(t, []string{"Refuted"}, (&Experiment{Hypothesis: h}).Expected())
	assert.Equal(t, []string{"Supported"}, (&Experiment{Hypothesis: &Hypothesis{}}).Expected())
	assert.Empty(t, (&Experiment{Hypothesis: h, Plan: &UsedPlan{Plan: "p"}}).Expected(), "any")
	assert.Equal(t, []string{"Invalid"}, (&Experiment{Hypothesis: h, Plan: &UsedPlan{Plan: "p", Expected: []string{"Invalid"}}}).Expected())

	folder, err := OpenFolder(configs)
	require.NoError(t, err)
	full, err := LoadHypothesis(folder, folder.Path("hypotheses/h2a.yaml"))
	require.NoError(t, err)
	st, err := LoadStack(folder.Path("stackA_llama70b_baseline.yaml"))
	require.NoError(t, err)
	for name, plan := range map[string]*UsedPlan{"none": nil, "any": {Plan: "p", Note: "n"},
		"two": {Plan: "p", Note: "n", Expected: []string{"Supported", "Invalid"}}} {
		dir := t.TempDir()
		e := &Experiment{Rig: "sim", Plan: plan, Hypothesis: full, Stacks: map[string]*Stack{"A": st}}
		require.NoError(t, e.Save(dir))
		back, err := ReadExperiment(dir)
		require.NoError(t, err)
		assert.Equal(t, plan, back.Plan, name)
		text, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
		require.NoError(t, err)
		assert.Equal(t, plan != nil, strings.Contains(string(text), "\nplan:"), name)
	}
}

// Each field that a profile may say lies over the hypothesis's.
func TestPlanSaysEachField(t *testing.T) {
	_, folder := planFolder(t, "mine", "plan: mine\nnote: n\nhypotheses: {H2B: {}}\n")
	dir, err := filepath.Abs(folder.dirs[0])
	require.NoError(t, err)
	lies := map[string]string{"model": "L8B", "profile": "stress", "load": "{request_timeout: 601s}", "sweep": "{conc: [31]}", "run": "{reps: 9}"}
	without, err := LoadHypothesis(folder, folder.Path("hypotheses/h2b.yaml"))
	require.NoError(t, err)
	for _, field := range slices.Sorted(maps.Keys(lies)) {
		text := "plan: mine\nnote: n\nhypotheses: {H2B: {" + field + ": " + lies[field] + "}}\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, "plans", "mine.yaml"), []byte(text), 0o644))
		p, err := LoadPlan(folder, "mine")
		require.NoError(t, err, field)
		h, err := p.LoadHypothesis(folder, folder.Path("hypotheses/h2b.yaml"), "H2B")
		require.NoError(t, err, field)
		assert.NotEqual(t, without, h, "%s changes nothing", field)
	}
}
