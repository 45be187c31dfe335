package drivemodel

import (
	"fmt"
	"math"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/sim"
	"sparkharness/harness/treatment"
)

// What is assumed of every drive: it cannot be seen from outside.
const (
	pageBytes  = 16 << 10 // TLC of the time
	leastCache = 8 << 20
	leastPlane = 128
	mostPlanes = 1 << 16
	// headroom is how much more the planes together give than what was measured of the drive, so that they do not bound it.
	headroom = 1.3
	// aLimit is how many times as much a deep queue must reach as I/Os one at a time do: less is a limit, whoever sets it.
	aLimit = 1.2
	// holds is the share of a limit from which on a measurement says nothing of the drive behind it.
	holds = 0.8
	// hidden is the controller of a drive that a limit hides, commands a second.
	hidden = 1e6
	// mostJitter is the most that the model takes.
	mostJitter = 0.95
	// within is how near the model's read must come to the measured one.
	within = 0.01
)

// deriving is the way from figures to a drive. Times are us.
type deriving struct {
	f   *Figures
	d   *config.Drive
	own float64 // of a read of the loader without the wait for a limit and the kernel's CPU time
	// heldOne says that a limit held the loader's reads, and so on.
	heldOne, heldSmall, heldLarge, heldWrite, heldOneWrite bool
}

// Model makes a drive of figures. It refuses those of which it cannot make one whose read of a loader takes what was measured.
func (f *Figures) Model(name string) (*config.Drive, error) {
	t := &deriving{f: f, d: &config.Drive{Drive: name, Note: f.note(), Interface: bus(&f.Leaf)}}
	t.limits()
	t.rates()
	t.assumed()
	if err := t.times(); err != nil {
		return nil, err
	}
	return t.d, nil
}

// note says what was measured.
func (f *Figures) note() string {
	name := f.Leaf.Name
	if f.Leaf.Model != "" {
		name = f.Leaf.Model + " (" + name + ")"
	}
	if f.Leaf.Transport != "" {
		name += ", " + f.Leaf.Transport
	}
	if f.Leaf.Virtual {
		name += ", virtual: its figures are the hypervisor's"
	}
	note := fmt.Sprintf("measured on %s, %s: %s", f.Date, f.System, name)
	if f.Others >= 1e6 {
		note += fmt.Sprintf("; others moved %.0f MB/s on it just before", f.Others/1e6)
	}
	if f.Waiting >= 0.01 {
		note += fmt.Sprintf("; programs waited for a processor %.0f %% of the time just before", 100*f.Waiting)
	}
	return note
}

// source is that of a measured figure.
func (f *Figures) source(format string, args ...any) string {
	return fmt.Sprintf("%s, %s, %s, %s: ", f.Leaf.Name, f.System, f.Date, f.Fio) + fmt.Sprintf(format, args...)
}

// bus is what the drive is connected by, in the words of drives/.
func bus(l *record.DriveLeaf) string {
	switch {
	case l.Virtual:
		return "virtual"
	case l.PCIe != nil:
		for speed, name := range map[string]string{"32.0 GT/s PCIe": "PCIe-5.0-x4", "16.0 GT/s PCIe": "PCIe-4.0-x4", "8.0 GT/s PCIe": "PCIe-3.0-x4"} {
			if l.PCIe.Speed == speed {
				return name
			}
		}
	case l.Transport == "sata":
		return "SATA-6Gb"
	case l.Transport == "tcp" || l.Transport == "rdma" || l.Transport == "fc":
		return "network"
	}
	return "virtual" // of which no bound is known
}

func figure[T any](value T, basis, source string) config.Figure[T] {
	return config.Figure[T]{Value: value, Basis: basis, Source: source}
}

