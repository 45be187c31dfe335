package hypotheses

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// tier2 is what stack B does with tier 2 at one context, by repetition where there are two figures.
type tier2 struct {
	fetch [2]float64 // every fetch as a share of TTFT, which is a second
	hits  float64    // share of the blocks looked up that it serves
	mb    [2]float64 // read from it by the KV manager's account, MB/s
	reads [2]float64 // of the block device, 1/s
}

// Below the knee tier 2 serves next to nothing, and fetches are long; at the knee both conditions hold.
var (
	underKnee = tier2{[2]float64{0.9, 0.9}, 0.01, [2]float64{10, 10}, [2]float64{100, 100}}
	atKnee    = tier2{[2]float64{0.9, 0.9}, 0.8, [2]float64{400, 400}, [2]float64{3000, 3000}}
)

// change is a level with something else.
func (x tier2) change(f func(*tier2)) tier2 {
	f(&x)
	return x
}

// tiers is a run of H2B with these levels of stack B at ctx 1024, 4096 and, if there are three, 2048 between them.
// Stack A reads as it does when idle.
func tiers(t *testing.T, levels ...tier2) *recording {
	t.Helper()
	r := recorded(t, h2b).brief().gates("min_samples", 80)
	at := map[int]tier2{1024: levels[0], 4096: levels[len(levels)-1]}
	if len(levels) == 3 {
		at[2048] = levels[1]
		for _, rep := range []string{"/rep=1", "/rep=2"} {
			for _, stack := range []string{"stack=A", "stack=B"} {
				r.extra(stack+"/ctx=1024/conc=32"+rep, stack+"/ctx=2048/conc=32"+rep)
			}
		}
	}
	const requests = 40
	r.answers(func(cell record.Cell) []answer {
		out := make([]answer, requests)
		for i := range out {
			out[i] = answer{at: measured * float64(i) / requests, ttft: 1000}
		}
		return out
	})
	fetches := map[string]float64{} // counted in a cell
	r.lines("dynkv.jsonl", func(cell record.Cell, s object) bool {
		x, rep, counters := at[cell.Int("ctx")], cell.Int("rep")-1, s["tier2"].(object)
		counters["bytes_out"] = x.mb[rep] * 1e6 * (s["ts"].(float64) - 946684800)
		counters["hits"], counters["fetch_count"], counters["fetch_queue_ms_sum"], counters["fetch_transfer_ms_sum"] = 0, 0, 0, 0
		if s["phase"] == record.PhaseMeasure {
			fetches[cell.String()]++
			n := fetches[cell.String()]
			counters["fetch_count"] = n
			// A third of each is the wait for the loader.
			counters["fetch_queue_ms_sum"], counters["fetch_transfer_ms_sum"] = n*x.fetch[rep]*1000/3, n*x.fetch[rep]*2000/3
			counters["hits"] = x.hits * requests * float64(cell.Int("ctx")/32)
		}
		return true
	})
	return r.reading(func(cell record.Cell) *drive {
		if cell.Level("stack") == "A" {
			d := same(2, 0)
			return &d
		}
		return &drive{2, at[cell.Int("ctx")].reads}
	})
}

// onto gives the evidence of a run of tiers other levels of stack B, the lowest first.
func onto(ev *evidence.Evidence, levels ...tier2) (b []*evidence.Group) {
	for _, g := range ev.Groups() {
		if g.Stack() != "B" {
			continue
		}
		x := levels[len(b)]
		b = append(b, g)
		for _, c := range g.Cells {
			hits := x.hits * float64(len(c.Requests)*c.ContextTokens/32)
			c.KV.Tier2Hits = &hits
			for _, all := range []struct {
				rep stats.Rep
				v   float64
			}{{c.KV.Fetches, 1000 * x.fetch[c.Rep-1]}, {c.KV.Tier2Reads, 1e6 * x.mb[c.Rep-1]}, {c.Sys.Measure.Reads, x.reads[c.Rep-1]}} {
				for i := range all.rep {
					all.rep[i].V = all.v
				}
			}
		}
	}
	return b
}

