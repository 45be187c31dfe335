package hypotheses

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// edit changes a sweep whose levels are those of usual: 8, 12, 16, 20, 24, 28 and 40 users.
type edit func(s []step)

// both are two repetitions that are alike.
func both(v float64) [2]float64 { return [2]float64{v, v} }

// knees are the checks of stack A for a usual sweep with an edit, and the number of users at its knee, 0 without one.
func knees(t *testing.T, change edit, thresholds map[string]float64) (checks map[string]verdict.Check, users float64) {
	t.Helper()
	steps := usual()
	if change != nil {
		change(steps)
	}
	ev := sweepOfA(steps...)
	maps.Copy(ev.Exp.Hypothesis.Thresholds, thresholds)
	c := decideH0(ev)
	if v := c.Findings[0].Value; v != nil {
		users = *v
		require.Len(t, c.UWork, 1)
		assert.Equal(t, *c.Findings[0].Lo, float64(c.UWork[0].Users), "what can be used is the step below")
	}
	return decidingOf(c.Checks), users
}

// The knee is where the ratio is exceeded for consecutive steps and requests of every repetition wait. It is that of
// a queue if in every repetition more wait there than one step below.
func TestQueueKnee(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change edit
		needs  map[string]float64
		want   verdict.State
		users  float64
	}{
		{"usual", nil, nil, verdict.Holds, 16},
		{"the ratio nowhere exceeded", func(s []step) {
			for i := range s {
				s[i].ratio = both(1.98)
			}
		}, nil, verdict.Contradicted, 0},
		{"the ratio just exceeded", func(s []step) { s[2].ratio, s[3].ratio = both(2.02), both(2.02) }, nil, verdict.Holds, 16},
		{"a higher ratio", nil, map[string]float64{"rule_ratio": 3.1}, verdict.Contradicted, 0},
		{"a lower ratio", func(s []step) { s[1].waits = both(0.03) }, map[string]float64{"rule_ratio": 1.4}, verdict.Holds, 12},
		{"exceeded at single steps", func(s []step) { s[3].ratio, s[5].ratio = both(1.5), both(1.5) }, nil, verdict.Contradicted, 0},
		{"single steps are enough", func(s []step) {
			s[3].ratio, s[5].ratio = both(1.5), both(1.5)
		}, map[string]float64{"rule_consecutive": 1}, verdict.Holds, 16},
		{"five steps are too many", nil, map[string]float64{"rule_consecutive": 5}, verdict.Contradicted, 0},
		{"nobody waits", func(s []step) {
			for i := range s {
				s[i].waits = both(0)
			}
		}, nil, verdict.Contradicted, 0},
		// A hundredth is not more than a hundredth.
		{"too few wait where the ratio is first exceeded", func(s []step) { s[2].waits = both(0.01) }, nil, verdict.Holds, 20},
		{"just enough wait", func(s []step) { s[2].waits = both(0.015) }, nil, verdict.Holds, 16},
		{"enough of all, too few of one repetition", func(s []step) { s[2].waits = [2]float64{0.08, 0.01} }, nil, verdict.Undecided, 20},
		{"never enough in one repetition", func(s []step) {
			for i := range s {
				s[i].waits = [2]float64{0.1, 0.005}
			}
		}, nil, verdict.Undecided, 0},
		{"a higher share", nil, map[string]float64{"queue_wait_share": 0.07}, verdict.Holds, 20},
		{"a share that nothing reaches", nil, map[string]float64{"queue_wait_share": 0.95}, verdict.Contradicted, 0},
		{"a knee at the lowest level", func(s []step) {
			for i := range s[:2] {
				s[i].ratio, s[i].waits = both(3), both(0.02)
			}
		}, nil, verdict.Contradicted, 0},
		{"more wait one step below", func(s []step) { s[1].waits = both(0.06) }, nil, verdict.Contradicted, 16},
		{"as many wait one step below", func(s []step) { s[1].waits = both(0.05); s[1].n = 200 }, nil, verdict.Undecided, 16},
		{"more wait one step below in one repetition", func(s []step) { s[1].waits = [2]float64{0, 0.06} }, nil, verdict.Undecided, 16},
		{"enough wait in both, far apart", func(s []step) { s[2].waits = [2]float64{0.02, 0.4} }, nil, verdict.Undecided, 16},
		{"the ratio exceeded in both, far apart", func(s []step) {
			s[2].ratio, s[3].ratio = [2]float64{2.2, 9}, [2]float64{2.2, 9}
		}, nil, verdict.Undecided, 16},
		{"the ratio just exceeded, far apart, and then clearly", func(s []step) { s[2].ratio = [2]float64{2.2, 9} }, nil, verdict.Holds, 16},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checks, users := knees(t, tc.change, tc.needs)
			c := checks["A.queue_knee"]
			assert.Equal(t, tc.want, c.State, c.Detail)
			assert.Equal(t, tc.users, users)
			if users == 0 {
				assert.NotContains(t, checks, "A.repetitions_agree", "without a knee there is nothing to ask about it")
			}
		})
	}
}