// limits are those that control groups set, and those that show although nobody tells them.
func (t *deriving) limits() {
	f, told := t.f, t.f.Limits
	var l config.Limits
	set := func(value float64, what string) *config.Figure[float64] {
		if value == 0 {
			return nil
		}
		return new(figure(value, config.BasisMeasured, f.source("this process's control group lets so many %s a second through", what)))
	}
	rate := func(value float64, what string) *config.Figure[config.Rate] {
		if value == 0 {
			return nil
		}
		return new(figure(config.Rate(value), config.BasisMeasured, f.source("this process's control group lets so many bytes %s a second through", what)))
	}
	l.ReadIOPS, l.WriteIOPS = set(told.ReadIOPS, "reads"), set(told.WriteIOPS, "writes")
	l.Read, l.Write = rate(told.ReadBytes, "read"), rate(told.WriteBytes, "written")
	reached := func(iops, most float64) bool { return most > 0 && iops >= holds*most }
	reads := func(bytes float64) float64 { return most(told.ReadIOPS, told.ReadBytes, bytes) }
	writes := func(bytes float64) float64 { return most(told.WriteIOPS, told.WriteBytes, bytes) }
	t.heldOne, t.heldSmall = reached(f.One.IOPS(), reads(oneBytes)), reached(f.Small.IOPS(), reads(smallBytes))
	t.heldLarge = reached(f.Large.IOPS(), reads(largeBytes))
	t.heldOneWrite, t.heldWrite = reached(f.OneWrite.IOPS(), writes(oneBytes)), reached(f.Write.IOPS(), writes(largeBytes))
	if told.ReadIOPS == 0 && f.Small.IOPS() < aLimit*f.One.IOPS() {
		t.heldOne, t.heldSmall = true, true
		l.ReadIOPS = new(figure(round(f.Small.IOPS()), config.BasisMeasured,
			f.source("%d reads of 4 KiB in flight get hardly more than one of 128 KiB: a limit that nobody tells", smallDepth*f.Tasks)))
	}
	if told.ReadBytes == 0 && !t.heldLarge && f.Large.BytesPerSec() < aLimit*oneBytes*1e6/typical(&f.One, t.heldOne) {
		t.heldOne, t.heldLarge, t.heldSmall = true, true, t.heldSmall || f.Small.BytesPerSec() >= holds*f.Large.BytesPerSec()
		l.Read = new(figure(config.Rate(round(f.Large.BytesPerSec())), config.BasisMeasured,
			f.source("%d reads of 1 MiB in flight move hardly more than one of 128 KiB: a limit that nobody tells", largeDepth)))
	}
	if l != (config.Limits{}) {
		t.d.Limits = &l
	}
	t.own, _ = alone(&f.One, t.heldOne)
}

// alone is an I/O of the loader without the wait for a limit and without the kernel's CPU time, us, and how that comes about. A held
// one's median is one that was let through at once: the allowance of a tenth of a second goes out in a burst (block/blk-throttle.c), and
// the rest of the time is waited for. The CPU time is part of what a loader is said to spend on each of its I/Os, as -rig disk has it.
func alone(r *treatment.Rate, held bool) (us float64, what string) {
	us, what = typical(r, held), "on average"
	if us != r.MeanUS {
		what = "in the median, because a limit held the others"
	}
	kernel := min(r.KernelUS, us/2)
	return us - kernel, fmt.Sprintf("took %.1f us %s, of them %.1f us of the kernel's CPU time, which is the loader's", us, what, kernel)
}

// typical is the mean of I/Os, or the median of those that a limit held, us.
func typical(r *treatment.Rate, held bool) float64 {
	if p := r.P50US; held && p != nil && *p > 0 {
		return min(*p, r.MeanUS)
	}
	return r.MeanUS
}

// most are the I/Os of a size that limits let through a second, 0 for no limit.
func most(iops, rate, bytes float64) float64 {
	switch by := rate / bytes; {
	case iops == 0 || by > 0 && by < iops:
		return by
	default:
		return iops
	}
}

