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
	h := small("H4B", "r_await_ratio", "tier2_hit_share", "p99_ratio", "spearman_min")
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
			x, priced := experiment.Expect(p.plan, p.exp, false, nil)
			require.True(t, priced)
			ev, err := evidence.Load(walk(t, p, o, new(atomic.Bool)), nil)
			require.NoError(t, err)
			rep, _ := verdict.Judge(tc.h, ev)
			for name, expected := range map[string]float64{"machine hours": x.Cost.Seconds / 3600, "terabytes written": x.Cost.WrittenBytes / 1e12} {
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

// A plan that is shown tells what each cell and all of them cost, the second stage, and several plans together.
func TestPlanTellsItsCost(t *testing.T) {
	p := testPlan(t, smallH0, testOptions(t))
	for _, pc := range p.plan.Cells {
		require.NotNil(t, pc.Price)
		assert.Greater(t, pc.Price.Seconds, 70.0, "%s: baseline, warm-up and measure", pc.Key)
		assert.Less(t, pc.Price.Seconds, 600.0, pc.Key)
	}
	var out bytes.Buffer
	experiment.Print(&out, p.plan, p.exp, "a claim", true)
	assert.Regexp(t, `expected: [0-9.]+ h of virtual time; the wall time is a small part of it; 0\.\d{4} TB written to the drive`, out.String())
	assert.Regexp(t, `up to 2 levels a stack, 4 cells, [0-9.]+ h, 0\.\d{4} TB`, out.String())
	assert.Regexp(t, `(?m)^ +1  \S+ +\d+\.\d{3} h +\d+\.\d{5} TB$`, out.String())
	x, ok := experiment.Expect(p.plan, p.exp, true, nil)
	require.True(t, ok)
	assert.Equal(t, []int{len(p.plan.Cells), 4}, []int{x.Cells, x.Later})
	assert.Greater(t, x.All().Seconds, x.Cost.Seconds)
	// What an earlier plan measures costs nothing in a later one.
	known := map[string]bool{}
	first, _ := experiment.Expect(p.plan, p.exp, false, known)
	second, _ := experiment.Expect(p.plan, p.exp, false, known)
	assert.Equal(t, []any{0, x.Cost}, []any{first.Taken, first.Cost})
	assert.Equal(t, []any{len(p.plan.Cells), record.Price{}}, []any{second.Taken, second.Cost})
	other := x
	other.Hypothesis = "H1"
	out.Reset()
	experiment.PrintExpected(&out, []experiment.Expected{x, other})
	assert.Regexp(t, `(?m)^H0 +\d+ +0 +[0-9.]+ +[0-9.]+$`, out.String())
	assert.Regexp(t, `(?m)^all +`+strconv.Itoa(2*(x.Cells+4))+` `, out.String())
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
	one, ok := experiment.Expect(p.plan, p.exp, false, nil)
	require.True(t, ok)
	o.WearBudget = one.Cost.WrittenBytes * 1.1 / 1e12 // enough for the one, not for both
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
