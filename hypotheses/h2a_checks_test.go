package hypotheses

import (
	"cmp"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// drive is what the NVMe reads before and during the load, reads/s, the load by repetition.
type drive struct {
	idle float64
	load [2]float64
}

// same reads so much more under load than idle, in both repetitions.
func same(idle, more float64) drive { return drive{idle, [2]float64{idle + more, idle + more}} }

// reading sets the reads of all cells for which of gives a drive.
func (r *recording) reading(of func(cell record.Cell) *drive) *recording {
	r.t.Helper()
	return r.samples(func(cell record.Cell, s object) {
		d := of(cell)
		if d == nil {
			return
		}
		switch nvme := s["nvme"].(object); s["phase"] {
		case record.PhaseBaseline:
			nvme["reads"] = d.idle * s["dt_ms"].(float64) / 1e3
		case record.PhaseMeasure:
			nvme["reads"] = d.load[cell.Int("rep")-1] * s["dt_ms"].(float64) / 1e3
		}
	})
}

// onto gives a cell of the evidence these reads.
func (d drive) onto(c *evidence.Cell) {
	for i := range c.Sys.Baseline.Reads {
		c.Sys.Baseline.Reads[i].V = d.idle
	}
	for i := range c.Sys.Measure.Reads {
		c.Sys.Measure.Reads[i].V = d.load[c.Rep-1]
	}
}

// Every cell is compared with its own baseline: the interval of the difference has to lie inside the margin, which
// is the larger of a share of the baseline and a floor.
func TestReadsAsIdle(t *testing.T) {
	t.Parallel()
	ev := recorded(t, h2a).brief().evidence()
	for _, tc := range []struct {
		name         string
		short, long  drive   // ctx 256 and 512
		share, floor float64 // 0.1 and 5 unless set
		want         verdict.State
		value        float64 // of the cell furthest from idle
	}{
		{"as idle", same(2, 0), same(2, 0), 0, 0, verdict.Holds, 0},
		{"just inside the floor", same(2, 1), same(2, 4.9), 0, 0, verdict.Holds, 4.9},
		{"just outside the floor", same(2, 1), same(2, 5.1), 0, 0, verdict.Contradicted, 5.1},
		{"the other cell alone", same(2, 5.1), same(2, 1), 0, 0, verdict.Contradicted, 5.1},
		{"fewer, just inside", same(20, -4.9), same(20, 1), 0, 0, verdict.Holds, -4.9},
		{"fewer, just outside", same(20, -5.1), same(20, 1), 0, 0, verdict.Contradicted, -5.1},
		{"the one furthest from idle has the smallest difference", same(20, -3), same(20, 1), 0, 0, verdict.Holds, -3},
		{"just inside a tenth of the baseline", same(200, 19), same(2, 0), 0, 0, verdict.Holds, 19},
		{"just outside a tenth of the baseline", same(200, 21), same(2, 0), 0, 0, verdict.Contradicted, 21},
		{"a tenth of another cell's baseline", same(200, 0), same(2, 19), 0, 0, verdict.Contradicted, 19},
		{"a baseline of its own", same(100, 0), same(2, 0), 0, 0, verdict.Holds, 0},
		{"the floor is the configuration's", same(2, 0), same(2, 5.1), 0, 5.5, verdict.Holds, 5.1},
		{"a lower floor", same(2, 0), same(2, 4.9), 0, 4.5, verdict.Contradicted, 4.9},
		{"the share is the configuration's", same(2, 0), same(200, 21), 0.11, 0, verdict.Holds, 21},
		{"a lower share", same(2, 0), same(200, 19), 0.09, 0, verdict.Contradicted, 19},
		// The interval decides: the estimates of these lie inside and outside. With two repetitions that differ by d it
		// reaches 3.2 d to both sides; at 80 % it would be 1.5 d, and at 95 % 6.4 d.
		{"inside, repetitions differ", same(2, 0), drive{2, [2]float64{2, 4}}, 0, 0, verdict.Undecided, 1},
		{"outside, repetitions differ", same(2, 0), drive{2, [2]float64{7, 12}}, 0, 0, verdict.Undecided, 7.5},
		{"fewer, inside, repetitions differ", same(20, 0), drive{20, [2]float64{20, 17}}, 0, 0, verdict.Undecided, -1.5},
		{"repetitions hardly differ", same(2, 0), drive{2, [2]float64{3, 4}}, 0, 0, verdict.Holds, 1.5},
		{"an open cell beside one that is further apart and holds", drive{2, [2]float64{2, 5}}, same(2, 4.9), 0, 0, verdict.Undecided, 1.5},
		{"a cell outside beside an open one that is further apart", drive{2, [2]float64{2, 22}}, same(2, 5.1), 0, 0, verdict.Contradicted, 5.1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev.Exp.Hypothesis.Thresholds["idle_margin_share"] = cmp.Or(tc.share, 0.1)
			ev.Exp.Hypothesis.Thresholds["idle_margin_rps"] = cmp.Or(tc.floor, 5)
			for _, c := range ev.Cells {
				map[int]drive{256: tc.short, 512: tc.long}[c.ContextTokens].onto(c)
			}
			c := decideH2A(ev).Checks[0]
			assert.Equal(t, tc.want, c.State, c.Detail)
			assert.InDelta(t, tc.value, *c.Value, 1e-9, c.Detail)
		})
	}
}

