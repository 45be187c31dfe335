package hypotheses

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
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
	r := recorded(t, h2b).unscreened().brief().gates("min_samples", 80)
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
			return new(same(2, 0))
		}
		return &drive{2, at[cell.Int("ctx")].reads}
	})
}

// unscreened takes the block away that found where to look: what is left decides.
func (r *recording) unscreened() *recording {
	r.t.Helper()
	r.json("plan.json", func(p object) {
		p["cells"] = slices.DeleteFunc(p["cells"].([]any), func(c any) bool {
			cell := c.(object)
			if cell["rep"].(float64) > 0 {
				cell["stage"] = 1
				return false
			}
			require.NoError(r.t, os.RemoveAll(filepath.Join(r.dir, "cells", parseCell(r.t, cell["cell"].(string)).Folder())))
			return true
		})
	})
	return r
}

// onto gives the evidence of a run of tiers other levels of stack B, the lowest first.
func onto(ev *evidence.Evidence, levels ...tier2) (b []*evidence.Group) {
	_, b = byStackAB(ev)
	for i, g := range b {
		x := levels[i]
		for _, c := range g.Cells {
			hits := x.hits * float64(len(c.Requests)*c.ContextTokens/32)
			c.KV.Tier2Hits = &hits
			c.KV.Tier2BytesOut = new(1e6 * x.mb[c.Rep-1] * c.Seconds())
			c.Sys.Measure.ReadIOs = x.reads[c.Rep-1] * c.Sys.Measure.NVMeSeconds
			for k := range c.KV.Fetches {
				c.KV.Fetches[k].V = 1000 * x.fetch[c.Rep-1]
			}
		}
	}
	return b
}

// A storage knee needs both conditions at the level that screening found, each by its interval. The level below has to miss one
// of them, by its interval, too. With two blocks that differ by d the interval reaches 6.4 d to both sides.
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
		share, hits    float64 // thresholds, 0.5 and 0.2 unless set
		knee, notFirst verdict.State
	}{
		{"both conditions", underKnee, atKnee, 0, 0, verdict.Holds, verdict.Holds},
		{"fetches just long enough", underKnee, fetch(0.51, 0.51), 0, 0, verdict.Holds, verdict.Holds},
		{"fetches just too short", underKnee, fetch(0.49, 0.49), 0, 0, verdict.Contradicted, verdict.Holds},
		{"hits just enough", underKnee, hits(0.21), 0, 0, verdict.Holds, verdict.Holds},
		{"hits just too few", underKnee, hits(0.19), 0, 0, verdict.Contradicted, verdict.Holds},
		{"the share of fetches is the configuration's", underKnee, fetch(0.49, 0.49), 0.48, 0, verdict.Holds, verdict.Holds},
		{"a higher share of fetches", underKnee, fetch(0.51, 0.51), 0.52, 0, verdict.Contradicted, verdict.Holds},
		{"the share of hits is the configuration's", underKnee, hits(0.19), 0, 0.18, verdict.Holds, verdict.Holds},
		{"a higher share of hits", underKnee, hits(0.21), 0, 0.22, verdict.Contradicted, verdict.Holds},
		{"estimate above, interval across", underKnee, fetch(0.6, 0.8), 0, 0, verdict.Undecided, verdict.Holds},
		{"estimate above, 95 % interval across, 90 % interval above", underKnee, fetch(0.725, 0.8), 0, 0, verdict.Undecided, verdict.Holds},
		{"95 % interval above, 99 % interval across", underKnee, fetch(0.78, 0.8), 0, 0, verdict.Holds, verdict.Holds},
		{"the level below meets both", atKnee, atKnee, 0, 0, verdict.Holds, verdict.Contradicted},
		{"the level below misses hits by its estimate alone", hits(0.2), atKnee, 0, 0, verdict.Holds, verdict.Undecided},
		{"the level below misses fetches alone", fetch(0.49, 0.49), atKnee, 0, 0, verdict.Holds, verdict.Holds},
		{"the level below misses hits alone", hits(0.19), atKnee, 0, 0, verdict.Holds, verdict.Holds},
		{"one condition at each level", hits(0.1), fetch(0.4, 0.4), 0, 0, verdict.Contradicted, verdict.Holds},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev.Exp.Hypothesis.Thresholds["fetch_share"] = cmp.Or(tc.share, 0.5)
			ev.Exp.Hypothesis.Thresholds["tier2_hit_share"] = cmp.Or(tc.hits, 0.2)
			b := onto(ev, tc.first, tc.last)
			knee, effect := storageKnee(ev, b[1])
			assert.Equal(t, tc.knee, knee.State, knee.Detail)
			assert.Equal(t, "storage_knee", knee.Name)
			require.NotNil(t, effect)
			first := notAtFirst(ev, b, knee)
			assert.Equal(t, tc.notFirst, first.State, first.Detail)
			assert.Equal(t, "not_at_first_level", first.Name)
		})
	}
}

