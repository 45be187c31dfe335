package sim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// probe is a task of another process that reads a little of the drive now and then, one read at a time, to see how long
// that takes. It is so small that the model lets it slow nobody: a read is counted at its arrival and takes as long as a
// lone read beside the present mix does, drawn from what SolveNVMe's simulation measures of such reads.
type probe struct {
	bytes, everyNS int64
	next           int64 // arrival of its next read; nvmeNever while none runs
	rng            *rand.Rand
	reads          int         // since the machine's start
	done           []probeRead // not told yet, in order
	beside         []float64   // latencies of lone reads beside the present mix, sorted, ns; nil: not looked up yet
}

// probeRead is a read that ends at a time.
type probeRead struct{ end, tookNS int64 }

// startProbe has reads of that size arrive every so often on average: the gaps are uniform from half of it to one and a
// half, so that no cycle of other programs can lock on to them.
func (d *NVMeDevice) startProbe(now, bytes, everyNS int64) {
	d.advance(now)
	p := &d.probe
	p.bytes, p.everyNS, p.beside, p.done = bytes, everyNS, nil, nil
	if p.rng == nil {
		p.rng = rand.New(rand.NewPCG(d.seed, 3)) // background and pauses have the streams 1 and 2
	}
	p.next = now + p.gap()
}

// stopProbe ends it.
func (d *NVMeDevice) stopProbe(now int64) {
	d.advance(now)
	d.probe.next = nvmeNever
}

// gap is the time from a read's arrival to the next one's.
func (p *probe) gap() int64 { return max(1, int64(float64(p.everyNS)*(0.5+p.rng.Float64()))) }

// probeRead counts a read at its arrival.
func (d *NVMeDevice) probeRead(at int64) {
	p := &d.probe
	if p.beside == nil {
		mix := make([]NVMeStream, len(d.transfers))
		for i, t := range d.transfers {
			mix[i] = t.stream
		}
		p.beside = loneReads(d.p, mix, p.bytes)
	}
	d.wake(at)
	took := p.beside[p.rng.IntN(len(p.beside))] * d.slower
	if d.pauseEnd != 0 {
		took += float64(d.pauseEnd - at)
	}
	requests := float64(nvmeCeilDiv(p.bytes, d.p.MaxCommandBytes))
	d.tally.whole.add(nvmeVolume{reads: requests, readSectors: float64(nvmeCeilDiv(p.bytes, 512))})
	d.tally.readNS += took * requests
	d.tally.busyNS += took * (1 - d.busyShare())
	some, _ := d.stallRates()
	d.stalled.TasksNS += took
	d.stalled.SomeNS += took * (1 - some)
	p.reads++
	d.rests(at + int64(math.Ceil(took)))
	end := at + int64(math.Ceil(took))
	p.done = append(p.done, probeRead{end: end, tookNS: end - at})
	p.next = max(at+p.gap(), end)
}

// probed returns the latencies of the reads that have ended by now and have not been told before.
func (d *NVMeDevice) probed(now int64) []time.Duration {
	d.advance(now)
	p := &d.probe
	var out []time.Duration
	for len(p.done) > 0 && p.done[0].end <= now {
		out = append(out, time.Duration(p.done[0].tookNS))
		p.done = p.done[1:]
	}
	return out
}

// leastLoneReads is how many lone reads are measured beside a mix.
const leastLoneReads = 200

// loneSolutions caches the answers of loneReads for the life of the process.
var loneSolutions struct {
	sync.Mutex
	entries map[loneKey]func() []float64
}

type loneKey struct {
	nvmeKey
	bytes int64
}

// loneReads returns the latencies, sorted, ns, of lone reads of that size beside the mix in its steady state. They come a
// nvmeProbeNS apart in the simulation, so that they are measured in reasonable time: 0.9 % of the link at 128 KiB.
func loneReads(p NVMeParams, mix []NVMeStream, bytes int64) []float64 {
	p = p.steady()
	groups, _ := nvmeGroups(mix)
	key := loneKey{nvmeKey{p: p, mix: nvmeMixKey(groups)}, bytes}
	loneSolutions.Lock()
	solve := loneSolutions.entries[key]
	if solve == nil {
		if loneSolutions.entries == nil {
			loneSolutions.entries = map[loneKey]func() []float64{}
		}
		solve = sync.OnceValue(func() []float64 {
			lone := nvmeGroup{probe: true, streams: 1, least: leastLoneReads,
				stream: NVMeStream{ReadShare: 1, IOBytes: bytes, Depth: 1, SoftwareNS: nvmeProbeNS}}
			d := nvmeRun(p, groups, []nvmeGroup{lone}, nvmeSeed, nvmeEvents)
			return slices.Sorted(slices.Values(d.groups[len(d.groups)-1].read.io))
		})
		loneSolutions.entries[key] = solve
	}
	loneSolutions.Unlock()
	return solve()
}

// StartProbe has a task of another process read the system's drive from now on, so many bytes every so often on average
// and one read at a time, until StopProbe. A restart of the server leaves it alone.
func (m *Machine) StartProbe(ctx context.Context, bytes int64, every time.Duration) error {
	if bytes <= 0 || every < time.Millisecond {
		return fmt.Errorf("a probe of %d bytes every %v: ask for at least a byte, and for at most a thousand reads a second", bytes, every)
	}
	var refused error
	if err := m.query(ctx, func() {
		switch {
		case m.disk == nil:
			refused = errors.New("the machine's storage is not modelled: probe the device itself")
		case m.disk.probe.next != nvmeNever:
			refused = errors.New("a probe runs already: stop it first")
		default:
			m.disk.startProbe(max(m.account(), m.disk.asked), bytes, int64(every))
		}
	}); err != nil {
		return err
	}
	return refused
}

// StopProbe ends the probe, if one runs.
func (m *Machine) StopProbe(ctx context.Context) error {
	return m.query(ctx, func() {
		if m.disk != nil {
			m.disk.stopProbe(max(m.account(), m.disk.asked))
		}
	})
}

// ProbeReads returns the latencies of the probe's reads that have ended since it was last asked, in their order.
func (m *Machine) ProbeReads(ctx context.Context) (took []time.Duration, err error) {
	err = m.query(ctx, func() {
		if m.disk != nil {
			took = m.disk.probed(max(m.account(), m.disk.asked))
		}
	})
	return took, err
}

// AssumedProbe says what of the probe is assumed.
const AssumedProbe = "a probe's reads slow no other I/O (2.6 MB/s of the drive's 14,900)"

// probeSoftware is the CPU time that the probe has taken, ns.
func (m *Machine) probeSoftware() float64 {
	if m.disk == nil {
		return 0
	}
	return float64(m.disk.probe.reads) * m.foreign.nsPerIO
}