// A drive that nobody watched is not idle.
func TestReadsAsIdleNeedsReadings(t *testing.T) {
	t.Parallel()
	for _, phase := range []string{record.PhaseBaseline, record.PhaseMeasure} {
		r := recorded(t, h2a).samples(func(cell record.Cell, s object) {
			if s["phase"] == phase && cell.Int("ctx") == 512 && cell.Int("rep") == 2 {
				s["nvme"] = nil
			}
		})
		c := r.check("reads_as_idle")
		assert.Equal(t, verdict.Undecided, c.State, c.Detail)
	}
}

// queued is a cell of a made-up H2A: its p99 TTFT, its queue depth and its GPU's busy share. A negative queue is not
// known.
type queued struct{ p99, queue, busy float64 }

// levelled is a run of H2A with so many levels: those recorded, and more with eight users and more.
func levelled(t *testing.T, levels int) *recording {
	t.Helper()
	r := recorded(t, h2a).brief().gates("min_samples", 40)
	for i := 2; i < levels; i++ {
		for _, rep := range []string{"/rep=1", "/rep=2"} {
			r.extra("ctx=512/conc=4"+rep, fmt.Sprintf("ctx=512/conc=%d", 4*i)+rep)
		}
	}
	return r
}

// queued gives each level of a run its queue.
func (r *recording) queued(of func(level, rep int) queued) *recording {
	r.t.Helper()
	cellOf := func(cell record.Cell) queued {
		level := cell.Int("conc") / 4
		if cell.Int("ctx") == 256 {
			level = 0
		}
		return of(level, cell.Int("rep"))
	}
	r.answers(func(cell record.Cell) []answer {
		out := make([]answer, 20)
		for i := range out {
			out[i] = answer{at: measured * float64(i) / 20, ttft: 50}
			if i%10 == 3 {
				out[i].ttft = cellOf(cell).p99 // of two in twenty: it is not the median that is explained
			}
		}
		return out
	})
	return r.samples(func(cell record.Cell, s object) {
		if s["phase"] != record.PhaseMeasure {
			return
		}
		q, engine := cellOf(cell), s["engine"].(object)
		engine["waiting"], engine["context"] = max(0, q.queue/4), max(0, q.queue*3/4)
		if q.queue < 0 {
			engine["waiting"] = nil
		}
		s["gpu"].(object)["util"] = q.busy
	})
}

// byQueue grows with a power of the queue depth, which doubles from level to level, and with the busy share, which
// has no order. off is how far the logarithm of p99 lies beside that, by turns above and below.
func byQueue(off float64) func(level, rep int) queued {
	return func(level, rep int) queued {
		q := queued{queue: math.Exp2(float64(level)), busy: 50 + 10*float64(level*3%7%5)}
		sign := float64(1 - 2*((level+level/3+rep)%2))
		q.p99 = 1000 * math.Exp(1.2*math.Log(q.queue)+0.02*q.busy+sign*off)
		return q
	}
}

