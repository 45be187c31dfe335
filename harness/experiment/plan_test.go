package experiment_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
)

// small is what a hypothesis over the short configurations of fixtures/configs demands.
func small(id, file string, requires ...string) experiment.Demand {
	return experiment.Demand{ID: id, Config: file, Requires: requires}
}

var (
	smallH2A = small("H2A", "h2a.yaml", "idle_margin_share", "idle_margin_mbs", "idle_burst_mb", "r2_min")
	smallH1  = small("H1", "h1.yaml", "first_touch_ratio", "equivalence_margin", "cold_read_share", "warm_read_share")
	smallH5  = small("H5", "h5.yaml", "p99_ratio", "reads_margin_rps", "working_set_tolerance", "rate_tolerance")
	smallH6  = small("H6", "h6.yaml", "fetch_share", "tier2_hit_share", "policy_margin")
	smallH2B = small("H2B", "h2b.yaml", "fetch_share", "tier2_hit_share", "idle_margin_share", "idle_margin_mbs", "idle_burst_mb")
)

const root = "../.."

func choices() *experiment.Choices {
	return &experiment.Choices{Root: root, Rig: "sim", World: "default", Configs: filepath.Join(root, "fixtures", "configs")}
}

// facts are those of a rig in virtual time.
var facts = record.Facts{Rig: "sim", Clock: record.ClockVirtual, Simulated: true, Machine: "a machine"}

// testPlan is what becomes of a demand and choices.
func testPlan(t *testing.T, h experiment.Demand, o *experiment.Choices) (*config.Experiment, *record.Plan) {
	t.Helper()
	e, err := experiment.Load(h, *o)
	require.NoError(t, err)
	digest, err := experiment.Digest(e, o.Root, facts)
	require.NoError(t, err)
	p, err := experiment.New(e, facts, experiment.RunID(e, digest), digest)
	require.NoError(t, err)
	return e, p
}

// The plan is an object made before any data: golden, so that a change of order or seeds is seen.
// Rewrite with UPDATE=1.
func TestPlanGolden(t *testing.T) {
	e, p := testPlan(t, smallH2B, choices())
	var b bytes.Buffer
	require.NoError(t, experiment.Extend(p, e, []record.Cell{
		record.NewCell("stack", "A", "ctx", 4096, "conc", 32), record.NewCell("stack", "B", "ctx", 4096, "conc", 32)}))
	experiment.Print(&b, p, e, "a claim")
	golden := filepath.Join("testdata", "plan_h2b.txt")
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, b.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), b.String())
}

func TestPlanSeeds(t *testing.T) {
	o := choices()
	e, p := testPlan(t, smallH2B, o)
	byKey := map[string]record.PlannedCell{}
	for _, c := range p.Cells {
		byKey[c.Key] = c
	}
	a, b := byKey["stack=A/ctx=4096/conc=32/rep=0"], byKey["stack=B/ctx=4096/conc=32/rep=0"]
	require.NotZero(t, a.LoadSeed)
	assert.Equal(t, a.LoadSeed, b.LoadSeed, "arms of a block share the load's randomness")
	assert.NotEqual(t, a.MachineSeed, b.MachineSeed)
	require.NoError(t, experiment.Extend(p, e, []record.Cell{record.NewCell("stack", "A", "ctx", 4096, "conc", 32)}))
	for i, c := range p.Cells[len(p.Cells)-2:] {
		assert.Equal(t, i+1, c.Rep)
		assert.NotEqual(t, a.LoadSeed, c.LoadSeed, "each block has its own")
	}

	_, p = testPlan(t, smallH2B, o)
	_, same := testPlan(t, smallH2B, o)
	assert.Equal(t, p, same)
	o.Seed = 2
	_, other := testPlan(t, smallH2B, o)
	assert.NotEqual(t, p.RunID, other.RunID)
	assert.NotEqual(t, p.Cells[0].LoadSeed, other.Cells[0].LoadSeed)
}

// Arms of a treatment share the load, other factors do not; what a cell treats is its stack's, not another's.
func TestPlanFactors(t *testing.T) {
	e, p := testPlan(t, smallH6, choices())
	byKey := map[string]record.PlannedCell{}
	for _, c := range p.Cells {
		byKey[c.Key] = c
	}
	require.Len(t, byKey, 12)
	a := byKey["tier1=8GiB/policy=LRU/ctx=2048/conc=8/rep=1"]
	b := byKey["tier1=4GiB/policy=LFU/ctx=2048/conc=8/rep=1"]
	require.NotZero(t, a.LoadSeed)
	assert.Equal(t, a.LoadSeed, b.LoadSeed)
	assert.NotEqual(t, a.LoadSeed, byKey["tier1=8GiB/policy=LRU/ctx=1024/conc=8/rep=1"].LoadSeed)
	tier := e.StackOf(b).Dynamo.Tiers.Tier1
	assert.EqualValues(t, 4<<30, tier.CapacityBytes)
	assert.Equal(t, "LFU", tier.EvictionPolicy)
	assert.EqualValues(t, 8<<30, e.StackOf(a).Dynamo.Tiers.Tier1.CapacityBytes)
	assert.EqualValues(t, 5<<30, e.Stacks["B"].Dynamo.Tiers.Tier1.CapacityBytes, "the configuration itself stays")

	_, p = testPlan(t, smallH5, choices())
	c := p.Cells[0]
	assert.Equal(t, []any{12, 0.6, 2048}, []any{c.Turns, c.Reuse, c.ContextTokens})
	assert.Contains(t, []int{16, 32}, c.Users)
}