// From the knee to the last level, which has two and a half times the users, completed requests may grow by less than
// growth_ratio of that, by the interval over blocks.
func TestGrowthStops(t *testing.T) {
	t.Parallel()
	last := func(n int) edit { return func(s []step) { s[len(s)-1].n = n } }
	for _, tc := range []struct {
		name   string
		change edit
		needs  map[string]float64
		want   verdict.State
	}{
		{"usual", nil, nil, verdict.Holds},
		{"just less than half as fast", last(348), nil, verdict.Holds},
		{"just more than half as fast", last(352), nil, verdict.Contradicted},
		{"as fast as users", last(500), nil, verdict.Contradicted},
		{"fewer than at the knee", last(160), nil, verdict.Holds},
		{"a lower threshold", last(348), map[string]float64{"growth_ratio": 0.4}, verdict.Contradicted},
		{"a higher threshold", last(352), map[string]float64{"growth_ratio": 0.6}, verdict.Holds},
		{"growth up to the knee does not count", func(s []step) { s[0].n, s[1].n = 20, 20 }, nil, verdict.Holds},
		{"nor does that between", func(s []step) { s[4].n = 500 }, nil, verdict.Holds},
		{"no level beyond the knee", func(s []step) {
			for i := range s {
				s[i].ratio = both(1.5)
			}
			s[len(s)-1].ratio = both(3)
		}, map[string]float64{"rule_consecutive": 1}, verdict.Undecided},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checks, _ := knees(t, tc.change, tc.needs)
			c := checks["A.growth_stops"]
			assert.Equal(t, tc.want, c.State, c.Detail)
		})
	}
	steps := usual()
	ev := sweepOfA(steps...)
	for _, c := range ev.Cells {
		if c.Users == 16 && c.Rep == 2 {
			for i := range c.Requests {
				c.Requests[i].RC = record.RCTimeout
			}
		}
	}
	ls := levels(ev, "A", false, 0)
	c := growthStops(ev, "A", ls, 2)
	assert.Equal(t, verdict.Undecided, c.State, "nothing was completed at the knee in a block")
	assert.Contains(t, c.Detail, "nothing was completed")
	assertAbove(t, slowly(), "growth_ratio", func(ev *evidence.Evidence) verdict.Check {
		c := growthStops(ev, "A", levels(ev, "A", false, 0), 2)
		below := map[verdict.State]verdict.State{verdict.Holds: verdict.Contradicted, verdict.Contradicted: verdict.Holds}
		if s, ok := below[c.State]; ok {
			c.State = s // the condition is that growth lies below
		}
		return c
	})
}

