package harness

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

var smallH4B = func() Hypothesis {
	h := small("H4B", "r_await_ratio", "tier2_hit_share", "p99_ratio", "spearman_min", "fetch_share")
	h.Windows = true
	return h
}()

// full has the options take a hypothesis of configs/ itself, with what a text says instead.
func full(t *testing.T, h Hypothesis, instead string) *Options {
	t.Helper()
	o := testOptions(t)
	o.Configs = filepath.Join("..", "configs")
	below, err := filepath.Abs(filepath.Join(o.Configs, "hypotheses", h.Config))
	require.NoError(t, err)
	o.Config = filepath.Join(t.TempDir(), "some.yaml")
	require.NoError(t, os.WriteFile(o.Config, []byte("base: "+below+"\n"+instead), 0o644))
	return o
}

// What a plan is expected to cost is what it then costs, within a fifth: the durations are those of the hypotheses, of
// their cells a few.
func TestCostsAsExpected(t *testing.T) {
	if testing.Short() {
		t.Skip("hours of simulated time: left out with -short")
	}
	for _, tc := range []struct {
		name    string
		h       Hypothesis
		instead string
	}{
		{"H0", smallH0, "sweep: {conc: [16], rate_rps: [4]}\nrun: {reps: 1}\n"},
		{"H1", smallH1, "run: {reps: 1, min_requests: 300}\n"},
		{"H2A", smallH2A, "sweep: {ctx: [256, 2048], conc: [4, 32]}\nrun: {reps: 1}\n"},
		{"H2B", smallH2B, "sweep: {ctx: [4096]}\nrun: {reps: 1, cadence: 1s}\n"},
		{"H4B", smallH4B, "run: {reps: 1, cadence: 1s}\n"},
		{"H5", smallH5, "sweep: {tier1: [24GiB], sessions: [48]}\nrun: {reps: 1}\n"},
		{"H6", smallH6, "sweep: {tier1: [8GiB], policy: [LRU], policies_at: null, ctx: [2048]}\nrun: {reps: 1}\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := full(t, tc.h, tc.instead)
			p := testPlan(t, tc.h, o)
			x, priced := experiment.Expect(p.plan, p.exp.Hypothesis.Run, nil)
			require.True(t, priced)
			ev, err := evidence.Load(walk(t, p, o, new(atomic.Bool)), nil)
			require.NoError(t, err)
			rep, _ := verdict.Judge(tc.h, ev)
			for name, expected := range map[string]float64{"machine hours": x.Most().Seconds / 3600, "terabytes written": x.Most().WrittenBytes / 1e12} {
				f := finding(t, rep, name)
				require.NotNil(t, f.Value)
				assert.InEpsilon(t, expected, *f.Value, 0.2, "%s: %s", name, f.Detail)
				said := regexp.MustCompile(`measured / expected ([0-9.]+), over ` + strconv.Itoa(len(ev.Cells)) + ` cells`).FindStringSubmatch(f.Detail)
				require.NotNil(t, said, f.Detail)
				ratio, err := strconv.ParseFloat(said[1], 64)
				require.NoError(t, err)
				assert.InDelta(t, *f.Value/expected, ratio, 0.006)
				t.Logf("%s: %.4g %s, %s", name, *f.Value, f.Unit, f.Detail)
			}
		})
	}
}

// finding is the one of that name.
func finding(t *testing.T, rep *verdict.Judgement, name string) verdict.Finding {
	t.Helper()
	for _, f := range rep.Findings {
		if f.Name == name {
			return f
		}
	}
	require.Fail(t, "there is no finding", name)
	return verdict.Finding{}
}

