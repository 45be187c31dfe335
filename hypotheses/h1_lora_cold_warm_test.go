package hypotheses

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// H1: on Stack A, whether LoRA adapters are cold or warm changes TTFT, but not the tail that KV would drive.
//
// Mechanism: the first request for an adapter after a start waits until its weights have been read; from
// the NVMe when the page cache is empty, from memory when it is not. The server is started anew in both arms, so that a start's own
// part is in both. Later requests find the adapter on the
// device or in memory, and the KV cache never touches the NVMe.
//
// Falsifier: first touches that take as long warm as cold; or a p99 of all later requests that differs
// between the arms by 10 % or more.
var h1 = harness.Hypothesis{
	ID:        "H1",
	Claim:     "Cold or warm LoRA adapters change the TTFT of their first use, and nothing of the tail after it",
	Mechanism: "a first touch waits for the adapter's weights, from NVMe if the page cache is empty; later requests do not",
	Falsifier: "first touches that are as fast cold as warm, or a p99 of later requests that differs by 10 % or more",
	Config:    "h1.yaml",
	Requires:  []string{"first_touch_ratio", "equivalence_margin", "cold_read_share", "warm_read_share"},
	OneLevel:  []string{"ctx", "conc"},
	// The second half of the claim is "no effect": noise could hide one.
	Equivalence: true,
	Deciding:    []string{"first_touch", "later_p99_equivalent"},
	Decide:      decideH1,
}

func TestH1(t *testing.T) { harness.Run(t, h1) }

func decideH1(ev *evidence.Evidence) verdict.Conclusion {
	out := verdict.Conclusion{Gates: []gate.Gate{gate.AdapterReads(ev, ev.Threshold("cold_read_share"), ev.Threshold("warm_read_share"))}}
	cold, warm := phase(ev, record.ArmCold), phase(ev, record.ArmWarm)
	if cold == nil || warm == nil {
		out.Checks = []verdict.Check{{Name: "first_touch", State: verdict.Undecided, Detail: "an arm was not measured"}}
		return out
	}
	first, effect := firstTouch(ev, cold, warm)
	out.Checks = []verdict.Check{first, laterEquivalent(ev, cold, warm)}
	out.Effect = effect
	out.Figures = []verdict.Figure{h1Figure(cold, warm)}
	return out
}

// phase is the group of a phase, nil if no cell of it was measured.
func phase(ev *evidence.Evidence, name string) *evidence.Group {
	groups := ev.Groups()
	if i := slices.IndexFunc(groups, func(g *evidence.Group) bool { return g.Cells[0].Phase == name }); i >= 0 {
		return groups[i]
	}
	return nil
}

// firstTouch compares the TTFT of first touches between the arms: in every block the geometric mean over adapters of
// cold / warm, adapter by adapter, because both arms ask for the same ones at the same places of the load.
func firstTouch(ev *evidence.Evidence, cold, warm *evidence.Group) (verdict.Check, *verdict.Effect) {
	need, a := ev.Threshold("first_touch_ratio"), verdict.AlphaOf(ev)
	c := verdict.Check{Name: "first_touch", Of: "pairs"}
	b, err := ev.Blocks(stats.Log, func(rep int) (float64, error) {
		mean, pairs, err := firstTouchRatio(ev, cold, warm, rep)
		c.N += pairs
		return mean, err
	})
	if err != nil {
		return verdict.Open(c.Name, fmt.Sprintf("the ratio of first touches has no interval: %v", err)), nil
	}
	c = a.Above(c, b, need)
	lo, hi := ends(c)
	c.Detail = fmt.Sprintf("the first request for an adapter takes %.2f [%.2f, %.2f] times as long cold as warm (%s interval, need above %.2f), n %d pairs in %d blocks",
		*c.Value, lo, hi, percent(a), need, c.N, b.N())
	return c, effectOf("first-touch TTFT, cold / warm", "", b, c.N, c.Of)
}

// firstTouchRatio is the geometric mean over the adapters that both arms of a block asked for, and how many those are.
func firstTouchRatio(ev *evidence.Evidence, cold, warm *evidence.Group, rep int) (ratio float64, pairs int, err error) {
	x, err := cold.In(rep)
	if err != nil {
		return 0, 0, err
	}
	y, err := warm.In(rep)
	if err != nil {
		return 0, 0, err
	}
	coldFirst, warmFirst, sum := firstByAdapter(x), firstByAdapter(y), 0.0
	for _, adapter := range ev.Exp.Adapters {
		if x, y := coldFirst[adapter], warmFirst[adapter]; x > 0 && y > 0 {
			sum += math.Log(x / y)
			pairs++
		}
	}
	if pairs == 0 {
		return 0, 0, errors.New("no adapter was first asked for in both arms")
	}
	return math.Exp(sum / float64(pairs)), pairs, nil
}

// firstByAdapter is the TTFT of each adapter's first touch, ms.
func firstByAdapter(c *evidence.Cell) map[string]float64 {
	out := map[string]float64{}
	for i := range c.Requests {
		if r := &c.Requests[i]; r.FirstTouch && r.HasTTFT && !r.Censored {
			out[r.Adapter] = r.TTFT
		}
	}
	return out
}

// laterEquivalent tests that the p99 of all other requests is the same in both arms.
func laterEquivalent(ev *evidence.Evidence, cold, warm *evidence.Group) verdict.Check {
	margin, a := ev.Threshold("equivalence_margin"), verdict.AlphaOf(ev)
	c := verdict.Check{Name: "later_p99_equivalent", Of: "requests"}
	b, err := percentileRatio(ev, cold, warm, 0.99, (*evidence.Cell).LaterTouches)
	if err != nil {
		return verdict.Open(c.Name, fmt.Sprintf("the ratio of p99 has no interval: %v", err))
	}
	for _, rep := range cold.LaterTouches() {
		c.N += len(rep)
	}
	c = a.Inside(c, b, 1/(1+margin), 1+margin)
	lo, hi := ends(c)
	c.Detail = fmt.Sprintf("p99 TTFT of all later requests, cold / warm, is %.3f [%.3f, %.3f] (%s interval over %d blocks, as two one-sided tests need; margin %.0f %%)",
		*c.Value, lo, hi, percent(a), b.N(), margin*100)
	return c
}

// h1Figure draws the distributions of both arms and what each read from the NVMe.
func h1Figure(cold, warm *evidence.Group) verdict.Figure {
	ttft := verdict.Panel{XLabel: "TTFT, ms", YLabel: "share of requests", LogX: true}
	reads := verdict.Panel{XLabel: "repetition", YLabel: "NVMe reads since the treatment, GB"}
	for _, arm := range []struct {
		name  string
		group *evidence.Group
	}{{"cold", cold}, {"warm", warm}} {
		for _, part := range []struct {
			name string
			reps []stats.Rep
		}{{"first touch", arm.group.FirstTouches()}, {"later", arm.group.LaterTouches()}} {
			s := verdict.NewSeries(arm.name + ", " + part.name)
			s.CDF(part.reps)
			ttft.Series = append(ttft.Series, *s)
		}
		r := verdict.NewSeries(arm.name)
		for _, c := range arm.group.Cells {
			gb := c.Sys.SinceTreatment.ReadBytes / 1e9
			r.Value(float64(c.Rep), &gb)
		}
		reads.Series = append(reads.Series, *r)
	}
	return verdict.Figure{Name: "ttft_cold_warm", Title: "H1: TTFT cold and warm, and what was read from NVMe", Panels: []verdict.Panel{ttft, reads}}
}
