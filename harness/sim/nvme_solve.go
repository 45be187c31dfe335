package sim

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// NVMeRate is the steady state of one stream of a mix. Latencies are nanoseconds from submission to
// completion, host software excluded; 0 where the stream has no I/O of the kind. Those of I/Os have the wait for NVMeLimits in
// them, those of requests do not.
type NVMeRate struct {
	BytesPerSec             float64 // reads and writes together
	ReadIOPS, WriteIOPS     float64 // I/Os a second, as the stream issues them
	ReadMeanNS, WriteMeanNS float64 // mean latency of an I/O
	ReadP50NS, WriteP50NS   float64 // median
	ReadP99NS, WriteP99NS   float64 // 99th percentile, nearest rank
	ReadReqNS, WriteReqNS   float64 // mean latency of a request, after the split at 512 KiB
	InFlight                float64 // mean I/Os in flight
	RequestsInFlight        float64 // mean requests in flight
	BlockedTasks            float64 // mean tasks blocked in the device: InFlight of a Sync stream, else 0
}

// NVMeSolution is the steady state of the drive under a mix.
type NVMeSolution struct {
	Streams      []NVMeRate // in the order of the mix
	BusyShare    float64    // share of time with at least one I/O of the mix in flight
	StalledShare float64    // share of time with at least one task of a Sync stream blocked

	// BackgroundReadNS and BackgroundWriteNS are the mean latencies that a lone request of
	// NVMeParams.BackgroundBytes sees beside the mix.
	BackgroundReadNS, BackgroundWriteNS float64
}

const (
	nvmeSeed = 0x4e564d65 // of every solution, so that a mix has one answer

	// nvmeEvents is the least number of measured events: about 20,000 reads of 16 KiB. The mean
	// rates of a mix then repeat within 2 % under another seed.
	nvmeEvents = 60_000
	// nvmeTurns is the least number of times that the data in flight turns over in the measurement.
	nvmeTurns = 4
	// nvmeProbeNS is the mean pause of each of two probes, a reader and a writer, between its requests of
	// 16 KiB: together 0.2 % of the link.
	nvmeProbeNS = 1_000_000
	// nvmeLeastIOs is how many reads and how many writes of each stream are measured at least, however
	// long that takes: the cost of a solution grows with SoftwareNS beside fast streams.
	nvmeLeastIOs = 20
	// nvmeCache is the most of a write cache that is full before the measurement begins.
	nvmeCache = 8 << 20
)

// nvmeSolutions caches solutions for the life of the process. A solution depends on its key alone, so
// it does not matter who computes it.
var nvmeSolutions struct {
	sync.Mutex
	entries map[nvmeKey]*nvmeEntry
}

type nvmeKey struct {
	p   NVMeParams
	mix string
}

type nvmeEntry struct {
	once     sync.Once
	solution NVMeSolution // of groups, in canonical order, each per single stream
}

// SolveNVMe returns the steady state of the drive under the mix, from a discrete-event simulation with
// a fixed seed; the streams of the answer are in the order of the mix. Equal streams get equal rates,
// names do not matter, and the answer is cached. It panics if the parameters or a stream are invalid.
func SolveNVMe(p NVMeParams, mix []NVMeStream) NVMeSolution {
	p = p.steady()
	// A larger cache takes longer to fill than is simulated, and once full it makes no difference.
	p.WriteCacheBytes = min(p.WriteCacheBytes, max(nvmeCache, 2*p.MaxCommandBytes))
	groups, member := nvmeGroups(mix)
	key := nvmeKey{p: p, mix: nvmeMixKey(groups)}
	nvmeSolutions.Lock()
	entry := nvmeSolutions.entries[key]
	if entry == nil {
		if nvmeSolutions.entries == nil {
			nvmeSolutions.entries = make(map[nvmeKey]*nvmeEntry)
		}
		entry = new(nvmeEntry)
		nvmeSolutions.entries[key] = entry
	}
	nvmeSolutions.Unlock()
	entry.once.Do(func() { entry.solution = nvmeSimulate(p, groups, nvmeSeed, nvmeEvents) })

	answer := entry.solution
	answer.Streams = make([]NVMeRate, len(mix))
	for i, g := range member {
		answer.Streams[i] = entry.solution.Streams[g]
	}
	return answer
}

// steady are the parameters that decide the steady state: what the background and pauses do over time does not enter it.
// It panics if they are invalid.
func (p NVMeParams) steady() NVMeParams {
	p.JiffyNS, p.BackgroundReadsPerSec, p.BackgroundWritesPerSec = 1, 0, 0
	p.PausesPerSec, p.PauseMS, p.PauseSigma = 0, 0, 0
	if err := p.Validate(); err != nil {
		panic(err)
	}
	return p
}

// nvmeGroups merges equal streams, in canonical order, and tells the group of each stream of the mix.
func nvmeGroups(mix []NVMeStream) (groups []nvmeGroup, member []int) {
	order := make([]int, len(mix))
	for i := range order {
		if err := mix[i].Validate(); err != nil {
			panic(err)
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return nvmeCompare(mix[a], mix[b]) })
	member = make([]int, len(mix))
	for i, m := range order {
		if i == 0 || nvmeCompare(mix[order[i-1]], mix[m]) != 0 {
			groups = append(groups, nvmeGroup{stream: mix[m]})
		}
		groups[len(groups)-1].streams++
		member[m] = len(groups) - 1
	}
	return groups, member
}

