package price

import (
	"math"

	"sparkharness/harness/config"
	"sparkharness/harness/fio"
)

// drive is a block device as a closed network of queues: a controller, a link and a write cache's drain that serve one
// I/O after another, planes side by side, and what a command takes in no queue. Times are seconds.
type drive struct {
	command, link, drain float64 // a command, a byte on the link, a byte into the flash
	planes               float64
	page                 float64 // bytes
	read, program, fixed float64 // of a page, of a page, of an I/O
	most                 float64 // bytes of a command
	backgroundWrites     float64 // bytes/s of the operating system
	reads, writes        limit
}

// limit is the least time from one command to the next and of a byte, 0 for none.
type limit struct{ command, byte float64 }

func newLimit(iops *config.Figure[float64], rate *config.Figure[config.Rate]) (l limit) {
	if iops != nil {
		l.command = 1 / iops.Value
	}
	if rate != nil {
		l.byte = 1 / float64(rate.Value)
	}
	return l
}

// most is what the limits let through of I/Os of so many bytes, of which a share goes one way, I/Os a second.
func (l limit) most(d drive, bytes, share float64) float64 {
	return 1 / (share * math.Ceil(bytes/d.most) * max(l.command, min(bytes, d.most)*l.byte)) // +Inf for no limit
}

func newDrive(d *config.Drive, m *config.Machine) drive {
	out := drive{command: 1 / d.ControllerIOPS.Value, link: 1 / float64(d.Link.Value), drain: 1 / float64(d.FlashWrite.Value),
		planes: float64(d.Planes.Value), page: float64(d.PageBytes.Value), read: float64(d.PageRead.Value) / 1e9, program: float64(d.PageProgram.Value) / 1e9,
		fixed: float64(d.Fixed.Value) / 1e9, most: float64(d.MaxCommand.Value),
		backgroundWrites: m.System.WritesPerS.Value * float64(m.System.IOBytes.Value)}
	if l := d.Limits; l != nil {
		out.reads, out.writes = newLimit(l.ReadIOPS, l.Read), newLimit(l.WriteIOPS, l.Write)
	}
	return out
}

// limited is a rate of I/Os of so many bytes, of which a share are reads, as the limits let them through.
func (d drive) limited(iops, bytes, reads float64) float64 {
	return min(iops, d.reads.most(d, bytes, reads), d.writes.most(d, bytes, 1-reads))
}

// visit is what an I/O asks of the drive's parts.
type visit struct{ command, link, drain, planes, alone float64 }

// visit is that of an I/O of so many bytes, which is a read with the given probability. Writes are done when the cache
// has them, but their programming keeps reads off the planes.
func (d drive) visit(bytes, reads float64) visit {
	pages := math.Ceil(bytes / d.page)
	v := visit{command: math.Ceil(bytes/d.most) * d.command, link: bytes * d.link, drain: (1 - reads) * bytes * d.drain,
		planes: pages * (reads*d.read + (1-reads)*d.program) / d.planes}
	// Pages of one I/O lie on different planes.
	v.alone = d.fixed + reads*d.read*math.Ceil(pages/d.planes)
	return v
}

// queues are the mean numbers of I/Os at the controller, the link, the drain and the planes.
type queues [4]float64

// loaded is the steady state of n I/Os in flight, all alike: the I/Os a second and what stands in the queues. It is mean
// value analysis (Reiser and Lavenberg 1980) of stations that serve one at a time beside a delay.
func (v visit) loaded(n int) (iops float64, q queues) {
	demands := queues{v.command, v.link, v.drain, v.planes}
	for i := 1; i <= n; i++ {
		var at queues
		total := v.alone
		for k, demand := range demands {
			at[k] = demand * (1 + q[k])
			total += at[k]
		}
		iops = float64(i) / total
		for k := range q {
			q[k] = iops * at[k]
		}
	}
	return iops, q
}

// load is what fio's jobs do to the drive.
type driveLoad struct {
	writes float64 // bytes/s
	queues queues  // that another I/O finds
	by     visit   // mean I/O of the jobs
}

// under is the drive with jobs that run side by side. Jobs of different I/Os are taken for jobs of their mean one; one that
// thinks loads the drive for its share of the time.
func (d drive) under(jobs []fio.Job) driveLoad {
	inFlight, bytes, reads, busy := 0.0, 0.0, 0.0, 0.0
	for _, j := range jobs {
		n := float64(j.InFlight())
		share := 1.0
		if j.ThinkTime > 0 {
			share = j.IOTime.Seconds() / (j.IOTime + j.ThinkTime).Seconds()
		}
		inFlight += n
		bytes += n * float64(j.BlockBytes)
		reads += n * j.ReadShare
		busy += n * share
	}
	if inFlight == 0 {
		return driveLoad{}
	}
	bytes, reads, busy = bytes/inFlight, reads/inFlight, busy/inFlight
	out := driveLoad{by: d.visit(bytes, reads)}
	var iops float64
	iops, out.queues = out.by.loaded(int(inFlight))
	iops = d.limited(iops, bytes, reads)
	for k := range out.queues {
		out.queues[k] *= busy
	}
	out.writes = iops * busy * (1 - reads) * bytes
	return out
}

// reading is the rate, bytes/s, of a loader of depth I/Os of so many bytes that takes software seconds of each, beside a
// load.
func (d drive) reading(bytes float64, depth int, software float64, beside driveLoad) float64 {
	v := d.visit(bytes, 1)
	v.alone += software
	for k, demand := range []float64{beside.by.command, beside.by.link, beside.by.drain, beside.by.planes} {
		v.alone += beside.queues[k] * demand
	}
	iops, _ := v.loaded(max(1, depth))
	return d.limited(iops, bytes, 1) * bytes
}