// A plan that is shown tells what each cell and all of them cost, up to each look and with a second stage.
func TestPlanTellsItsCost(t *testing.T) {
	before, out := session.known, session.out
	t.Cleanup(func() { session.known, session.out, session.planned = before, out, nil })
	var b bytes.Buffer
	session.out = &b
	o := testOptions(t)
	o.PlanOnly, o.Config = true, changed(t, o, "run: {reps: 3, early_looks: [2], screening: true}")
	execute(t, smallStaged, o)
	require.Len(t, session.planned, 1)
	x := session.planned[0]
	assert.Equal(t, []int{2 + 2*2, 2 + 3*2}, []int{x.Looks[0].Cells, x.Most().Cells},
		"the block that screens, and two levels in each of the others")
	p := testPlan(t, smallStaged, o)
	require.Len(t, p.plan.Cells, 2, "what is run is the first stage")
	for _, pc := range p.plan.Cells {
		require.NotNil(t, pc.Price)
		assert.Greater(t, pc.Price.Seconds, 70.0, "%s: baseline, warm-up and measure", pc.Key)
		assert.Less(t, pc.Price.Seconds, 600.0, pc.Key)
	}
	assert.Regexp(t, `expected: [0-9.]+ h of virtual time and 0\.\d{4} TB written if look 1 of 2 \(2 blocks\) decides it, `+
		`at most [0-9.]+ h and 0\.\d{4} TB \(3 blocks\)`, b.String())
	assert.Regexp(t, `(?m)^then a second stage around what the first finds, such as these 6 cells, [0-9.]+ h, 0\.\d{4} TB:$`, b.String())
	assert.Regexp(t, `(?m)^ +1  \S+/rep=0 +\d+\.\d{3} h +\d+\.\d{5} TB$`, b.String())
	assert.Regexp(t, `(?m)^ +3x  \S+/conc=4 +\d+\.\d{3} h +\d+\.\d{5} TB$`, b.String())
}

// smallStaged confirms on others what it has found in a block.
var smallStaged = func() Hypothesis {
	h := smallH2A
	h.Foresees = func(ev *evidence.Evidence) (out []record.Cell) {
		for _, g := range ev.Groups() {
			out = append(out, g.Cell)
		}
		return out
	}
	h.Refine = h.Foresees
	return h
}()

// noStage is what a hypothesis foresees that has no second stage.
func noStage(*evidence.Evidence) []record.Cell { return nil }

// What a run with a second stage and looks is expected to cost, up to the look that ends it, is what it then costs.
func TestStagedCostsAsExpected(t *testing.T) {
	for _, tc := range []struct {
		name  string
		state func(evidence.Look) verdict.State
		look  int
	}{
		{"at the first look", func(evidence.Look) verdict.State { return verdict.Holds }, 0},
		{"at the last", func(evidence.Look) verdict.State { return verdict.Undecided }, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := testOptions(t)
			o.Config = changed(t, o, "run: {reps: 3, early_looks: [2], screening: true}\ngates: {min_samples: 10}")
			h := stating(tc.state)
			h.Refine, h.Foresees = smallStaged.Refine, smallStaged.Foresees
			p := testPlan(t, h, o)
			require.NoError(t, p.priceWhole(o.Root))
			x, ok := experiment.Expect(p.whole, p.exp.Hypothesis.Run, nil)
			require.True(t, ok)
			rep, _ := execute(t, h, o)
			require.NotNil(t, rep)
			want := x.Looks[tc.look]
			assert.Equal(t, want.Cells, rep.CellsMeasured)
			for name, expected := range map[string]float64{"machine hours": want.Seconds / 3600, "terabytes written": want.WrittenBytes / 1e12} {
				f := finding(t, rep, name)
				require.NotNil(t, f.Value)
				assert.InEpsilon(t, expected, *f.Value, 0.2, "%s: %s", name, f.Detail)
			}
		})
	}
}

// A second stage that nobody foresees, and one that no plan can hold, are refused before the first is measured.
func TestSecondStageIsForeseen(t *testing.T) {
	o := testOptions(t)
	o.Config = changed(t, o, "run: {screening: true}")
	h := smallStaged
	h.Foresees = nil
	_, err := plan(t, h, o)
	require.ErrorContains(t, err, "H2A plans a second stage (Refine) and does not say which one it expects")
	h.Refine = nil
	testPlan(t, h, o)

	h = smallStaged
	h.Foresees = func(*evidence.Evidence) []record.Cell { return make([]record.Cell, record.MaxCells) }
	_, err = plan(t, h, o)
	require.ErrorContains(t, err, "in 2 repetitions beside 2 of the stages before, and a plan has at most ")
}