// rates are what a deep queue reaches. Where a limit hides it, it is assumed to take a small part of a read.
func (t *deriving) rates() {
	f, d := t.f, t.d
	transfer := f.Large.BytesPerSec()
	spare := oneBytes / (0.1 * t.own) * 1e6 // a transfer that takes a tenth of the read
	switch {
	case t.heldSmall:
		d.ControllerIOPS = figure(float64(hidden), config.BasisAssumed,
			fmt.Sprintf("behind the limit, which let %.0f reads of 4 KiB a second through", f.Small.IOPS()))
	default:
		d.ControllerIOPS = figure(round(f.Small.IOPS()), config.BasisMeasured, f.source("4 KiB random reads, %d in flight", smallDepth*f.Tasks))
	}
	switch {
	case t.heldLarge:
		d.Link = figure(config.Rate(round(max(transfer, spare))), config.BasisAssumed,
			fmt.Sprintf("behind the limit, which let %.0f MB of reads a second through", transfer/1e6))
	default:
		d.Link = figure(config.Rate(round(transfer)), config.BasisMeasured, f.source("1 MiB random reads, %d in flight", largeDepth))
	}
	for _, i := range config.Interfaces {
		if i.Name == d.Interface && i.Most > 0 {
			d.Link.Value = min(d.Link.Value, config.Rate(math.Floor(float64(i.Most))))
		}
	}
	// Both take their time of each read: where they leave none for the rest, as with a queue that is answered from a cache or
	// held up by this machine's CPUs, the controller is taken to be faster.
	if left := 0.98*t.own - t.link(oneBytes); t.command() > left {
		d.ControllerIOPS = figure(round(1e6/max(left, 0.02*t.own)), config.BasisAssumed,
			fmt.Sprintf("%.0f reads of 4 KiB a second were measured, and would leave no time for the rest of a read of 128 KiB", f.Small.IOPS()))
	}
	switch written := config.Rate(round(f.Write.BytesPerSec())); {
	case t.heldWrite:
		d.FlashWrite = figure(d.Link.Value, config.BasisAssumed, fmt.Sprintf("behind the limit, which let %v of writes through", written))
	case written > d.Link.Value:
		d.FlashWrite = figure(d.Link.Value, config.BasisAssumed,
			fmt.Sprintf("1 MiB random writes, %d in flight, came to %v; the link is that of the reads", largeDepth, written))
	default:
		d.FlashWrite = figure(written, config.BasisMeasured, f.source("1 MiB random writes, %d in flight, for %.0f s, a drive's fast cache included", largeDepth,
			f.Write.Seconds))
	}
}

// command and link are the times of a command at the controller and of bytes on the link, us.
func (t *deriving) command() float64           { return 1e6 / t.d.ControllerIOPS.Value }
func (t *deriving) link(bytes float64) float64 { return bytes / float64(t.d.Link.Value) * 1e6 }

// assumed is what nobody sees from outside, and what the kernel tells.
func (t *deriving) assumed() {
	d := t.d
	d.PageBytes = figure(config.Size(pageBytes), config.BasisAssumed, "TLC of the time")
	d.MaxCommand = figure(config.Size(512<<10), config.BasisAssumed, "the kernel does not tell the largest request")
	if kb := t.f.Leaf.MaxSectorsKB; kb != nil && *kb > 0 {
		d.MaxCommand = figure(max(config.Size(*kb<<10), pageBytes), config.BasisMeasured, t.f.source("max_sectors_kb of its queue"))
	}
	d.WriteCache = figure(max(leastCache, 2*d.MaxCommand.Value), config.BasisAssumed, "larger only lengthens the first burst")
}

