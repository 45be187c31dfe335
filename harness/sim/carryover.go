package sim

import (
	"math"
	"time"
)

// CarryOverSpec is a drive that has work to finish after writes, such as folding its write cache (mechanism CarryOver). If
// what loaded it before the machine's start kept at least WritesInFlight writes in flight (Params.WritesBefore), each
// request takes Latency times as long at the start, and t later
//
//	1 + (Latency - 1) x exp(-t / Decay)
//
// times as long. The drive takes a step of that curve each 64th of Decay, and is as ever from 1.005 on. Other programs run
// on the system's drive, so that it is the one that is slow.
type CarryOverSpec struct {
	Latency        float64
	Decay          time.Duration
	WritesInFlight float64
}

// Parts of the curve.
const (
	carrySteps = 64    // a Decay
	carryEnds  = 1.005 // below which it has ended
)

// carry begins the curve on a drive at time 0.
func (d *NVMeDevice) carry(c CarryOverSpec, writesBefore float64) {
	if c.Latency <= 1 || writesBefore < c.WritesInFlight {
		return
	}
	d.carried = c
	d.carryStep(0)
}

// carryStep is the drive at a point of the curve.
func (d *NVMeDevice) carryStep(at int64) {
	d.settle(at)
	d.slower = 1 + (d.carried.Latency-1)*math.Exp(-float64(at)/float64(d.carried.Decay))
	d.nextCarry = nvmeRoundUp(float64(at + max(1, int64(d.carried.Decay)/carrySteps)))
	if d.slower < carryEnds {
		d.slower, d.nextCarry = 1, nvmeNever
	}
	d.solve()
}

// changes is when the rates of a drive next change by themselves in a way that the engine has to look at, Never if they do
// not: faster ones make completions come before the time that Next has named, and what ends a wake-up is bandwidth again.
func (d *NVMeDevice) changes() int64 {
	if d.sleep.Idle > 0 && d.pauseEnd != 0 {
		return min(d.nextCarry, nvmeRoundUp(float64(d.pauseEnd)))
	}
	return d.nextCarry
}

// slowed is the steady state of a mix when each request takes so many times as long in the drive. Slots that wait for it
// come back as much later, so that the rate follows from the response time law as in nvmeGroup.rate. The share of time with
// something in flight is exact for one slot.
func (s NVMeSolution) slowed(times float64, mix []NVMeStream, p NVMeParams) NVMeSolution {
	share := func(busy float64) float64 { return busy * times / (busy*times + 1 - busy) }
	s.BusyShare, s.StalledShare = share(s.BusyShare), share(s.StalledShare)
	s.BackgroundReadNS *= times
	s.BackgroundWriteNS *= times
	for i := range s.Streams {
		r := &s.Streams[i]
		for _, ns := range []*float64{&r.ReadMeanNS, &r.ReadP50NS, &r.ReadP99NS, &r.ReadReqNS, &r.WriteMeanNS, &r.WriteP50NS, &r.WriteP99NS, &r.WriteReqNS} {
			*ns *= times
		}
		r.closedLoop(mix[i], p)
	}
	return s
}