// A storage knee needs both conditions at one level. A level whose estimate falls short is none; at the first one
// that is, the interval has to clear the threshold too.
func TestStorageKnee(t *testing.T) {
	t.Parallel()
	fetch := func(first, second float64) tier2 {
		return atKnee.change(func(x *tier2) { x.fetch = [2]float64{first, second} })
	}
	hits := func(share float64) tier2 { return atKnee.change(func(x *tier2) { x.hits = share }) }
	ev := tiers(t, underKnee, atKnee).evidence()
	for _, tc := range []struct {
		name           string
		first, last    tier2
		share, hits    float64       // thresholds, 0.5 and 0.2 unless set
		knee, notFirst verdict.State // notFirst "" where there is no knee
	}{
		{"both conditions", underKnee, atKnee, 0, 0, verdict.Holds, verdict.Holds},
		{"fetches just long enough", underKnee, fetch(0.51, 0.51), 0, 0, verdict.Holds, verdict.Holds},
		{"fetches just too short", underKnee, fetch(0.49, 0.49), 0, 0, verdict.Contradicted, ""},
		{"hits just enough", underKnee, hits(0.21), 0, 0, verdict.Holds, verdict.Holds},
		{"hits just too few", underKnee, hits(0.19), 0, 0, verdict.Contradicted, ""},
		{"the share of fetches is the configuration's", underKnee, fetch(0.49, 0.49), 0.48, 0, verdict.Holds, verdict.Holds},
		{"a higher share of fetches", underKnee, fetch(0.51, 0.51), 0.52, 0, verdict.Contradicted, ""},
		{"the share of hits is the configuration's", underKnee, hits(0.19), 0, 0.18, verdict.Holds, verdict.Holds},
		{"a higher share of hits", underKnee, hits(0.21), 0, 0.22, verdict.Contradicted, ""},
		{"estimate above, interval across", underKnee, fetch(0.6, 0.8), 0, 0, verdict.Undecided, verdict.Holds},
		{"estimate above, 95 % interval across, 90 % interval above", underKnee, fetch(0.725, 0.8), 0, 0, verdict.Undecided, verdict.Holds},
		{"95 % interval above, 99 % interval across", underKnee, fetch(0.76, 0.8), 0, 0, verdict.Holds, verdict.Holds},
		{"a knee from the first level on", atKnee, atKnee, 0, 0, verdict.Holds, verdict.Contradicted},
		{"a knee at the first level alone", atKnee, underKnee, 0, 0, verdict.Holds, verdict.Contradicted},
		{"one condition at each level", hits(0.1), fetch(0.4, 0.4), 0, 0, verdict.Contradicted, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev.Exp.Hypothesis.Thresholds["fetch_share"] = cmp.Or(tc.share, 0.5)
			ev.Exp.Hypothesis.Thresholds["tier2_hit_share"] = cmp.Or(tc.hits, 0.2)
			_, checks, _ := storageKnee(ev, onto(ev, tc.first, tc.last))
			assert.Equal(t, tc.knee, checks[0].State, checks[0].Detail)
			assert.Equal(t, "storage_knee", checks[0].Name)
			if tc.notFirst == "" {
				assert.Len(t, checks, 1)
				return
			}
			assert.Equal(t, tc.notFirst, checks[1].State, checks[1].Detail)
			assert.Equal(t, "not_at_first_level", checks[1].Name)
		})
	}
}

// It is the p95 of TTFT: not the median, and not p99.
func TestStorageKneeIsOfP95(t *testing.T) {
	t.Parallel()
	ev := tiers(t, underKnee, atKnee).evidence()
	fetch := atKnee.change(func(x *tier2) { x.fetch = [2]float64{0.7, 0.7} })
	b := onto(ev, underKnee, fetch)
	slow := func(each int) {
		for _, c := range b[1].Cells {
			for i := range c.Requests {
				if i%each == each/2 {
					c.Requests[i].TTFT = 2000
				}
			}
		}
	}
	slow(40)
	_, checks, _ := storageKnee(ev, b)
	require.NotNil(t, checks[0].Value, checks[0].Detail)
	assert.InDelta(t, 0.7, *checks[0].Value, 1e-9, checks[0].Detail)
	slow(10)
	_, checks, _ = storageKnee(ev, b)
	assert.Equal(t, verdict.Contradicted, checks[0].State, checks[0].Detail)
}