// What the queue and the GPU explain is judged on logarithms, by both, and by the interval.
func TestQueueExplainsP99(t *testing.T) {
	t.Parallel()
	r := levelled(t, 6)
	for _, tc := range []struct {
		name string
		of   func(level, rep int) queued
		need float64 // 0.8 unless set
		want verdict.State
	}{
		// On a linear scale of p99, or of the queue, this is no line.
		{"a power of the queue depth", byQueue(0), 0.9999, verdict.Holds},
		{"the busy share alone", func(level, rep int) queued {
			q := byQueue(0)(level, rep)
			q.p99, q.queue = 1000*math.Exp(0.05*q.busy), 1+float64(level*2%3)
			return q
		}, 0.9999, verdict.Holds},
		{"the queue alone", func(level, rep int) queued {
			q := byQueue(0)(level, rep)
			q.p99, q.busy = 1000*q.queue, 90+float64(rep)
			return q
		}, 0.9999, verdict.Holds},
		{"neither", func(level, rep int) queued {
			q := byQueue(0)(level, rep)
			q.p99 = 1000 * float64(rep)
			return q
		}, 0, verdict.Contradicted},
		{"what half explain is not what is needed", byQueue(3), 0, verdict.Contradicted},
		{"a little beside", byQueue(0.2), 0, verdict.Holds},
		{"a cell whose queue nobody told", func(level, rep int) queued {
			q := byQueue(0)(level, rep)
			if level == 4 && rep == 2 {
				q.queue = -1
			}
			return q
		}, 0, verdict.Undecided},
		{"a cell without a queue", func(level, rep int) queued {
			q := byQueue(0)(level, rep)
			if level == 4 && rep == 2 {
				q.queue = 0
			}
			return q
		}, 0, verdict.Undecided},
		{"a GPU that does the same all the time", func(level, rep int) queued {
			q := byQueue(0)(level, rep)
			q.busy = 90
			return q
		}, 0, verdict.Undecided},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := r.queued(tc.of).evidence()
			ev.Exp.Hypothesis.Thresholds["r2_min"] = cmp.Or(tc.need, 0.8)
			c, _ := queueExplainsP99(ev)
			assert.Equal(t, tc.want, c.State, c.Detail)
		})
	}
}

// It is the interval that has to lie above the threshold: an estimate above it is not enough.
func TestQueueExplainsP99ByTheInterval(t *testing.T) {
	t.Parallel()
	ev := levelled(t, 7).queued(byQueue(1.2)).evidence()
	rule := func(ev *evidence.Evidence) verdict.Check {
		c, _ := queueExplainsP99(ev)
		return c
	}
	// A level's repetitions are drawn together.
	var p99, queue, busy []float64
	var level []string
	for _, c := range ev.Cells {
		level = append(level, c.Cell.Without("rep").String())
		v, _ := (&evidence.Group{Cells: []*evidence.Cell{c}}).Percentile(0.99)
		q, g := c.Sys.Measure.Queue.Value(), c.Sys.Measure.GPUBusy.Value()
		p99, queue, busy = append(p99, math.Log(v)), append(queue, math.Log(*q)), append(busy, *g)
	}
	lo, hi, err := ev.Bootstrap().R2(p99, [][]float64{queue, busy}, level, 0.95)
	require.NoError(t, err)
	c := rule(ev)
	assert.InDelta(t, lo, *c.Lo, 1e-9, c.Detail)
	assert.InDelta(t, hi, *c.Hi, 1e-9, c.Detail)
	assertAbove(t, ev, "r2_min", rule)
}

// The gates of the edited run pass, so that the checks decide.
func TestOutcomeOfIdleDrive(t *testing.T) {
	t.Parallel()
	idle, reads, open := same(2, 0), same(2, 8), drive{2, [2]float64{2, 5}}
	for _, tc := range []struct {
		name string
		last drive // of the level with the most users
		off  float64
		want verdict.Outcome
	}{
		{"as claimed", idle, 0, verdict.Supported},
		{"a level that reads", reads, 0, verdict.Refuted},
		{"p99 that nothing explains", idle, 3, verdict.Refuted},
		{"reads are open", open, 0, verdict.Inconclusive},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			assertOutcome(t, tc.want, levelled(t, 4).queued(byQueue(tc.off)).reading(func(cell record.Cell) *drive {
				if cell.Int("conc") == 12 {
					return &tc.last
				}
				return nil
			}))
		})
	}
}