// Policies other than the first are planned at one place alone, where the sweep says so, and everywhere where it does not.
func TestPlanOfPolicies(t *testing.T) {
	planned := func(more string) []string {
		o := choices()
		overlay(t, o, map[string]string{"hypotheses/h6.yaml": more})
		_, p := testPlan(t, smallH6, o)
		var keys []string
		for _, c := range p.Cells {
			if c.Rep == 1 {
				keys = append(keys, c.Cell.Without("rep").String())
			}
		}
		slices.Sort(keys)
		return keys
	}
	all := []string{"tier1=4GiB/policy=LRU/ctx=1024/conc=8", "tier1=4GiB/policy=LRU/ctx=2048/conc=8",
		"tier1=8GiB/policy=LRU/ctx=1024/conc=8", "tier1=8GiB/policy=LRU/ctx=2048/conc=8"}
	with := func(more ...string) []string { return slices.Sorted(slices.Values(slices.Concat(all, more))) }
	assert.Equal(t, with("tier1=4GiB/policy=FIFO/ctx=2048/conc=8", "tier1=4GiB/policy=LFU/ctx=2048/conc=8"), planned("run: {reps: 2}\n"))
	assert.Equal(t, with("tier1=8GiB/policy=FIFO/ctx=1024/conc=8", "tier1=8GiB/policy=LFU/ctx=1024/conc=8"),
		planned("sweep: {policies_at: {tier1: 8GiB, ctx: 1k}}\n"))
	assert.Len(t, planned("sweep: {policies_at: null}\n"), 12)
}

// What is planned is counted before it is made: a plan at its limit, with its policies at one place.
func TestPlanOfPoliciesIsCounted(t *testing.T) {
	o := choices()
	overlay(t, o, map[string]string{"hypotheses/h6.yaml": "sweep: {tier1: [1GiB, 2GiB, 3GiB, 4GiB]}\n"})
	e, _ := testPlan(t, smallH6, o)
	e.Hypothesis.Run.Reps = record.MaxCells / 9 // 8 combinations under LRU would be 10 with the others, 24 everywhere
	_, err := experiment.New(e, facts, "run", "digest")
	require.EqualError(t, err, "the sweep has 10 combinations in 11111 repetitions, and a plan has at most 100000 cells: take levels or repetitions away")
}

// A sweep that nobody could measure is refused before it is laid out, in either stage.
func TestPlanIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it plans a hundred thousand cells: left out with -short")
	}
	e, _ := testPlan(t, smallH2A, choices()) // two contexts, one concurrency, two repetitions
	e.Hypothesis.Run.Reps = record.MaxCells / 2
	_, err := experiment.New(e, facts, "run", "digest")
	require.NoError(t, err, "as many as there may be")
	e.Hypothesis.Run.Reps++
	_, err = experiment.New(e, facts, "run", "digest")
	require.EqualError(t, err, "the sweep has 2 combinations in 50001 repetitions, and a plan has at most 100000 cells: take levels or repetitions away")

	// A million million combinations would not fit the memory.
	levels := make([]int, 1000)
	for i := range levels {
		levels[i] = i + 1
		e.Hypothesis.Sweep.Ctx = append(e.Hypothesis.Sweep.Ctx, config.Tokens(i))
		e.Hypothesis.Sweep.Reuse = append(e.Hypothesis.Sweep.Reuse, float64(i))
	}
	e.Hypothesis.Sweep.Turns, e.Hypothesis.Sweep.Conc, e.Hypothesis.Sweep.Sessions = levels, levels, levels
	_, err = experiment.New(e, facts, "run", "digest")
	require.ErrorContains(t, err, "the sweep has 2004000000000 combinations in 50001 repetitions")

	e, p := testPlan(t, smallH2A, choices())
	more := make([]record.Cell, record.MaxCells/2)
	for i := range more {
		more[i] = record.NewCell("ctx", 512, "conc", i+1)
	}
	require.EqualError(t, experiment.Extend(p, e, more), "the sweep has 50000 combinations in 2 repetitions beside 4 of the stages before, "+
		"and a plan has at most 100000 cells: take levels or repetitions away")
	assert.Len(t, p.Cells, 4)
}

// The longest plan has an estimate that is not negative.
func TestEstimateOfTheLongestPlan(t *testing.T) {
	week := config.Duration(7 * 24 * time.Hour)
	p := &record.Plan{Cells: make([]record.PlannedCell, record.MaxCells)}
	assert.InDelta(t, record.MaxCells*(2*168+24), experiment.LeastHours(p, config.Run{Baseline: week / 7, Warmup: config.Warmup{Min: week}, Duration: week}), 1e-6)
}

// A cell that is measured again keeps the load's randomness, which the arms of its block share; its machine's is another each
// time, and always the same one.
func TestAgainKeepsTheLoad(t *testing.T) {
	_, p := testPlan(t, smallH2A, choices())
	pc := p.Cells[0]
	assert.Equal(t, pc, experiment.Again(pc, 0))
	once, twice := experiment.Again(pc, 1), experiment.Again(pc, 2)
	assert.Equal(t, []uint64{pc.LoadSeed, pc.LoadSeed}, []uint64{once.LoadSeed, twice.LoadSeed})
	assert.Equal(t, []int{0, 1, 2}, []int{pc.Again, once.Again, twice.Again})
	assert.NotEqual(t, pc.MachineSeed, once.MachineSeed)
	assert.NotEqual(t, once.MachineSeed, twice.MachineSeed)
	assert.Equal(t, once, experiment.Again(pc, 1))
	assert.NotEqual(t, once.MachineSeed, experiment.Again(p.Cells[1], 1).MachineSeed)
}