// Where there is no knee growth is asked of the end of the sweep, if it was looked at closely.
func TestGrowthIsAskedWithoutAKnee(t *testing.T) {
	t.Parallel()
	quiet := func(n int) edit {
		return func(s []step) {
			for i := range s {
				s[i].waits = both(0)
			}
			s[len(s)-4].n, s[len(s)-1].n = 200, n // 20 and 40 users
		}
	}
	for n, want := range map[int]verdict.State{200: verdict.Holds, 298: verdict.Holds, 302: verdict.Contradicted, 400: verdict.Contradicted} {
		checks, users := knees(t, quiet(n), nil)
		assert.Zero(t, users)
		assert.Equal(t, want, checks["A.growth_stops"].State, "%d: %s", n, checks["A.growth_stops"].Detail)
		assert.Contains(t, checks["A.growth_stops"].Detail, "from 20 to 40 users")
	}
	for levels, want := range map[int]bool{4: false, 5: true} {
		steps := usual()[:levels]
		quiet(200)(steps)
		assert.Equal(t, want, decidingOf(decideH0(sweepOfA(steps...)).Checks)["A.growth_stops"].Name != "", "%d levels", levels)
	}
}

// slowly is a sweep whose growth past the knee differs between blocks.
func slowly() *evidence.Evidence {
	ev := sweepOfA(usual()...)
	for _, c := range ev.Cells {
		if c.Users == 40 && c.Rep == 2 {
			c.Requests = append(c.Requests, c.Requests[:3]...)
		}
	}
	return ev
}

// U_work of the blocks, each alone, has to be known within a fine step of that of all together: the distance from the knee to the
// level below it. With two blocks that differ by d the interval reaches 6.4 d to both sides.
func TestUWorkIsKnown(t *testing.T) {
	t.Parallel()
	// later has the second block's knee at the i-th level; all together have it at the third.
	later := func(i int) edit {
		return func(s []step) {
			for k := 2; k < i; k++ {
				s[k].ratio[1] = 1.5
			}
		}
	}
	for _, tc := range []struct {
		name   string
		change edit
		want   verdict.State
		mean   float64
	}{
		{"alike", nil, verdict.Holds, 12},
		{"a step later", later(3), verdict.Undecided, 14},
		{"two steps later", later(4), verdict.Undecided, 16},
		{"a step earlier", func(s []step) { s[1].ratio, s[1].waits = [2]float64{1.5, 3}, [2]float64{0, 0.03} }, verdict.Undecided, 10},
		{"no knee in one block", later(6), verdict.Undecided, 0},
		{"a knee at the lowest level in one block", func(s []step) {
			for i := range s[:2] {
				s[i].ratio, s[i].waits = [2]float64{1.5, 3}, [2]float64{0, 0.03}
			}
		}, verdict.Undecided, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checks, users := knees(t, tc.change, nil)
			assert.Equal(t, 16.0, users, "the knee of all together")
			c := checks["A.repetitions_agree"]
			assert.Equal(t, tc.want, c.State, c.Detail)
			if tc.mean > 0 {
				require.NotNil(t, c.Value, c.Detail)
				assert.InDelta(t, tc.mean, *c.Value, 1e-9, c.Detail)
			}
		})
	}
	// Both blocks have their knee further up than all together would be read at.
	ev := sweepOfA(usual()...)
	ls := levels(ev, "A", false, 0)
	for knee, want := range map[int]verdict.State{2: verdict.Holds, 3: verdict.Undecided, 5: verdict.Contradicted} {
		assert.Equal(t, want, uworkKnown(ev, "A", ls, knee).State, "%d", knee)
	}
	for _, users := range []int{8, 16, 40} {
		c := decidingOf(decideH0(withoutCell(sweepOfA(usual()...), users, 2)).Checks)["A.repetitions_agree"]
		assert.Equal(t, verdict.Undecided, c.State, "without a cell at %d users: %s", users, c.Detail)
	}
}

