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

// drive is what the NVMe reads before and during the load, MB/s, the load by repetition.
type drive struct {
	idle float64
	load [2]float64
}

// same reads so much more under load than idle, in both repetitions.
func same(idle, more float64) drive { return drive{idle, [2]float64{idle + more, idle + more}} }

// at is what is moved in a sample's phase, MB/s.
func (d drive) at(cell record.Cell, phase any) float64 {
	if phase == record.PhaseMeasure {
		return d.load[cell.Int("rep")-1]
	}
	return d.idle
}

// reading sets what the NVMe reads in all cells for which of gives a drive, in requests of a megabyte; nothing is written
// there, and nobody tells whose it is.
func (r *recording) reading(of func(cell record.Cell) *drive) *recording {
	r.t.Helper()
	return r.moving("nvme", "read_bytes", of)
}

// moving sets what is moved in one direction by the account of the device or of the server (nvme or server_io), all at the
// same rate; in the other direction, and by the account of the other, it is nothing, or nothing is told.
func (r *recording) moving(account, field string, of func(cell record.Cell) *drive) *recording {
	r.t.Helper()
	return r.samples(func(cell record.Cell, s object) {
		d := of(cell)
		if d == nil {
			return
		}
		delete(s, "server_io")
		nvme, seconds := s["nvme"].(object), s["dt_ms"].(float64)/1e3
		nvme["read_bytes"], nvme["write_bytes"], nvme["reads"] = 0, 0, 0
		to := nvme
		if account == "server_io" {
			to = object{"rMBs": 0, "wMBs": 0, "read_bytes": 0, "write_bytes": 0, "cancelled_write_bytes": nil}
			s["server_io"] = to
			nvme["read_bytes"], nvme["write_bytes"] = 1e9*seconds, 1e9*seconds // of somebody else
		}
		to[field] = 1e6 * d.at(cell, s["phase"]) * seconds
		if field == "read_bytes" {
			nvme["reads"] = d.at(cell, s["phase"]) * seconds
		}
	})
}

// trafficCheck is the check of a run of H2A with given margins, MB/s and MB in a second.
func (r *recording) trafficCheck(share, floor, burst float64) verdict.Check {
	r.t.Helper()
	ev := r.evidence()
	for name, v := range map[string]float64{"idle_margin_share": cmp.Or(share, 0.1), "idle_margin_mbs": cmp.Or(floor, 5), "idle_burst_mb": cmp.Or(burst, 1000)} {
		ev.Exp.Hypothesis.Thresholds[name] = v
	}
	return trafficAsIdle(ev, ev.Groups())
}

// Every cell is compared with its own baseline: the interval of the difference has to lie inside the margin, which
// is the larger of a share of the baseline and a floor.
func TestTrafficAsIdle(t *testing.T) {
	t.Parallel()
	r := recorded(t, h2a).brief()
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
		{"the floor is the configuration's", same(2, 0), same(2, 5.1), 0, 5.5, verdict.Holds, 5.1},
		{"a lower floor", same(2, 0), same(2, 4.9), 0, 4.5, verdict.Contradicted, 4.9},
		{"the share is the configuration's", same(2, 0), same(200, 21), 0.11, 0, verdict.Holds, 21},
		{"a lower share", same(2, 0), same(200, 19), 0.09, 0, verdict.Contradicted, 19},
		// The interval decides: the estimates of these lie inside and outside. With two repetitions that differ by d it
		// reaches 6.4 d to both sides; at 90 % it would be 3.2 d.
		{"inside, repetitions differ", same(2, 0), drive{2, [2]float64{2, 4}}, 0, 0, verdict.Undecided, 1},
		{"outside, repetitions differ", same(2, 0), drive{2, [2]float64{7, 12}}, 0, 0, verdict.Undecided, 7.5},
		{"fewer, inside, repetitions differ", same(20, 0), drive{20, [2]float64{20, 17}}, 0, 0, verdict.Undecided, -1.5},
		{"repetitions hardly differ", same(2, 0), drive{2, [2]float64{3, 3.5}}, 0, 0, verdict.Holds, 1.25},
		// Far above it scatters in proportion to itself, and is contradicted all the same.
		{"far outside, repetitions differ as much", same(2, 0), drive{2, [2]float64{400, 420}}, 0, 0, verdict.Contradicted, 408},
		{"an open cell beside one that is further apart and holds", drive{2, [2]float64{2, 5}}, same(2, 4.9), 0, 0, verdict.Undecided, 1.5},
		{"a cell outside beside an open one that is further apart", drive{2, [2]float64{2, 22}}, same(2, 5.1), 0, 0, verdict.Contradicted, 5.1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := r.reading(func(cell record.Cell) *drive { return new(map[int]drive{256: tc.short, 512: tc.long}[cell.Int("ctx")]) }).trafficCheck(tc.share, tc.floor, 0)
			assert.Equal(t, tc.want, c.State, c.Detail)
			assert.InDelta(t, tc.value, *c.Value, 1e-6, c.Detail)
			assert.Contains(t, c.Detail, "of the device")
		})
	}
}