// Where the first level of the sweep is all that screening left, it has to miss the definition.
func TestStorageKneeAtTheFirstLevel(t *testing.T) {
	t.Parallel()
	ev := tiers(t, underKnee, atKnee).evidence()
	for _, tc := range []struct {
		only           tier2
		knee, notFirst verdict.State
	}{
		{atKnee, verdict.Holds, verdict.Contradicted},
		{underKnee, verdict.Contradicted, verdict.Holds},
		{atKnee.change(func(x *tier2) { x.fetch = [2]float64{0.4, 0.8} }), verdict.Undecided, verdict.Undecided},
	} {
		b := onto(ev, underKnee, tc.only)[1:]
		knee, _ := storageKnee(ev, b[0])
		first := notAtFirst(ev, b, knee)
		assert.Equal(t, []verdict.State{tc.knee, tc.notFirst}, []verdict.State{knee.State, first.State}, first.Detail)
	}
}

// From the block that screens the first level that meets the definition is confirmed, and the one below it, on both stacks.
func TestRefineAroundTheStorageKnee(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		levels []tier2
		want   []int // contexts
	}{
		"at the last":      {[]tier2{underKnee, underKnee, atKnee}, []int{2048, 4096}},
		"in the middle":    {[]tier2{underKnee, atKnee, atKnee}, []int{1024, 2048}},
		"at the first":     {[]tier2{atKnee, atKnee, atKnee}, []int{1024}},
		"nowhere":          {[]tier2{underKnee, underKnee, underKnee}, []int{2048, 4096}},
		"fetches, no hits": {[]tier2{underKnee, atKnee.change(func(x *tier2) { x.hits = 0.19 }), atKnee}, []int{2048, 4096}},
		"hits, no fetches": {[]tier2{underKnee, atKnee.change(func(x *tier2) { x.fetch = both(0.49) }), atKnee}, []int{2048, 4096}},
	} {
		t.Run(name, func(t *testing.T) {
			ev := tiers(t, underKnee, underKnee, atKnee).evidence()
			onto(ev, tc.levels...)
			var screened []*evidence.Cell
			for _, c := range ev.Cells {
				if c.Rep == 1 {
					screened = append(screened, c)
				}
			}
			ev.Cells = screened
			var want, got []string
			for _, stack := range []string{"A", "B"} {
				for _, ctx := range tc.want {
					want = append(want, fmt.Sprintf("stack=%s/ctx=%d/conc=32", stack, ctx))
				}
			}
			for _, c := range refineH2B(ev) {
				got = append(got, c.String())
			}
			assert.Equal(t, want, got)
		})
	}
	ev := configured(h2b)
	require.NoError(t, validH2B(ev))
	ev.Exp.Hypothesis.Run.Screening = false
	require.ErrorContains(t, validH2B(ev), "run.screening: must be true")
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
	fetch07, _, err := kneeScores(ev, b[1], 1)
	require.NoError(t, err)
	assert.InDelta(t, 0.7, fetch07, 1e-9)
	slow(10)
	c, _ := storageKnee(ev, b[1])
	assert.Equal(t, verdict.Contradicted, c.State, c.Detail)
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

