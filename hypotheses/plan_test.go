package hypotheses

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/record"
)

// plannedCell is what a plan says of a cell.
type plannedCell struct {
	Key         string `json:"cell"`
	LoadSeed    uint64 `json:"load_seed"`
	MachineSeed uint64 `json:"machine_seed"`
	cell        record.Cell
}

// planOf is the plan that a run of a hypothesis saves before its first cell. The run is then interrupted: its cells
// are made so long that none ends first.
func planOf(t *testing.T, id, configs string, flags ...string) []plannedCell {
	t.Helper()
	results := t.TempDir()
	u := start(t, childCommand(t, "^Test"+id+"$", append([]string{"-configs", configs, "-results", results, "-duration", "24h"}, flags...)...))
	var plan struct{ Cells []plannedCell }
	saved := func() bool {
		paths, _ := filepath.Glob(filepath.Join(results, "*", "plan.json"))
		if len(paths) != 1 {
			return false
		}
		b, err := os.ReadFile(paths[0])
		return err == nil && json.Unmarshal(b, &plan) == nil
	}
	waited := assert.Eventually(t, saved, patience, 5*time.Millisecond)
	said := u.interrupted(results, syscall.SIGINT)
	require.True(t, waited, said)
	assert.Contains(t, said, id+": interrupted before a cell of ")
	require.NotEmpty(t, plan.Cells)
	for i := range plan.Cells {
		c := &plan.Cells[i]
		cell, err := record.ParseCell(c.Key)
		require.NoError(t, err)
		c.cell = cell
	}
	return plan.Cells
}

// differing are the factors in which two cells differ.
func differing(a, b record.Cell) []string {
	var out []string
	for _, f := range slices.Concat(a, b) {
		if a.Level(f.Name) != b.Level(f.Name) && !slices.Contains(out, f.Name) {
			out = append(out, f.Name)
		}
	}
	return out
}

// Arms treat the machine: cells that differ in nothing else share the randomness of the load, and of the machine
// nobody shares any. Cells that differ in the load, or in the repetition, have another one.
func TestArmsShareTheLoad(t *testing.T) {
	t.Parallel()
	arms := map[string]bool{"stack": false, "phase": false, "tier1": false, "policy": false, "fio": false, "cadence": false}
	loads := map[string]bool{"ctx": false, "conc": false, "sessions": false, "turns": false, "reuse": false, "rate": false, "rep": false}
	for _, p := range []struct {
		id, change string
	}{
		{"H0", "sweep: {ctx: [512], rate_rps: [4, 8]}\n"},
		{"H1", ""},
		{"H2B", ""},
		{"H4A", ""},
		{"H5", "sweep: {turns: [10, 12], reuse: [0.50, 0.60]}\n"},
		{"H6", ""},
		{"H7", ""},
	} {
		cells := planOf(t, p.id, shortConfigs(t, configOf(p.id), p.change))
		for i, a := range cells {
			require.NotZero(t, a.LoadSeed, a.Key)
			require.NotZero(t, a.MachineSeed, a.Key)
			for _, b := range cells[:i] {
				by := differing(a.cell, b.cell)
				require.NotEmpty(t, by, "%s is planned twice", a.Key)
				same := true
				for _, name := range by {
					_, arm := arms[name]
					_, load := loads[name]
					require.True(t, arm || load, name)
					same = same && arm
				}
				if len(by) == 1 {
					if same {
						arms[by[0]] = true
					} else {
						loads[by[0]] = true
					}
				}
				assert.Equal(t, same, a.LoadSeed == b.LoadSeed, "load of %s and %s", a.Key, b.Key)
				assert.NotEqual(t, a.MachineSeed, b.MachineSeed, "machine of %s and %s", a.Key, b.Key)
			}
		}
	}
	for _, seen := range []map[string]bool{arms, loads} {
		for name, is := range seen {
			assert.True(t, is, "no two cells differ in %s alone", name)
		}
	}
}

// configOf is the file of a hypothesis's configuration.
func configOf(id string) string {
	i := slices.IndexFunc(all, func(h harness.Hypothesis) bool { return h.ID == id })
	return all[i].Config
}

// listed are the lines of a printed plan that name a cell.
var listed = regexp.MustCompile(`(?m)^ *(\d+)  (\S+/rep=\d+)(  .*)?$`)

// printedPlan is the order of the cells that -plan-only prints.
func printedPlan(t *testing.T, id string, flags ...string) []string {
	t.Helper()
	results := filepath.Join(t.TempDir(), "results")
	c := runChild(t, "^Test"+id+"$", append([]string{"-plan-only", "-results", results, "-configs",
		shortConfigs(t, configOf(id), "")}, flags...)...)
	require.Zero(t, c.status, c.stdout)
	require.NoDirExists(t, results, "a plan alone leaves nothing")
	var keys []string
	for i, m := range listed.FindAllStringSubmatch(c.stdout, -1) {
		require.Equal(t, fmt.Sprint(i+1), m[1])
		keys = append(keys, m[2])
	}
	return keys
}

// A block has each combination once, in an order of its own that the seed decides; blocks come by repetition.
func TestBlocksAreWholeAndShuffled(t *testing.T) {
	t.Parallel()
	first := printedPlan(t, "H6", "-reps", "3", "-seed", "1")
	require.Len(t, first, 18)
	assert.Equal(t, first, printedPlan(t, "H6", "-reps", "3", "-seed", "1"), "the same seed, the same order")
	other := printedPlan(t, "H6", "-reps", "3", "-seed", "2")
	for _, plan := range [][]string{first, other} {
		var orders [][]string
		for rep := 1; rep <= 3; rep++ {
			var combinations []string
			for _, key := range plan[(rep-1)*6 : rep*6] {
				cell, err := record.ParseCell(key)
				require.NoError(t, err)
				assert.Equal(t, rep, cell.Int("rep"), "blocks come in order: %v", plan)
				combinations = append(combinations, cell.Without("rep").String())
			}
			orders = append(orders, combinations)
		}
		for _, order := range orders {
			assert.Len(t, slices.Compact(slices.Sorted(slices.Values(order))), 6, "each combination once")
			assert.ElementsMatch(t, orders[0], order)
		}
		assert.NotEqual(t, orders[0], orders[1])
		assert.NotEqual(t, orders[1], orders[2])
	}
	for rep := range 3 {
		assert.NotEqual(t, first[rep*6:rep*6+6], other[rep*6:rep*6+6], "another seed, another order")
	}
}
