package sim

import "math"

// NVMeCounters are the 17 values that a 6.x kernel shows for a disk in /proc/diskstats and
// /sys/block/*/stat (Documentation/admin-guide/iostats.rst), in their order. Requests are counted after
// the split at 512 KiB. Times are milliseconds, truncated from nanoseconds as the kernel does when it
// shows them; the kernel prints their low 32 bits. The drive is used with direct I/O and without
// discards or flushes, so merges, discards and flushes stay 0.
type NVMeCounters struct {
	ReadsCompleted, ReadsMerged, SectorsRead, MSReading             uint64
	WritesCompleted, WritesMerged, SectorsWritten, MSWriting        uint64
	InFlight                                                        uint64 // a gauge
	MSDoingIO                                                       uint64 // io_ticks: whole jiffies
	MSWeighted                                                      uint64 // sum of the times of reads and writes
	DiscardsCompleted, DiscardsMerged, SectorsDiscarded, MSDiscards uint64
	FlushesCompleted, MSFlushing                                    uint64
}

// nvmeVolume is an amount of I/O. It is whole for what has completed and fractional for what is under way.
type nvmeVolume struct {
	reads, readSectors, writes, writeSectors float64
}

func (v *nvmeVolume) add(o nvmeVolume) {
	v.reads += o.reads
	v.readSectors += o.readSectors
	v.writes += o.writes
	v.writeSectors += o.writeSectors
}

// nvmeTally is what the counters are computed from. Whole and fractional parts are kept apart, so that
// a completed transfer counts its exact requests and sectors, and fractions of stopped ones add up.
type nvmeTally struct {
	whole, part     nvmeVolume
	readNS, writeNS float64 // latency of the completed requests
	busyNS          float64 // time with at least one request in flight
}

// Counters returns the kernel's counters at now.
func (d *NVMeDevice) Counters(now int64) NVMeCounters {
	d.advance(now)
	t := d.tallyAt(now)
	part := t.part
	running := d.running(now)
	for _, transfer := range d.transfers {
		part.add(transfer.progress(d.p, running))
	}
	count := func(whole, part float64) uint64 { return uint64(whole) + uint64(part) }
	jiffies := uint64(t.busyNS / float64(d.p.JiffyNS))
	return NVMeCounters{
		ReadsCompleted:  count(t.whole.reads, part.reads),
		SectorsRead:     count(t.whole.readSectors, part.readSectors),
		MSReading:       uint64(t.readNS / 1e6),
		WritesCompleted: count(t.whole.writes, part.writes),
		SectorsWritten:  count(t.whole.writeSectors, part.writeSectors),
		MSWriting:       uint64(t.writeNS / 1e6),
		InFlight:        d.inFlight(now),
		// Since 6.10 the kernel adds the jiffies that pass while a request is in flight and no longer
		// one for each start, so its expectation is the busy time.
		MSDoingIO:  jiffies * uint64(d.p.JiffyNS) / 1e6,
		MSWeighted: uint64((t.readNS + t.writeNS) / 1e6),
	}
}

// Blocked returns the mean number of tasks of Sync streams blocked in the device at now.
func (d *NVMeDevice) Blocked(now int64) float64 {
	d.advance(now)
	_, tasks := d.stallRates()
	return tasks
}

// StalledNS returns, since time 0, the expected time with at least one task blocked in the device and
// the sum over tasks of their blocked time, in ns: what iowait and the "some" line of io pressure are
// made of. The operating system's own reads block a task too.
func (d *NVMeDevice) StalledNS(now int64) (someNS, blockedTaskNS int64) {
	d.advance(now)
	s := d.stalledAt(now)
	return int64(s.SomeNS), int64(s.TasksNS)
}

func (d *NVMeDevice) stalledAt(at int64) Stall {
	some, tasks := d.stallRates()
	ns := float64(at - d.base)
	return Stall{SomeNS: d.stalled.SomeNS + some*ns, TasksNS: d.stalled.TasksNS + tasks*ns}
}

// stallRates returns the share of time with a blocked task and the mean number of them. In a pause
// every slot ends up waiting.
func (d *NVMeDevice) stallRates() (some, tasks float64) {
	if d.pauseEnd == 0 {
		for _, t := range d.transfers {
			tasks += t.rate.BlockedTasks
		}
		return d.solution.StalledShare, tasks
	}
	for _, t := range d.transfers {
		if t.stream.Sync {
			some, tasks = 1, tasks+float64(t.stream.Depth)
		}
	}
	return some, tasks
}

// tallyAt is the tally at a time, the volume of the transfers under way left out.
func (d *NVMeDevice) tallyAt(at int64) nvmeTally {
	t := d.tally
	t.busyNS += d.busyShare() * float64(at-d.base)
	seconds := d.running(at) / 1e9
	for _, transfer := range d.transfers {
		reads, writes := transfer.stream.requestRates(transfer.rate, d.p)
		t.readNS += reads * transfer.rate.ReadReqNS * seconds
		t.writeNS += writes * transfer.rate.WriteReqNS * seconds
	}
	return t
}