// A server that tells no fetch latency, or no hits, leaves it open.
func TestStorageKneeNeedsFetches(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"fetch_count", "hits"} {
		c := tiers(t, underKnee, atKnee).lines("dynkv.jsonl", func(cell record.Cell, s object) bool {
			if cell.Int("ctx") == 4096 && cell.Int("rep") == 2 {
				s["tier2"].(object)[field] = nil
			}
			return true
		}).check("storage_knee")
		assert.Equal(t, verdict.Undecided, c.State, c.Detail)
	}
}

// From the level below to the knee both counts have to rise, each by an interval at half of rise_alpha. With two
// repetitions that differ by d, that of a mean reaches 12.7 d to both sides at 97.5 %, and 6.4 d at 95 %.
func TestRisesAtKnee(t *testing.T) {
	t.Parallel()
	knee := func(mb, reads [2]float64) tier2 {
		return atKnee.change(func(x *tier2) { x.mb, x.reads = mb, reads })
	}
	busyBelow := underKnee.change(func(x *tier2) { x.reads = [2]float64{3001, 3001} })
	two, three := tiers(t, underKnee, atKnee).evidence(), tiers(t, underKnee, underKnee, atKnee).evidence()
	for _, tc := range []struct {
		name   string
		levels []tier2
		alpha  float64 // 0.05 unless set
		want   verdict.State
	}{
		{"both", []tier2{underKnee, atKnee}, 0, verdict.Holds},
		{"both, just so", []tier2{underKnee, knee([2]float64{11, 11}, [2]float64{101, 101})}, 0, verdict.Holds},
		{"bytes alone", []tier2{underKnee, knee([2]float64{400, 400}, [2]float64{100, 100})}, 0, verdict.Contradicted},
		{"reads alone", []tier2{underKnee, knee([2]float64{10, 10}, [2]float64{3000, 3000})}, 0, verdict.Contradicted},
		{"neither", []tier2{underKnee, knee([2]float64{9, 9}, [2]float64{99, 99})}, 0, verdict.Contradicted},
		{"bytes, and reads in one repetition", []tier2{underKnee, knee([2]float64{400, 400}, [2]float64{3000, 99})}, 0, verdict.Undecided},
		{"reads, and bytes in one repetition", []tier2{underKnee, knee([2]float64{400, 9}, [2]float64{3000, 3000})}, 0, verdict.Undecided},
		{"reads in one repetition, and no bytes", []tier2{underKnee, knee([2]float64{9, 9}, [2]float64{3000, 99})}, 0, verdict.Contradicted},
		{"reads by 100, repetitions 4 apart", []tier2{underKnee, knee([2]float64{400, 400}, [2]float64{198, 202})}, 0, verdict.Holds},
		{"reads by 100, repetitions 12 apart", []tier2{underKnee, knee([2]float64{400, 400}, [2]float64{194, 206})}, 0, verdict.Undecided},
		{"bytes by 100, repetitions 4 apart", []tier2{underKnee, knee([2]float64{108, 112}, [2]float64{3000, 3000})}, 0, verdict.Holds},
		{"bytes by 100, repetitions 12 apart", []tier2{underKnee, knee([2]float64{104, 116}, [2]float64{3000, 3000})}, 0, verdict.Undecided},
		{"12 apart is enough at a larger alpha", []tier2{underKnee, knee([2]float64{104, 116}, [2]float64{194, 206})}, 0.2, verdict.Holds},
		{"4 apart is not at a smaller one", []tier2{underKnee, knee([2]float64{400, 400}, [2]float64{198, 202})}, 0.005, verdict.Undecided},
		{"the level below, not the lowest", []tier2{underKnee, busyBelow, atKnee}, 0, verdict.Contradicted},
		{"the knee, not the last level", []tier2{underKnee, atKnee, underKnee}, 0, verdict.Holds},
		{"no level below", []tier2{atKnee, atKnee}, 0, verdict.Undecided},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := two
			if len(tc.levels) == 3 {
				ev = three
			}
			ev.Exp.Hypothesis.Thresholds["rise_alpha"] = cmp.Or(tc.alpha, 0.05)
			b := onto(ev, tc.levels...)
			knee, _, _ := storageKnee(ev, b)
			require.NotNil(t, knee)
			c := risesAtKnee(ev, b, knee)
			assert.Equal(t, tc.want, c.State, c.Detail)
		})
	}
	onto(three, underKnee, atKnee, underKnee)
	c := decidingOf(decideH2B(three).Checks)["rises_at_knee"]
	assert.Equal(t, verdict.Holds, c.State, c.Detail)
}

