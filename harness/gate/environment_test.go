package gate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// baselines gives the cells so many reads a second before the load.
func baselines(rates ...float64) *evidence.Evidence {
	ev := goodEvidence()
	for i, r := range rates {
		b := &ev.Cells[i].Sys.Baseline
		b.ReadIOs, b.WriteIOs = r*b.NVMeSeconds, 0
	}
	return ev
}

// A baseline is held against the median of the run's own: what is much on a quiet machine is nothing on one whose journal
// writes all the time, up to where no machine is idle.
func TestBaselineAgainstTheMachinesOwn(t *testing.T) {
	for _, tc := range []struct {
		name  string
		rates []float64
		code  string
	}{
		{"quiet", []float64{2, 2, 2}, ""},
		{"below the noise", []float64{2, 2, 10}, ""},
		{"above the noise", []float64{2, 2, 10.1}, "foreign_traffic"},
		{"three times the machine's own", []float64{20, 20, 60}, ""},
		{"more than three times", []float64{20, 20, 60.1}, "foreign_traffic"},
		{"as busy as a machine may be", []float64{50, 50, 50}, ""},
		{"busier", []float64{50.1, 50.1, 2}, "not_idle"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := gateOf(t, baselines(tc.rates...), gate.Claim{}, "environment")
			assert.Equal(t, tc.code, g.Code, g.Detail)
			assert.Equal(t, tc.code == "", g.Passed)
		})
	}
	// Each of two drives that are compared against its own: the operating system lies on one of them.
	for own, code := range map[float64]string{20: "", 10.1: "foreign_traffic"} {
		ev := baselines(20, 20, 0)
		ev.Cells[0].Drive, ev.Cells[1].Drive, ev.Cells[2].Drive = "A", "A", "B"
		if code != "" {
			ev = baselines(0, 0, own)
			for _, c := range ev.Cells {
				c.Drive = "B"
			}
		}
		assert.Equal(t, code, gateOf(t, ev, gate.Claim{}, "environment").Code)
	}
	// A run of before, whose configuration knows one bound for all machines.
	for rate, code := range map[float64]string{50: "", 50.1: "foreign_traffic"} {
		ev := baselines(2, 2, rate)
		ev.Exp.Hypothesis.Gates.MaxBaselineFactor = 0
		assert.Equal(t, code, gateOf(t, ev, gate.Claim{}, "environment").Code)
	}
}

// Whose I/O it was is told as far as it is known.
func TestForeignTrafficIsSomebodys(t *testing.T) {
	ev := baselines(2, 2, 100)
	b := &ev.Cells[2].Sys.Baseline
	b.ReadBytes, b.WriteBytes = 7e6, 5e6
	assert.Equal(t, "ctx=1000/conc=4/rep=3: 100.0 I/O per s on the disk before the load (allowed 10; the machine's own idle is 2.0); "+
		"of 12.00 MB 12.00 MB are not known to be anybody's (no process of fio and of the server was watched then)", gateOf(t, ev, gate.Claim{}, "environment").Detail)
	b.FioReadBytes, b.FioWriteBytes = ptr(6e6), ptr(4e6)
	assert.Contains(t, gateOf(t, ev, gate.Claim{}, "environment").Detail, "; of 12.00 MB fio moved 10.00 MB, 2.00 MB are not known to be anybody's")
}

// Unknown is not none, unless the machine has no such notion; a run of before was not asked.
func TestUnknownIsNotNone(t *testing.T) {
	const samples = 2000
	for _, tc := range []struct {
		name            string
		throttle, swap  int // samples that tell
		lacks           []string
		code, shouldSay string
	}{
		{"told", samples, samples, nil, "", "swap off, no throttling, at most"},
		{"often enough", 1900, 1900, nil, "", ""},
		{"throttling too rarely", 1899, samples, nil, "throttle_unknown", "rep=2: 95 % of the samples tell whether the GPU was throttled"},
		{"throttling never", 0, samples, nil, "throttle_unknown", "0 % of the samples tell"},
		{"swap too rarely", samples, 1899, nil, "swap_unknown", "SwapTotal of /proc/meminfo"},
		{"no GPU", 0, samples, []string{record.LacksThrottling}, "", "no throttling (the machine has no throttle_reasons), at most"},
		{"no GPU, swap unknown", 0, 0, []string{record.LacksThrottling}, "swap_unknown", ""},
		{"neither", 0, 0, []string{record.LacksThrottling, record.LacksSwap}, "", "(the machine has no throttle_reasons and no swap)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := goodEvidence()
			ev.Plan.Facts.Lacks = tc.lacks
			ev.Cells[1].Sys.ThrottleTold, ev.Cells[1].Sys.SwapTold = tc.throttle, tc.swap
			g := gateOf(t, ev, gate.Claim{}, "environment")
			assert.Equal(t, tc.code, g.Code, g.Detail)
			assert.Contains(t, g.Detail, tc.shouldSay)
			if tc.code != "" {
				assert.Equal(t, gate.Inconclusive, g.OnFailure)
				ev.Cells[2].Sys.SwapOn = true
				assert.Equal(t, "swap", gateOf(t, ev, gate.Claim{}, "environment").Code, "what is known to be wrong comes first")
				ev.Cells[2].Sys.SwapOn = false
				ev.Exp.Hypothesis.Gates.MinTold = 0
				assert.True(t, gateOf(t, ev, gate.Claim{}, "environment").Passed)
			}
		})
	}
}

// What the probe reads before the load is nobody else's traffic; as much of anybody else's is.
func TestProbeIsNoForeignTraffic(t *testing.T) {
	ev := goodEvidence()
	b := &ev.Cells[1].Sys.Baseline
	b.ReadIOs, b.WriteIOs, b.ProbeReads = 60+600, 140, 600
	g := gate.Environment(ev, gate.Claim{})
	assert.True(t, g.Passed, g.Detail)
	assert.Contains(t, g.Detail, "at most 6.7 I/O per s")
	b.ProbeReads = 0
	assert.Equal(t, "foreign_traffic", gate.Environment(ev, gate.Claim{}).Code)
}