func (d *NVMeDevice) busyShare() float64 {
	if d.pauseEnd != 0 && len(d.transfers) > 0 {
		return 1
	}
	return d.solution.BusyShare
}

// pausedLatency adds the time that requests waited through the pause that ends: those in flight all of
// it, the other slots what their host software leaves.
func (d *NVMeDevice) pausedLatency() {
	t := &d.tally
	for _, tr := range d.transfers {
		ns := float64(d.pauseEnd - max(d.nextPause, tr.start))
		idle := float64(tr.stream.Depth) - tr.rate.InFlight
		later := max(0, ns-float64(tr.stream.SoftwareNS)/2)
		waited := tr.rate.RequestsInFlight*ns + idle*later
		readNS := tr.rate.ReadIOPS * tr.rate.ReadReqNS
		writeNS := tr.rate.WriteIOPS * tr.rate.WriteReqNS
		t.readNS += waited * readNS / (readNS + writeNS)
		t.writeNS += waited * writeNS / (readNS + writeNS)
	}
}

// progress is the volume moved after the base and a running time. It never exceeds the total, which
// replaces it at completion, so the counters do not go back.
func (t *nvmeTransfer) progress(p NVMeParams, ns float64) nvmeVolume {
	v := nvmeSplit(t.movedAfter(ns), t.stream, p)
	if t.bytes < 0 {
		return v
	}
	total := t.total(p)
	return nvmeVolume{
		reads:        min(v.reads, total.reads),
		readSectors:  min(v.readSectors, total.readSectors),
		writes:       min(v.writes, total.writes),
		writeSectors: min(v.writeSectors, total.writeSectors),
	}
}

// nvmeSplit divides bytes between reads and writes in the proportion of the stream.
func nvmeSplit(bytes float64, s NVMeStream, p NVMeParams) nvmeVolume {
	requests := bytes / float64(s.IOBytes) * float64(s.requestsPerIO(p))
	sectors := bytes / 512
	return nvmeVolume{
		reads:        requests * s.ReadShare,
		readSectors:  sectors * s.ReadShare,
		writes:       requests * (1 - s.ReadShare),
		writeSectors: sectors * (1 - s.ReadShare),
	}
}

// total is the whole volume of a bounded transfer: exact requests and sectors, with a shorter last I/O.
func (t *nvmeTransfer) total(p NVMeParams) nvmeVolume {
	s := t.stream
	requests := float64(t.bytes/s.IOBytes*s.requestsPerIO(p) + nvmeCeilDiv(t.bytes%s.IOBytes, p.MaxCommandBytes))
	sectors := float64(nvmeCeilDiv(t.bytes, 512))
	reads, readSectors := math.Round(requests*s.ReadShare), math.Round(sectors*s.ReadShare)
	return nvmeVolume{reads: reads, readSectors: readSectors, writes: requests - reads, writeSectors: sectors - readSectors}
}

// backgroundRequest counts one request of the operating system at its arrival, with the latency that the
// present mix gives it.
func (d *NVMeDevice) backgroundRequest(at int64) {
	p := d.p
	perSec := p.BackgroundReadsPerSec + p.BackgroundWritesPerSec
	isRead := d.background.Float64()*perSec < p.BackgroundReadsPerSec
	d.nextBackground = nvmePoisson(d.background, at, perSec)
	waited := 0.0
	d.wake(at)
	if d.pauseEnd != 0 {
		waited = float64(d.pauseEnd - at)
	}
	sectors := float64(nvmeCeilDiv(p.BackgroundBytes, 512))
	requests := float64(nvmeCeilDiv(p.BackgroundBytes, p.MaxCommandBytes))
	took := waited + d.solution.BackgroundWriteNS
	if isRead {
		took = waited + d.solution.BackgroundReadNS
		d.tally.whole.add(nvmeVolume{reads: requests, readSectors: sectors})
		d.tally.readNS += took * requests
		some, _ := d.stallRates()
		d.stalled.TasksNS += took
		d.stalled.SomeNS += took * (1 - some)
	} else {
		d.tally.whole.add(nvmeVolume{writes: requests, writeSectors: sectors})
		d.tally.writeNS += took * requests
	}
	d.tally.busyNS += took * (1 - d.busyShare())
	d.rests(at + int64(took))
}

// inFlight is the mean number of requests in flight, rounded up or down at random by the time, so that
// the average of many readings is right and the reading at one time is always the same.
func (d *NVMeDevice) inFlight(now int64) uint64 {
	mean := 0.0
	for _, t := range d.transfers {
		if d.pauseEnd != 0 {
			mean += float64(t.stream.Depth) * float64(t.stream.requestsPerIO(d.p))
		} else {
			mean += t.rate.RequestsInFlight
		}
	}
	return uint64(mean + nvmeHash(uint64(now)^d.seed))
}

// nvmeHash maps a number to [0, 1): the finalizer of SplitMix64 (Steele, Lea and Flood 2014).
func nvmeHash(x uint64) float64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}