// What is written counts as what is read, and where the server's own account is told it is that alone.
func TestTrafficOfEitherDirectionAndOwner(t *testing.T) {
	t.Parallel()
	r := recorded(t, h2a).brief()
	for _, field := range []string{"read_bytes", "write_bytes"} {
		for _, account := range []string{"nvme", "server_io"} {
			for more, want := range map[float64]verdict.State{4.9: verdict.Holds, 5.1: verdict.Contradicted} {
				c := r.moving(account, field, func(record.Cell) *drive { return new(same(2, more)) }).trafficCheck(0, 0, 0)
				assert.Equal(t, want, c.State, "%s %s: %s", account, field, c.Detail)
				assert.Contains(t, c.Detail, map[string]string{"nvme": "of the device in", "server_io": "of the server's processes in"}[account])
				assert.Contains(t, c.Detail, map[string]string{"read_bytes": "reads of ctx", "write_bytes": "writes of ctx"}[field])
			}
		}
	}
}

// A mean over a minute does not see what a second does.
func TestTrafficInBursts(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"read_bytes", "write_bytes"} {
		for mb, want := range map[float64]verdict.State{31: verdict.Holds, 33: verdict.Contradicted, 1: verdict.Holds} {
			r := recorded(t, h2a).brief().reading(func(record.Cell) *drive { return new(same(0, 0)) })
			burst := map[string]bool{} // cells that have had theirs
			r.samples(func(cell record.Cell, s object) {
				if cell.Int("ctx") == 512 && s["phase"] == record.PhaseMeasure && !burst[cell.String()] {
					burst[cell.String()] = true
					s["nvme"].(object)[field] = mb * 1e6
				}
			})
			c := r.trafficCheck(0, 5, 32)
			assert.Equal(t, want, c.State, "%s of %.0f MB: %s", field, mb, c.Detail)
			if want == verdict.Contradicted {
				assert.Contains(t, c.Detail, "largest burst of "+map[string]string{"read_bytes": "reads", "write_bytes": "writes"}[field]+" of ctx=512")
			}
		}
	}
}

// A drive that nobody watched is not idle.
func TestTrafficNeedsReadings(t *testing.T) {
	t.Parallel()
	for _, phase := range []string{record.PhaseBaseline, record.PhaseMeasure} {
		r := recorded(t, h2a).samples(func(cell record.Cell, s object) {
			if s["phase"] == phase && cell.Int("ctx") == 512 && cell.Int("rep") == 2 {
				s["nvme"] = nil
				delete(s, "server_io")
			}
		})
		c := r.check("traffic_as_idle")
		assert.Equal(t, verdict.Undecided, c.State, c.Detail)
		assert.Contains(t, c.Detail, "ctx=512/conc=4 has no reads of the device to compare: block 2: no readings")
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
			q.p99, q.busy = 1000*q.queue, 90+float64((level*3+rep)%4)
			return q
		}, 0.9999, verdict.Holds},
		{"neither", func(level, rep int) queued {
			q := byQueue(0)(level, rep)
			q.p99 = 1000 * float64(1+2*(level%2))
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

// It is the interval over blocks that has to lie above the threshold: an estimate above it is not enough.
func TestQueueExplainsP99ByTheInterval(t *testing.T) {
	t.Parallel()
	ev := levelled(t, 7).queued(func(level, rep int) queued { return byQueue([]float64{0.45, 0.65}[rep-1])(level, rep) }).evidence()
	assertAbove(t, ev, "r2_min", func(ev *evidence.Evidence) verdict.Check {
		c, _ := queueExplainsP99(ev)
		return c
	})
}

// A block is predicted by the others: what fits it alone explains nothing.
func TestQueueExplainsBlocksNotSeen(t *testing.T) {
	t.Parallel()
	of := func(turned float64) map[int][]load {
		blocks := map[int][]load{}
		for rep := 1; rep <= 2; rep++ {
			for i := range 6 {
				q := float64(i)
				l := load{p99: q, queue: q, busy: float64(i * 3 % 5)}
				if rep == 2 {
					l.p99 *= turned
				}
				blocks[rep] = append(blocks[rep], l)
			}
		}
		return blocks
	}
	left, err := unexplained(of(1), 2)
	require.NoError(t, err)
	assert.InDelta(t, 0, left, 1e-12)
	left, err = unexplained(of(-1), 2)
	require.NoError(t, err)
	assert.Greater(t, left, 1.0, "worse than the block's own mean")
}

// The gates of the edited run pass, so that the checks decide.
func TestOutcomeOfIdleDrive(t *testing.T) {
	t.Parallel()
	idle, reads, open := same(2, 0), same(2, 8), drive{2, [2]float64{2, 2.9}}
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
