package sim

import (
	"math/rand/v2"
	"time"
)

// VisitSpec is another program that comes to the system's drive, moves Bytes and goes (mechanisms CronReads, CronWrites). The
// gaps from one visit's begin to the next's are exponential with the mean MeanGap; the machine's seed draws them. It comes
// whatever the server does, from the machine's start on.
//
// What reads is one task that sleeps on each of its reads of 128 KiB; what is written the kernel writes back, 8 pieces of
// 512 KiB at a time, and nobody sleeps on it. CPU time of it is not counted.
type VisitSpec struct {
	MeanGap time.Duration
	Bytes   int64
}

// visitor is the program of a VisitSpec.
type visitor struct {
	spec   VisitSpec
	stream NVMeStream
	gaps   *rand.Rand
	nextNS int64
}

// visitors are the programs that these mechanisms bring, each with a stream of random numbers of its own.
func (m Mechanisms) visitors(seed uint64) []*visitor {
	var out []*visitor
	for i, v := range []visitor{
		{spec: m.CronReads, stream: NVMeStream{Name: "cron", ReadShare: 1, IOBytes: 128 << 10, Depth: 1, Sync: true}},
		{spec: m.CronWrites, stream: NVMeStream{Name: "cron-write", IOBytes: 512 << 10, Depth: 8}},
	} {
		if v.spec.Bytes == 0 {
			continue
		}
		v.gaps = rand.New(rand.NewPCG(seed, uint64(3+i))) // 1 and 2 are the drive's own
		v.draw(0)
		out = append(out, &v)
	}
	return out
}

// draw decides when the next visit begins, on the machine's grid.
func (v *visitor) draw(from int64) {
	v.nextNS = nvmeRoundUp(float64(from + 1 + int64(v.gaps.ExpFloat64()*float64(v.spec.MeanGap))))
}

// visit begins the visits that are due on the system's drive and returns when the next one is.
func (d *drives) visit(now int64) (next int64) {
	next = Never
	for _, v := range d.visitors {
		for v.nextNS <= now {
			d.system.Start(max(v.nextNS, d.system.asked), v.stream, v.spec.Bytes)
			v.draw(v.nextNS)
		}
		next = min(next, v.nextNS)
	}
	return next
}
