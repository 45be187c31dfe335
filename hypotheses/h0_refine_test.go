package hypotheses

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// coarse is a sweep over 8, 16, 24 and 32 users without a queue.
func coarse() []step {
	var out []step
	for users := 8; users <= 32; users += 8 {
		out = append(out, step{users, both(1.5), both(0), 200})
	}
	return out
}

// What is measured are the first level at which the ratio is exceeded with requests waiting, its neighbours, levels between them,
// and the ends of the sweep.
func TestRefineAroundTheKnee(t *testing.T) {
	busy := func(levels ...int) edit {
		return func(s []step) {
			for _, i := range levels {
				s[i].ratio, s[i].waits = both(3), both(0.1)
			}
		}
	}
	for _, tc := range []struct {
		name   string
		change edit
		want   []int
	}{
		{"in the middle", busy(2, 3), []int{8, 16, 18, 20, 22, 24, 26, 28, 30, 32}},
		{"a single step is enough", busy(1), []int{8, 10, 12, 14, 16, 18, 20, 22, 24, 32}},
		{"at the first level", busy(0, 1), []int{8, 10, 12, 14, 16, 32}},
		{"at the last level", busy(3), []int{8, 24, 26, 28, 30, 32}},
		{"nowhere", busy(), []int{8, 16, 24, 26, 28, 30, 32}},
		{"the ratio without waits", func(s []step) { busy(1, 2)(s); s[1].waits = both(0.01) }, []int{8, 16, 18, 20, 22, 24, 26, 28, 30, 32}},
		{"just enough wait", func(s []step) { busy(1, 2)(s); s[1].waits = both(0.015) }, []int{8, 10, 12, 14, 16, 18, 20, 22, 24, 32}},
		{"waits in one repetition", func(s []step) { busy(1, 2)(s); s[1].waits = [2]float64{0.1, 0} }, []int{8, 10, 12, 14, 16, 18, 20, 22, 24, 32}},
		{"waits without the ratio", func(s []step) { busy(1, 2)(s); s[1].ratio = both(2) }, []int{8, 16, 18, 20, 22, 24, 26, 28, 30, 32}},
		{"the ratio just exceeded", func(s []step) { busy(1, 2)(s); s[1].ratio = both(2.02) }, []int{8, 10, 12, 14, 16, 18, 20, 22, 24, 32}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			steps := coarse()
			tc.change(steps)
			var got []int
			for _, c := range refineH0(sweepOfA(steps...)) {
				require.Len(t, c, 3, "%s: the factors of the sweep and no repetition", c)
				assert.Equal(t, "A", c.Level("stack"))
				assert.Equal(t, 256, c.Int("ctx"))
				got = append(got, c.Int("conc"))
			}
			assert.Equal(t, tc.want, got)
		})
	}
}

// Thresholds and the number of levels are the configuration's, and each stack has its own place.
func TestRefineEachStack(t *testing.T) {
	a, b := coarse(), coarse()
	a[3].ratio, a[3].waits = both(3), both(0.1)
	b[1].ratio, b[1].waits = both(3), both(0.02)
	b[2].ratio, b[2].waits = both(4), both(0.1)
	names := func(change func(thresholds map[string]float64, fine *int)) (out []string) {
		ev := sweepOf(map[string][]step{"A": a, "B": b})
		change(ev.Exp.Hypothesis.Thresholds, &ev.Exp.Hypothesis.Sweep.FineStep)
		for _, c := range refineH0(ev) {
			if n := c.Int("conc"); n%8 > 0 {
				out = append(out, c.String()) // not of the coarse sweep
			}
		}
		return out
	}
	assert.Equal(t, []string{"stack=A/ctx=256/conc=28", "stack=B/ctx=256/conc=12", "stack=B/ctx=256/conc=20"},
		names(func(_ map[string]float64, fine *int) { *fine = 1 }))
	assert.Equal(t, []string{"stack=A/ctx=256/conc=28", "stack=B/ctx=256/conc=20", "stack=B/ctx=256/conc=28"},
		names(func(th map[string]float64, fine *int) { *fine, th["queue_wait_share"] = 1, 0.03 }))
	assert.Equal(t, []string{"stack=A/ctx=256/conc=28", "stack=B/ctx=256/conc=20", "stack=B/ctx=256/conc=28"},
		names(func(th map[string]float64, fine *int) { *fine, th["rule_ratio"] = 1, 3.5 }))
	assert.Empty(t, names(func(_ map[string]float64, fine *int) { *fine = 0 }))
}

func TestBetween(t *testing.T) {
	for _, tc := range []struct {
		lo, hi, n int
		want      []int
	}{
		{8, 16, 3, []int{10, 12, 14}},
		{8, 16, 1, []int{12}},
		{1, 16, 1, []int{9}},
		{10, 20, 2, []int{13, 17}},
		{1, 4, 5, []int{2, 3}}, // no more whole numbers than there are
		{1, 3, 3, []int{2}},
		{1, 2, 3, nil},
		{4, 4, 3, nil},
		{8, 16, 0, nil},
	} {
		assert.Equal(t, tc.want, between(tc.lo, tc.hi, tc.n), "%d between %d and %d", tc.n, tc.lo, tc.hi)
	}
	for hi := range 40 {
		for n := range 9 {
			last := 3
			got := between(3, hi, n)
			for _, v := range got {
				assert.True(t, v > last && v < hi, "%d between 3 and %d: %v", n, hi, got)
				last = v
			}
			assert.Len(t, got, max(0, min(n, hi-4)), "%d between 3 and %d: %v", n, hi, got)
		}
	}
}

// Knees that differ by more than a tenth, to either side, and those that are not there are noted.
func TestDisagreement(t *testing.T) {
	at := func(users float64) verdict.Finding {
		return verdict.Finding{Name: "knee", Estimate: stats.Alone(users)}
	}
	for _, tc := range []struct {
		knee  verdict.Finding
		noted string // "" for none
	}{
		{at(100), ""},
		{at(109), ""},
		{at(91), ""},
		{at(111), "is 100 users, the knee is at 111 (+11 %)"},
		{at(89), "is 100 users, the knee is at 89 (-11 %)"},
		{verdict.Finding{Name: "knee", Detail: "not measured"}, "is 100 users; knee: not measured"},
	} {
		got := disagreement("B", 100, tc.knee)
		if tc.noted == "" {
			assert.Empty(t, got)
			continue
		}
		require.Len(t, got, 1, tc.noted)
		assert.Equal(t, "B.knees_differ", got[0].Name)
		assert.Equal(t, verdict.Noted, got[0].State)
		assert.Contains(t, got[0].Detail, tc.noted)
	}
	assert.Len(t, disagreement("A", 100, at(50), at(100), at(200)), 2)
}