// A run that would, with the others of its execution, write more to a drive than its budget is refused before it begins. On
// the simulated machine nothing wears: there it is told once.
func TestWearBudget(t *testing.T) {
	o, _ := realTimeOptions(t, "")
	p := testPlan(t, realTimeHypothesis, o)
	require.NoError(t, wears(realTimeHypothesis, p, o))
	o.WearBudget = 1e-9
	err := wears(realTimeHypothesis, p, o)
	require.ErrorContains(t, err, "HX: nothing was run: ")
	require.ErrorContains(t, err, "beyond the wear budget of 1e-09 TB (-wear-budget): let fio read more")
	assert.NotContains(t, err.Error(), "\n")
	left, err := os.ReadDir(o.Results)
	require.NoError(t, err)
	assert.Empty(t, left)

	before, out, due := session.options, session.out, session.due
	t.Cleanup(func() { session.options, session.out, session.due = before, out, due })
	var b bytes.Buffer
	o = testOptions(t)
	o.PlanOnly = true
	session.out, session.options, session.due = &b, o, []Hypothesis{smallH4A, smallH4B}
	p = testPlan(t, smallH4A, o)
	one, ok := experiment.Expect(p.plan, p.exp.Hypothesis.Run, nil)
	require.True(t, ok)
	o.WearBudget = one.Most().WrittenBytes * 1.1 / 1e12 // enough for the one, not for both
	for range 2 {
		execute(t, smallH4A, o)
	}
	assert.Regexp(t, `warning: a rig that has a drive would refuse this execution: .* \(H4A .* TB, H4B .* TB\), beyond the wear budget`, b.String())
	assert.Equal(t, 1, strings.Count(b.String(), "warning:"))
	b.Reset()
	session.warned, session.due = sync.Once{}, nil
	execute(t, smallH4A, o)
	assert.NotContains(t, b.String(), "warning:")
}

// What wears is the most that a run may come to: all blocks, and the second stage that is expected.
func TestWearIsTheMost(t *testing.T) {
	o := testOptions(t)
	o.Config = changed(t, o, "run: {reps: 3, early_looks: [2], screening: true}")
	p := testPlan(t, smallStaged, o)
	require.NoError(t, p.priceWhole(o.Root))
	all := 0.0
	for _, pc := range p.whole.Cells {
		all += pc.Price.WrittenBytes
	}
	wear := worn([]Hypothesis{smallStaged}, o)
	require.Len(t, wear, 1)
	assert.InEpsilon(t, all, wear[0].Cost.WrittenBytes, 1e-9)
	assert.Len(t, p.whole.Cells, 8)
}

var smallH4A = small("H4A", "r_await_ratio", "equivalence_margin")

// What is not known of a real machine leaves the cost unknown, and refuses nothing.
func TestUnknownCost(t *testing.T) {
	out := session.out
	t.Cleanup(func() { session.out = out })
	var b bytes.Buffer
	session.out = &b
	o, _ := realTimeOptions(t, "")
	p := testPlan(t, realTimeHypothesis, o)
	require.NoError(t, p.unpriced)
	require.NotNil(t, p.plan.Cells[0].Price)
	p.exp.Stacks["A"].Engine, p.plan.Cells[0].Price, p.plan.Cells[1].Price = "", nil, nil
	require.NoError(t, p.price(o))
	assert.Nil(t, p.plan.Cells[0].Price)
	require.NoError(t, wears(realTimeHypothesis, p, o))
	assert.Contains(t, b.String(), "warning: HX: what it will cost, and write to the drive, is not known: stack A names no engine")
}

// The hypotheses that an execution runs are those whose tests -run chooses and -skip does not.
func TestDueHypotheses(t *testing.T) {
	set := func(name, value string) {
		f := flag.Lookup("test." + name)
		before := f.Value.String()
		require.NoError(t, f.Value.Set(value))
		t.Cleanup(func() { require.NoError(t, f.Value.Set(before)) })
	}
	all := []Hypothesis{{ID: "H4A"}, {ID: "H4B"}, {ID: "H8A"}}
	for _, tc := range []struct{ run, skip, want string }{
		{"", "", "H4A H4B H8A"}, {"^TestH", "", "H4A H4B H8A"}, {"^TestH4", "", "H4A H4B"}, {"^TestH4A$|TestH8A", "", "H4A H8A"},
		{"^TestControls$/^H4A$", "", ""}, {"^TestH", "TestH4", "H8A"},
	} {
		set("run", tc.run)
		set("skip", tc.skip)
		var got []string
		for _, h := range dueOf(all) {
			got = append(got, h.ID)
		}
		assert.Equal(t, tc.want, strings.Join(got, " "), "%+v", tc)
	}
}