// From the level below to the knee both counts have to rise, each by its interval, and what tier 2 serves by a fifth of the lookups.
func TestRisesAtKnee(t *testing.T) {
	t.Parallel()
	knee := func(mb, reads [2]float64) tier2 {
		return atKnee.change(func(x *tier2) { x.mb, x.reads = mb, reads })
	}
	ev := tiers(t, underKnee, atKnee).evidence()
	for _, tc := range []struct {
		name string
		last tier2
		want verdict.State
	}{
		{"both", atKnee, verdict.Holds},
		{"both, just so", knee(both(11), both(101)), verdict.Holds},
		{"a fifth more of the lookups", atKnee.change(func(x *tier2) { x.hits = 0.22 }), verdict.Holds},
		{"hardly a fifth more", atKnee.change(func(x *tier2) { x.hits = 0.2 }), verdict.Contradicted},
		{"bytes alone", knee(both(400), both(99)), verdict.Contradicted},
		{"reads alone", knee(both(9), both(3000)), verdict.Contradicted},
		{"neither", knee(both(9), both(99)), verdict.Contradicted},
		{"bytes, and reads in one repetition", knee(both(400), [2]float64{3000, 99}), verdict.Undecided},
		{"reads, and bytes in one repetition", knee([2]float64{400, 9}, both(3000)), verdict.Undecided},
		{"reads in one repetition, and fewer bytes", knee(both(9), [2]float64{3000, 99}), verdict.Contradicted},
		{"reads by 100, repetitions 12 apart", knee(both(400), [2]float64{194, 206}), verdict.Holds},
		{"reads by 100, repetitions 40 apart", knee(both(400), [2]float64{180, 220}), verdict.Undecided},
		{"bytes by 100, repetitions 12 apart", knee([2]float64{104, 116}, both(3000)), verdict.Holds},
		{"bytes by 100, repetitions 40 apart", knee([2]float64{90, 130}, both(3000)), verdict.Undecided},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := onto(ev, underKnee, tc.last)
			c := risesAtKnee(ev, b[0], b[1])
			assert.Equal(t, tc.want, c.State, c.Detail)
		})
	}
	b := onto(ev, underKnee.change(func(x *tier2) { x.hits = 0.75 }), atKnee.change(func(x *tier2) { x.hits = 0.94 }))
	c := risesAtKnee(ev, b[0], b[1])
	assert.Equal(t, verdict.Contradicted, c.State, "it had served most of them below the knee: %s", c.Detail)
	assert.Contains(t, c.Detail, "lookups that tier 2 serves by 19 points [19, 19] (need above 20;")
}

// A tier that is never read does not rise: no test is needed for that, and none could be made.
func TestNothingReadDoesNotRise(t *testing.T) {
	t.Parallel()
	quiet := underKnee.change(func(x *tier2) { x.mb = both(0) })
	c := tiers(t, quiet, quiet).check("rises_at_knee")
	assert.Equal(t, verdict.Contradicted, c.State, c.Detail)
	assert.Contains(t, c.Detail, "at ctx 4096 nothing is read from tier 2 in any block")
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
	for _, tc := range []struct {
		name        string
		first, last drive // ctx 1024 and 4096 on A
		want        verdict.State
	}{
		{"just inside", same(2, 0), same(2, 0.9), verdict.Holds},
		{"just outside", same(2, 0), same(2, 1.1), verdict.Contradicted},
		{"just outside at the lower level", same(2, 1.1), same(2, 0), verdict.Contradicted},
		{"inside, repetitions differ", same(2, 0), drive{2, [2]float64{2, 2.9}}, verdict.Undecided},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := tiers(t, underKnee, atKnee).reading(func(cell record.Cell) *drive {
				if cell.Level("stack") != "A" {
					return nil
				}
				return new(map[int]drive{1024: tc.first, 4096: tc.last}[cell.Int("ctx")])
			}).check("stack_a_has_none")
			assert.Equal(t, tc.want, c.State, c.Detail)
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
