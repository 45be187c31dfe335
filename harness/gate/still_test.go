package gate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// readsTier2 has a cell's page tell of so many bytes each second, of which the drive reads others.
func readsTier2(c *evidence.Cell, page, drive func(at float64) float64) {
	c.KV = &evidence.KVCounters{Samples: 1500}
	d := &c.Sys.Measure.DeviceRead
	d.Seconds, d.Bytes, d.Bins = 300, 0, nil
	for s := 1.0; s <= 300; s++ {
		if told := page(s); told >= 0 {
			c.KV.Tier2Reads = append(c.KV.Tier2Reads, stats.Point{T: s, V: told})
		}
		d.Bytes += drive(s)
		d.Bins = append(d.Bins, stats.Point{T: s, V: drive(s)})
	}
}

// A page that stops to tell of reads while the drive goes on is an old one, and so is one that only creeps. Where both fall silent, where the
// page catches up, or where the drive's reads are others', nothing is wrong with it.
func TestAPageThatStandsStill(t *testing.T) {
	const mb = 1e6
	always := func(rate float64) func(float64) float64 { return func(float64) float64 { return rate } }
	until := func(end, rate, then float64) func(float64) float64 {
		return func(at float64) float64 {
			if at <= end {
				return rate
			}
			return then
		}
	}
	for _, tc := range []struct {
		name        string
		page, drive func(float64) float64
		still       string
	}{
		{"it counts to the end", always(10 * mb), always(10.1 * mb), ""},
		{"it never told of a read", always(0), always(10 * mb), ""},
		{"it stops at two thirds", until(200, 10*mb, 0), always(10.1 * mb),
			"from 204 s of the measure phase on, for 96 s, the KV manager's page told of 0.00 MB/s from tier 2 while the drive read 9."},
		{"it creeps from there on", until(200, 10*mb, 1*mb), always(10.1 * mb), "from 204 s of the measure phase on, for 96 s, the KV manager's page told of 1.00 MB/s"},
		{"it stops in the last tenth", until(270, 10*mb, 0), always(10 * mb), ""},
		{"it stops after the first fetches", until(12, 10*mb, 0), always(10 * mb), "the KV manager's page told of 0.00 MB/s"},
		{"it hangs for 60 s and catches up", func(at float64) float64 {
			switch {
			case at > 200 && at < 260:
				return 0
			case at == 260:
				return 600 * mb
			}
			return 10 * mb
		}, always(10 * mb), ""},
		{"it cannot be read for 20 s at the end", until(280, 10*mb, -1), always(10 * mb), ""},
		{"it cannot be read for 20 s, and tells it then", func(at float64) float64 {
			if at > 150 && at < 170 {
				return -1
			}
			return 10 * mb
		}, always(10 * mb), ""},
		{"it stops, and so does the drive", until(200, 10*mb, 0), until(200, 10*mb, 0.1*mb), ""},
		{"it stops, and another goes on to read", until(200, 10*mb, 0), until(200, 15*mb, 5*mb), ""},
		{"it stops, and others read more than tier 2", until(200, 10*mb, 0), always(25 * mb), ""},
		{"fetches take half a minute", func(at float64) float64 {
			if int(at)%30 == 0 && at < 299 {
				return 300 * mb
			}
			return 0
		}, always(10 * mb), ""},
		{"they take twenty seconds, and the last one three times as long", func(at float64) float64 {
			if int(at)%20 == 0 && at < 241 {
				return 200 * mb
			}
			return 0
		}, always(10 * mb), ""},
		{"they take ten seconds, and the page stops", func(at float64) float64 {
			if int(at)%10 == 0 && at < 200 {
				return 100 * mb
			}
			return 0
		}, always(10 * mb), "the KV manager's page told of 0.00 MB/s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := goodEvidence()
			readsTier2(ev.Cells[1], tc.page, tc.drive)
			g := gateOf(t, ev, gate.Claim{}, "counters")
			if tc.still == "" {
				assert.True(t, g.Passed, g.Detail)
				return
			}
			assert.False(t, g.Passed)
			assert.Equal(t, gate.Invalid, g.OnFailure)
			assert.Equal(t, "kv_still", g.Code)
			assert.Contains(t, g.Detail, "ctx=1000/conc=4/rep=2: ")
			assert.Contains(t, g.Detail, tc.still)
		})
	}
	ev := goodEvidence()
	readsTier2(ev.Cells[1], until(200, 10*mb, 0), always(10*mb))
	ev.Cells[1].Info.Fio = &record.FioRun{Jobs: []string{"heavy"}}
	assert.True(t, gateOf(t, ev, gate.Claim{}, "counters").Passed, "the drive's reads may be fio's")
	ev.Cells[1].Info.Fio, ev.Cells[1].Sys.Measure.DeviceRead.Seconds = nil, 0
	assert.True(t, gateOf(t, ev, gate.Claim{}, "counters").Passed, "nothing tells what the drive did")
}
