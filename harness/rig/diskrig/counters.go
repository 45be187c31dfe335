package diskrig

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"sparkharness/harness/drive"
	"sparkharness/harness/sim"
)

// blocked adds up the time that workers of Sync streams sleep on their I/O. Those of others are threads here as well; the
// simulated stack has none for them.
type blocked struct {
	mu    sync.Mutex
	tasks int
	since time.Time
	sum   sim.Stall
}

// until brings the sums to now, which it returns. The caller holds the lock, in which the clock is read: a time read before it
// may be older than one that another worker has counted up to, and what lies between the two would count twice.
func (b *blocked) until() time.Time {
	now := time.Now()
	if ns := float64(now.Sub(b.since)); b.tasks > 0 {
		b.sum.SomeNS += ns
		b.sum.TasksNS += ns * float64(b.tasks)
	}
	b.since = now
	return now
}

// begin notes that an I/O of the drive begins.
func (b *blocked) begin(sync bool) time.Time { return b.change(sync, 1) }

// end undoes begin, and returns how long that took.
func (b *blocked) end(sync bool, began time.Time) time.Duration {
	return b.change(sync, -1).Sub(began)
}

func (b *blocked) change(sync bool, by int) time.Time {
	if !sync {
		return time.Now()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.until()
	b.tasks += by
	return now
}

// reset begins at 0. No I/O may be under way.
func (b *blocked) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sum = sim.Stall{}
}

func (b *blocked) now() sim.Stall {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until()
	return b.sum
}

// trafficEvery is over how long the drive's traffic is averaged.
const trafficEvery = 100 * time.Millisecond

// traffic is what the drive moves, by its counters: other programs too. Where they cannot be read it is what the engine's
// I/Os move.
type traffic struct{ bits atomic.Uint64 }

func (t *traffic) bytesPerSec() float64 { return math.Float64frombits(t.bits.Load()) }

// watch keeps the traffic until the storage is closed.
func (s *Storage) watch() {
	tick := time.NewTicker(trafficEvery)
	defer tick.Stop()
	sum := func() (uint64, bool) {
		stats, err := s.Diskstats(0)
		if err != nil {
			read, written := s.Moved(0)
			return read + written, false
		}
		var sectors uint64
		for _, d := range stats {
			sectors += d.SectorsRead + d.SectorsWritten
		}
		return sectors * 512, true
	}
	was, counted := sum()
	at := time.Now()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		is, now := 0.0, time.Now()
		bytes, told := sum()
		if told == counted && bytes >= was {
			is = float64(bytes-was) / now.Sub(at).Seconds()
		}
		s.traffic.bits.Store(math.Float64bits(is))
		was, counted, at = bytes, told, now
	}
}

// Counters are those of now. All drives of the directory are one place where tasks can be blocked: which of them an I/O
// waits for is not known.
func (s *Storage) Counters(now int64) sim.StorageCounters {
	s.stalls[0] = s.blocked.now()
	software := s.figures.of(false).configured.Load() + s.figures.of(true).configured.Load()
	return sim.StorageCounters{AtNS: now, BytesPerSec: s.traffic.bytesPerSec(), Stalls: s.stalls[:], SoftwareNS: float64(software)}
}

// Diskstats are the kernel's counters of the directory's drives, in the order of their names, since the machine's boot.
func (s *Storage) Diskstats(int64) ([]sim.NVMeCounters, error) {
	s.mu.Lock()
	devices := s.devices
	s.mu.Unlock()
	stats, err := s.Drive.Diskstats(devices)
	if err != nil {
		return nil, err
	}
	out := make([]sim.NVMeCounters, len(stats))
	for i, d := range stats {
		out[i] = counters(d)
	}
	return out, nil
}

func counters(d drive.Diskstats) sim.NVMeCounters {
	return sim.NVMeCounters{
		ReadsCompleted: d.ReadIOs, ReadsMerged: d.ReadMerges, SectorsRead: d.ReadSectors, MSReading: d.ReadTicks,
		WritesCompleted: d.WriteIOs, WritesMerged: d.WriteMerges, SectorsWritten: d.WriteSectors, MSWriting: d.WriteTicks,
		InFlight: d.IOsInProgress, MSDoingIO: d.IOsTotalTicks, MSWeighted: d.WeightedIOTicks,
		DiscardsCompleted: d.DiscardIOs, DiscardsMerged: d.DiscardMerges, SectorsDiscarded: d.DiscardSectors, MSDiscards: d.DiscardTicks,
		FlushesCompleted: d.FlushRequestsCompleted, MSFlushing: d.TimeSpentFlushing,
	}
}
