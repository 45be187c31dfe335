package gate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// readsTier2 has each request of a cell read from tier 2, of which the drive sees 10 MB/s, but for those of whom silent says so.
func readsTier2(c *evidence.Cell, page, drive func(at float64) bool) {
	c.KV = &evidence.KVCounters{Samples: 1500}
	for i := range c.Requests {
		if at := c.Requests[i].At + 0.1; page(at) {
			c.KV.Tier2Reads = append(c.KV.Tier2Reads, stats.Point{T: at, V: 1e8})
		}
	}
	c.KV.Tier2Reads = append(c.KV.Tier2Reads, stats.Point{T: 300, V: 0})
	d := &c.Sys.Measure.DeviceRead
	d.Seconds, d.Bytes, d.Bins, c.Sys.Measure.NVMeSeconds = 300, 0, nil, 300
	for s := 1.0; s <= 300; s++ {
		rate := 0.1e6
		if drive(s) {
			rate = 10e6
		}
		d.Bytes += rate
		d.Bins = append(d.Bins, stats.Point{T: s, V: rate})
	}
	c.Sys.Baseline.ReadBytes = 30 * 0.1e6
}

// A page that stops to tell of reads while the drive goes on is an old one. Where both fall silent, or the page is silent for no longer
// than chance makes it, nothing is wrong with it.
func TestAPageThatStandsStill(t *testing.T) {
	always := func(float64) bool { return true }
	never := func(float64) bool { return false }
	until := func(end float64) func(float64) bool { return func(at float64) bool { return at <= end } }
	for _, tc := range []struct {
		name        string
		page, drive func(float64) bool
		still       string
	}{
		{"it counts to the end", always, always, ""},
		{"it never told of a read", never, always, ""},
		{"it stops at two thirds", until(200), always, "from 200 s to 300 s of the measure phase the KV manager's page told of no read from tier 2 while 35 requests were answered"},
		{"it hangs for 40 s and catches up", func(at float64) bool { return at < 100 || at > 140 }, always, "from 97 s to 140 s"},
		{"it misses four requests", func(at float64) bool { return at < 100 || at > 109.5 }, always, ""},
		{"it stops, and so does the drive", until(200), until(200), ""},
		{"it stops, and the drive reads a fifth of what it did", until(200), func(at float64) bool { return at <= 200 || int(at)%5 == 0 }, ""},
		{"it tells of one request in four", func(at float64) bool { return int(at/2.7)%4 == 0 }, always, ""},
		{"it tells of one in four, and stops too soon to tell", func(at float64) bool { return int(at/2.7)%4 == 0 && at < 150 }, always, ""},
		{"it tells of one in two, and stops", func(at float64) bool { return int(at/2.7)%2 == 0 && at < 150 }, always, "told of reads in the time of 28 of 55 requests"},
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
	readsTier2(ev.Cells[1], until(200), always)
	ev.Cells[1].Info.Fio = &record.FioRun{Jobs: []string{"heavy"}}
	ev.Cells[1].Sys.Measure.FioReadBytes = ptr(300 * 9.95e6)
	assert.True(t, gateOf(t, ev, gate.Claim{}, "counters").Passed, "the drive's reads were fio's")
	ev.Cells[1].Sys.Measure.FioReadBytes, ev.Cells[1].Sys.Measure.DeviceRead.Seconds = nil, 0
	assert.True(t, gateOf(t, ev, gate.Claim{}, "counters").Passed, "nothing tells what the drive did")
}