// times are what is left of a read and of a write beside command and link: what a command takes in no queue, and its pages.
func (t *deriving) times() error {
	f, d := t.f, t.d
	left := t.own - t.command() - t.link(oneBytes)
	write, what := alone(&f.OneWrite, t.heldOneWrite)
	fixed := write - t.command() - t.link(oneBytes)
	d.Fixed = figure(micros(fixed), config.BasisFitted, f.source("128 KiB random writes, one at a time, %s, less command and link", what))
	if bounded := min(max(fixed, 0.2*left), 0.8*left); bounded != fixed {
		fixed = bounded
		d.Fixed = figure(micros(fixed), config.BasisAssumed,
			fmt.Sprintf("a share of what is left of a read, because writes leave its pages too little, or too much: 128 KiB, one at a time, %s", what))
	}
	pages := left - fixed
	d.PageReadJitter = t.jitter(pages)
	read := pages / (1 + d.PageReadJitter*uniform(0))
	_, what = alone(&f.One, t.heldOne)
	for range 8 {
		d.PageRead = figure(micros(read), config.BasisFitted,
			f.source("128 KiB random reads, one at a time, %s, less command, link and fixed", what))
		d.PageProgram = figure(d.PageRead.Value, config.BasisAssumed, "as a read")
		t.planes()
		got := modelled(d, oneBytes).ReadMeanNS / 1e3
		if math.Abs(got/t.own-1) < within/10 {
			return nil
		}
		read = max(read+t.own-got, read/2)
	}
	got := modelled(d, oneBytes).ReadMeanNS / 1e3
	if math.Abs(got/t.own-1) > within {
		return fmt.Errorf("the queue model has no drive like this one: a read of 128 KiB takes it %.1f us, and the model at least %.1f us beside the %.0f "+
			"commands a second that it takes: it may be a disk, which is too slow, or others used it: measure again", t.own, got, d.ControllerIOPS.Value)
	}
	return nil
}

// jitter is the spread of a page's read, so that the model's p99 lies as far above its median as the measured one where it can: its
// pages are alike, and a drive's are not. pages is the time of a read's pages, us.
func (t *deriving) jitter(pages float64) float64 {
	p50, p99 := t.f.One.P50US, t.f.One.P99US
	if t.heldOne || p50 == nil || p99 == nil || *p99 <= *p50 {
		return 0.05
	}
	spread := *p99 - *p50
	j := spread / (pages*(uniform(0.99)-uniform(0.5)) - spread*uniform(0))
	if j <= 0 || j > mostJitter {
		return mostJitter
	}
	return math.Round(j*1000) / 1000
}

// uniform is a quantile of the largest of the uniform values from -1 to 1 of a read's pages; their mean for q 0.
func uniform(q float64) float64 {
	const n = oneBytes / pageBytes
	if q == 0 {
		return 2*n/(n+1.) - 1
	}
	return 2*math.Pow(q, 1./n) - 1
}

// planes are as many as do not bound what was measured.
func (t *deriving) planes() {
	d := t.d
	page := d.PageRead.Value.Seconds()
	need := headroom * page * max(d.ControllerIOPS.Value, float64(d.Link.Value)/pageBytes)
	if t.heldSmall {
		need = headroom * page * float64(d.Link.Value) / pageBytes
	}
	// The operating system's own requests, a thousand a second in the solution of a mix, are to meet a read's pages seldom.
	need = max(need, leastPlane*page*1e3)
	need = max(need, 2*d.PageProgram.Value.Seconds()*float64(d.FlashWrite.Value)/pageBytes)
	planes := leastPlane
	for float64(planes) < need && planes < mostPlanes {
		planes *= 2
	}
	d.Planes = figure(planes, config.BasisAssumed, "as many as bound nothing that was measured")
}

// modelled are the queue model's own I/Os of a drive, one at a time and without limits.
func modelled(d *config.Drive, bytes int64) sim.NVMeRate {
	p := simrig.Drive(d)
	p.Limits, p.JiffyNS, p.BackgroundBytes = sim.NVMeLimits{}, 1, pageBytes
	return sim.SolveNVMe(p, []sim.NVMeStream{{Name: "read", ReadShare: 1, IOBytes: bytes, Depth: 1}}).Streams[0]
}

// micros is a time of us to a hundredth of it.
func micros(us float64) config.Duration {
	return config.Duration(math.Round(us*100) * float64(10*time.Nanosecond))
}

// round is a figure to four digits, which is more than it is known to.
func round(v float64) float64 {
	if v <= 0 {
		return v
	}
	unit := math.Pow(10, math.Floor(math.Log10(v))-3)
	return math.Round(math.Round(v/unit) * unit)
}