// A KV manager that does not count what it reads leaves it open.
func TestRisesAtKneeNeedsCounts(t *testing.T) {
	t.Parallel()
	c := tiers(t, underKnee, atKnee).lines("dynkv.jsonl", func(cell record.Cell, s object) bool {
		if cell.Int("ctx") == 1024 {
			s["tier2"].(object)["bytes_out"] = nil
		}
		return true
	}).check("rises_at_knee")
	assert.Equal(t, verdict.Undecided, c.State, c.Detail)
}

// Stack A is judged as H2A is, by all of its own cells; that stack B reads at the knee is no matter.
func TestStackAHasNone(t *testing.T) {
	t.Parallel()
	ev := tiers(t, underKnee, atKnee).evidence()
	for _, tc := range []struct {
		name         string
		first, last  drive   // ctx 1024 and 4096 on A
		share, floor float64 // 0.1 and 5 unless set
		want         verdict.State
	}{
		{"just inside", same(2, 0), same(2, 4.9), 0, 0, verdict.Holds},
		{"just outside", same(2, 0), same(2, 5.1), 0, 0, verdict.Contradicted},
		{"just outside at the first level", same(2, 5.1), same(2, 0), 0, 0, verdict.Contradicted},
		{"a higher floor", same(2, 0), same(2, 5.1), 0, 5.5, verdict.Holds},
		{"a share of the baseline", same(2, 0), same(200, 19), 0, 0, verdict.Holds},
		{"a lower share", same(2, 0), same(200, 19), 0.09, 0, verdict.Contradicted},
		{"inside, repetitions differ", same(2, 0), drive{2, [2]float64{2, 5}}, 0, 0, verdict.Undecided},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev.Exp.Hypothesis.Thresholds["idle_margin_share"] = cmp.Or(tc.share, 0.1)
			ev.Exp.Hypothesis.Thresholds["idle_margin_rps"] = cmp.Or(tc.floor, 5)
			for _, c := range ev.Cells {
				if c.Stack == "A" {
					map[int]drive{1024: tc.first, 4096: tc.last}[c.ContextTokens].onto(c)
				}
			}
			checks := decideH2B(ev).Checks
			i := slices.IndexFunc(checks, func(c verdict.Check) bool { return c.Name == "stack_a_has_none" })
			require.GreaterOrEqual(t, i, 0)
			assert.Equal(t, tc.want, checks[i].State, checks[i].Detail)
		})
	}
}

// A control that was not measured shows nothing.
func TestStackAHasNoneNeedsStackA(t *testing.T) {
	t.Parallel()
	r := tiers(t, underKnee, atKnee)
	for _, cell := range []string{"ctx=1024/conc=32/rep=1", "ctx=1024/conc=32/rep=2", "ctx=4096/conc=32/rep=1", "ctx=4096/conc=32/rep=2"} {
		r.lose("stack=A/" + cell)
	}
	c := r.check("stack_a_has_none")
	assert.Equal(t, verdict.Undecided, c.State, c.Detail)
}

// The gates of the edited run pass, so that the checks decide.
func TestOutcomeOfStorageKnee(t *testing.T) {
	t.Parallel()
	reads := func(first, second float64) tier2 {
		return atKnee.change(func(x *tier2) { x.reads = [2]float64{first, second} })
	}
	for _, tc := range []struct {
		name string
		last tier2
		a    drive
		want verdict.Outcome
	}{
		{"as claimed", atKnee, same(2, 0), verdict.Supported},
		{"no knee", underKnee, same(2, 0), verdict.Refuted},
		{"stack A reads", atKnee, same(2, 8), verdict.Refuted},
		{"no rise", reads(99, 99), same(2, 0), verdict.Refuted},
		{"the rise is open", reads(99, 3000), same(2, 0), verdict.Inconclusive},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			assertOutcome(t, tc.want, tiers(t, underKnee, tc.last).reading(func(cell record.Cell) *drive {
				if cell.Level("stack") == "A" {
					return &tc.a
				}
				return nil
			}))
		})
	}
}