// Each stack is judged by its own cells.
func TestStacksHaveTheirOwnKnees(t *testing.T) {
	b := usual()
	b[len(b)-1].n = 500
	checks := decidingOf(decideH0(sweepOf(map[string][]step{"A": usual()[:2], "B": b})).Checks)
	assert.Equal(t, []string{"A.queue_knee", "B.growth_stops", "B.queue_knee", "B.repetitions_agree"}, slices.Sorted(maps.Keys(checks)))
	assert.Equal(t, verdict.Contradicted, checks["A.queue_knee"].State)
	assert.Equal(t, verdict.Holds, checks["B.queue_knee"].State)
	assert.Equal(t, verdict.Contradicted, checks["B.growth_stops"].State)
	assert.Equal(t, verdict.Holds, checks["B.repetitions_agree"].State)
}

// The other two knees stand beside the rule's and decide nothing: where the asymptotes cross, and the rule's knee
// under arrivals at 2, 4, 6 and 8 a second, in users that send as much. Answers take 3 s, and users think for 2 s.
func TestOtherKnees(t *testing.T) {
	ev := sweepOfA(usual()...)
	for i, s := range usual()[1:5] {
		for rep := 1; rep <= 2; rep++ {
			c, rate := s.cell(rep), 2*float64(i+1)
			c.Stack, c.RateRPS, c.Cell = "A", &rate, record.NewCell("stack", "A", "ctx", 256, "rate", rate, "rep", rep)
			ev.Cells = append(ev.Cells, c)
		}
	}
	c := decideH0(ev)
	require.Len(t, c.Findings, 3)
	for i, users := range []float64{16, 3.6 * 5, 4 * 5} {
		require.NotNil(t, c.Findings[i].Value, c.Findings[i].Detail)
		assert.InDelta(t, users, *c.Findings[i].Value, 1e-9, c.Findings[i].Name)
	}
	for _, check := range c.Checks {
		assert.Equal(t, check.Name == "A.knees_differ", check.State == verdict.Noted, check.Name)
	}
}

// crowd is a recorded run of H0 with a sweep: its lines say what the steps do.
func crowd(t *testing.T, steps []step) *recording {
	t.Helper()
	r := recorded(t, h0).unscreened().gates("min_samples", 100)
	of := map[string]*evidence.Cell{}
	for _, rep := range []string{"1", "2"} {
		r.lose("ctx=256/conc=1/rep=" + rep)
		for _, s := range steps {
			name := record.NewCell("ctx", 256, "conc", s.users).String() + "/rep=" + rep
			if s.users != 16 {
				r.extra("ctx=256/conc=16/rep="+rep, name)
			}
			of[name] = s.cell(int(rep[0] - '0'))
		}
	}
	r.json("plan.json", func(v object) {
		v["cells"] = slices.DeleteFunc(v["cells"].([]any), func(c any) bool { return c.(object)["users"] == 1.0 })
	})
	return r.answers(func(cell record.Cell) []answer {
		c := of[cell.String()]
		if c == nil {
			open := even(100, 1)
			for i := range open {
				open[i].wait = 1
			}
			return open
		}
		var out []answer
		for _, q := range c.Requests {
			out = append(out, answer{at: q.At, ttft: q.TTFT, e2e: q.E2E, wait: *q.WaitMS})
		}
		return out
	})
}

// The gates of the edited run pass, so that the checks decide.
func TestOutcomeOfQueueKnee(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change edit
		want   verdict.Outcome
	}{
		{"usual", func([]step) {}, verdict.Supported},
		{"no queue", func(s []step) {
			for i := range s {
				s[i].waits = both(0)
			}
		}, verdict.Refuted},
		{"growth", func(s []step) { s[len(s)-1].n = 500 }, verdict.Refuted},
		{"fewer wait at the knee in one repetition", func(s []step) { s[1].waits = [2]float64{0, 0.06} }, verdict.Inconclusive},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			steps := usual()
			tc.change(steps)
			assertOutcome(t, tc.want, crowd(t, steps[1:]))
		})
	}
}