func nvmeCompare(a, b NVMeStream) int {
	sync := func(s NVMeStream) int {
		if s.Sync {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(a.ReadShare, b.ReadShare),
		cmp.Compare(a.IOBytes, b.IOBytes),
		cmp.Compare(a.Depth, b.Depth),
		cmp.Compare(a.SoftwareNS, b.SoftwareNS),
		cmp.Compare(sync(a), sync(b)),
	)
}

func nvmeMixKey(groups []nvmeGroup) string {
	var key []byte
	for _, g := range groups {
		key = binary.AppendUvarint(key, math.Float64bits(g.stream.ReadShare))
		key = binary.AppendVarint(key, g.stream.IOBytes)
		key = binary.AppendVarint(key, int64(g.stream.Depth))
		key = binary.AppendVarint(key, g.stream.SoftwareNS)
		key = binary.AppendVarint(key, int64(g.streams))
		if g.stream.Sync {
			key = append(key, 1)
		} else {
			key = append(key, 0)
		}
	}
	return string(key)
}

// nvmeSimulate returns the rates of one stream of each group of the mix.
func nvmeSimulate(p NVMeParams, groups []nvmeGroup, seed uint64, events int) NVMeSolution {
	d := nvmeRun(p, groups, nil, seed, events)
	mix := len(groups)
	span := d.now - d.since
	solution := NVMeSolution{Streams: make([]NVMeRate, mix), BusyShare: d.busy / span, StalledShare: d.syncBusy / span}
	for i := range solution.Streams {
		solution.Streams[i] = d.groups[i].rate(p)
	}
	solution.BackgroundReadNS, _, _, _ = d.groups[mix].read.summary()
	solution.BackgroundWriteNS, _, _, _ = d.groups[mix+1].write.summary()
	return solution
}

// nvmeRun runs the mix, two probes of the background's kind and others beside it, until at least `events` events are
// measured. A warm-up of half that length is thrown away, and the data in flight turns over at least nvmeTurns times in
// the measurement.
func nvmeRun(p NVMeParams, groups, beside []nvmeGroup, seed uint64, events int) *nvmeDES {
	d := &nvmeDES{p: p, planes: make([]nvmePlane, p.Planes), rng: rand.New(rand.NewPCG(seed, 1))}
	d.groups = slices.Clone(groups)
	for _, readShare := range []float64{1, 0} {
		d.groups = append(d.groups, nvmeGroup{probe: true, streams: 1,
			stream: NVMeStream{ReadShare: readShare, IOBytes: p.BackgroundBytes, Depth: 1, SoftwareNS: nvmeProbeNS}})
	}
	d.groups = append(d.groups, beside...)
	turn := 0 // events that move all data in flight once
	for g := range d.groups {
		group := &d.groups[g]
		s := group.stream
		requests := int(s.requestsPerIO(p))
		slots := group.streams * s.Depth
		turn += slots * (1 + 2*requests + int(nvmeCeilDiv(s.IOBytes, p.PageBytes)))
		for range slots {
			// Staggered over one idle read, so that the slots do not move in step.
			at := d.rng.Float64() * (p.PageReadNS + p.FixedNS + float64(s.SoftwareNS))
			d.push(at, nvmeSubmit, nvmeOp{slot: int32(len(d.slots))})
			d.slots = append(d.slots, nvmeSlot{group: g, pages: make([]int32, requests), begun: make([]float64, requests)})
		}
	}
	measured := max(events, nvmeTurns*turn)
	for range measured / 2 {
		d.step()
	}
	d.measure()
	for again := true; again; again = slices.ContainsFunc(d.groups, nvmeGroup.short) {
		for range measured {
			d.step()
		}
	}
	d.finish()
	return d
}

// short tells whether the measurement needs more I/Os.
func (g nvmeGroup) short() bool {
	least := cmp.Or(g.least, nvmeLeastIOs)
	return g.stream.ReadShare > 0 && len(g.read.io) < least ||
		g.stream.ReadShare < 1 && len(g.write.io) < least
}

// rate turns the measured latencies R into rates by the response time law of a closed loop,
// X = N / (R + Z) (Lazowska et al. 1984, Quantitative System Performance, 3.6), which is steadier than
// counting when the software time Z is long.
func (g *nvmeGroup) rate(p NVMeParams) NVMeRate {
	var r NVMeRate
	s := g.stream
	r.ReadMeanNS, r.ReadP50NS, r.ReadP99NS, r.ReadReqNS = g.read.summary()
	r.WriteMeanNS, r.WriteP50NS, r.WriteP99NS, r.WriteReqNS = g.write.summary()
	r.closedLoop(s, p)
	return r
}

// closedLoop works out the rates of a stream from its latencies.
func (r *NVMeRate) closedLoop(s NVMeStream, p NVMeParams) {
	latency := s.ReadShare*r.ReadMeanNS + (1-s.ReadShare)*r.WriteMeanNS
	iops := float64(s.Depth) * 1e9 / (latency + float64(s.SoftwareNS))
	r.ReadIOPS, r.WriteIOPS = iops*s.ReadShare, iops*(1-s.ReadShare)
	r.BytesPerSec = iops * float64(s.IOBytes)
	r.InFlight = iops * latency / 1e9
	readReqs, writeReqs := s.requestRates(*r, p)
	r.RequestsInFlight = (readReqs*r.ReadReqNS + writeReqs*r.WriteReqNS) / 1e9
	if s.Sync {
		r.BlockedTasks = r.InFlight
	}
}

// requestsPerIO is the number of requests that an I/O of the stream is split into.
func (s NVMeStream) requestsPerIO(p NVMeParams) int64 {
	return nvmeCeilDiv(s.IOBytes, p.MaxCommandBytes)
}

// requestRates returns the requests a second behind a rate of the stream.
func (s NVMeStream) requestRates(r NVMeRate, p NVMeParams) (reads, writes float64) {
	n := float64(s.requestsPerIO(p))
	return r.ReadIOPS * n, r.WriteIOPS * n
}
