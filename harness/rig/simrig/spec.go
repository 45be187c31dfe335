package simrig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/fio"
	"sparkharness/harness/memnet"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
	"sparkharness/harness/sim"
)

// Options choose a simulated machine.
type Options struct {
	Stack    *config.Stack
	World    *config.World
	Twin     *config.Twin
	Seed     uint64
	Tokenize func(string) []uint32
	// Dialect is spoken instead of the stack's own, unless it is empty.
	Dialect string
	// IgnoreUnsupported: see sim.Spec.
	IgnoreUnsupported bool
	// Dir is where the machine's proc/ and sys/ trees are laid out.
	Dir string
	// StampSends: see sim.Spec.
	StampSends bool
	// Adapters are LoRA adapters on the machine's NVMe, all of one rank.
	Adapters    []string
	AdapterRank int
	// AdapterBytes are their sizes, where they are real files; nil: those that their rank makes.
	AdapterBytes map[string]int64
	// Fio says that fio will run beside the server: Uncalibrated then lists what of that is assumed.
	Fio bool
	// Probe says that a probe will read the drive: then it is among the sources.
	Probe bool
	// Before are the jobs of fio that ran beside the cell before this one.
	Before []fio.Job
	// Drive is the arm of a comparison of two drives, record.DriveA or DriveB, whose drive tier 2 lies on; "" for the machine's own.
	Drive string
	// RealDrive says that a real drive takes the place of the modelled one, of which nothing is assumed then.
	RealDrive bool
	// Storage takes the place of the modelled drive, in real time; nil: the modelled one. Whoever opens it closes it.
	Storage sim.Storage
	// Network is where the servers listen; nil: an in-memory one of the machine's own.
	Network Network
}

// Network connects the machine's servers, at the addresses of the stack file, with its clients.
type Network interface {
	Listen(addr string) (net.Listener, error)
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// inMemory is memnet as a Network.
type inMemory struct{ memnet.Network }

func (n *inMemory) Listen(addr string) (net.Listener, error) { return n.Network.Listen(addr) }

// Sequences are swapped in large pieces with several in flight, as an engine's own swapper does.
const (
	swapDepth   = 8
	swapIOBytes = 512 << 10
)

// Spec maps a stack file and a world onto the simulated machine.
func Spec(o Options) (sim.Spec, sim.Params, error) {
	st := o.Stack
	m, e, err := o.parts()
	if err != nil {
		return sim.Spec{}, sim.Params{}, err
	}
	model, err := Model(m, e)
	if err != nil {
		return sim.Spec{}, sim.Params{}, err
	}
	spec := sim.Spec{
		Dialect:          cmp.Or(o.Dialect, Dialect(st)),
		Model:            model,
		KVElemBytes:      map[string]int{"fp16": 2, "fp8": 1}[st.Runtime.KVDtype],
		BlockTokens:      st.Runtime.TokensPerBlock,
		MaxBatchSize:     st.Runtime.MaxBatchSize,
		MaxNumTokens:     st.Runtime.MaxNumTokens,
		MaxContextTokens: m.Shape.ContextTokens,
		BlockReuse:       st.Runtime.EnableBlockReuse != nil && *st.Runtime.EnableBlockReuse,
		Device:           sim.TierSpec{CapacityBytes: int64(st.KVPool()), Policy: "LRU"},
		Loader:           sim.LoaderSpec{SwapDepth: swapDepth, SwapIOBytes: swapIOBytes},
		Slots:            e.Ways.Scheduler == config.SchedulerSlots,
		WholePrompts:     !*e.Ways.ChunkedPrefill,
		WindowAware:      *e.Ways.WindowAware,
		Tokenize:         o.Tokenize,
		StampSends:       o.StampSends,

		IgnoreUnsupported: o.IgnoreUnsupported,
	}
	if st.Runtime.MaxQueuedRequests != nil {
		spec.MaxQueued = *st.Runtime.MaxQueuedRequests
	}
	if d := st.Dynamo; d != nil {
		if d.PrefetchDepth != nil {
			spec.PrefetchDepth = *d.PrefetchDepth
		}
		spec.ExclusiveTiers = d.ExclusiveTiers
		spec.Device.Policy = d.Tiers.Tier0.EvictionPolicy
		spec.Host = sim.TierSpec{CapacityBytes: int64(d.Tiers.Tier1.CapacityBytes), Policy: d.Tiers.Tier1.EvictionPolicy}
		spec.Disk = sim.TierSpec{CapacityBytes: int64(d.Tiers.Tier2.CapacityBytes), Policy: d.Tiers.Tier2.EvictionPolicy}
		spec.OffloadMinFreq = d.OffloadMinFrequency
		spec.Loader.QueueDepth = d.Loader.QueueDepth
		spec.Loader.IOBytes = int64(d.Loader.IOBytes)
		spec.Loader.SoftwareNSPerIO = int64(d.Loader.SoftwareTimePerIO)
		if o := d.Offload; o != nil {
			spec.Offload = sim.OffloadSpec{Manager: o.Manager, BlocksPerChunk: o.BlocksPerChunk,
				ReadThreads: o.ReadThreads, WriteThreads: o.WriteThreads, BufferSlots: o.BufferSlots}
		}
	}
	if len(o.Adapters) > 0 {
		if st.Runtime.MaxLoRAs < 1 {
			return spec, sim.Params{}, fmt.Errorf("stack %s: the load names LoRA adapters, so runtime.max_loras must say how many fit on the device at once", st.Stack)
		}
		spec.LoRA.Slots = st.Runtime.MaxLoRAs
		for _, name := range o.Adapters {
			spec.LoRA.Adapters = append(spec.LoRA.Adapters, sim.Adapter{Name: name, Bytes: cmp.Or(o.AdapterBytes[name], model.LoRABytes(o.AdapterRank))})
		}
	}
	params := sim.Params{NVMe: nvme(o.Twin.Drive, o.Twin.Machine), Host: host(o.Twin.Machine), WritesBefore: writesInFlight(o.Before)}
	if w := o.World; w != nil {
		params.Mechanisms = mechanisms(w.Mechanisms)
	}
	if second := o.Twin.Second; second != nil && !o.RealDrive {
		params.Second = nvme(second, o.Twin.Machine)
		// A world may have it there whatever the arm.
		params.Mechanisms.KVOnSecondDrive = params.Mechanisms.KVOnSecondDrive || o.Drive == record.DriveB
	}
	var errs []error
	if err := spec.CheckOffload(params.Mechanisms); err != nil {
		errs = append(errs, fmt.Errorf("stack %s: %w", st.Stack, err))
	}
	errs = append(errs, fits(spec, params), sim.Check(spec, params))
	return spec, params, errors.Join(errs...)
}

// fits refuses a stack that the machine's one memory cannot hold. On unified memory every byte counts once, whoever has it.
func fits(s sim.Spec, p sim.Params) error {
	h := p.Host
	paged := p.Mechanisms.PagedWeightsBytes
	if paged > s.Model.WeightsBytes {
		return fmt.Errorf("mechanisms.paged_weights_bytes of the world is %.1f GiB, and model %s has %.1f GiB of weights: page no more than them",
			float64(paged)/(1<<30), s.Model.Name, float64(s.Model.WeightsBytes)/(1<<30))
	}
	s = s.Built(p.Mechanisms)
	parts := []struct {
		bytes int64
		what  string
	}{
		{h.OSBytes, "for the operating system"}, {s.Model.WeightsBytes - paged, "of weights"}, {s.Device.CapacityBytes, "of KV pool"},
		{s.WindowBytes(), "of sliding windows"}, {s.Host.CapacityBytes, "of host tier"}, {s.BufferBytes(), "of the loader's buffers"}, {s.AdapterBytes(p.Mechanisms), "of adapter slots"},
		{h.ReserveBytes, "in reserve"},
	}
	var need int64
	var sum []string
	for _, p := range parts {
		need += p.bytes
		if p.bytes > 0 {
			sum = append(sum, fmt.Sprintf("%.1f GiB %s", float64(p.bytes)/(1<<30), p.what))
		}
	}
	if need <= h.MemTotalBytes {
		return nil
	}
	return fmt.Errorf("the stack does not fit the machine's memory of %.1f GiB: %s = %.1f GiB; make a tier smaller",
		float64(h.MemTotalBytes)/(1<<30), strings.Join(sum, " + "), float64(need)/(1<<30))
}

// Dialect is the request dialect of a stack.
func Dialect(st *config.Stack) string {
	if st.Stack == "A" {
		return sim.DialectTRTLLM
	}
	return sim.DialectDynamo
}

// onLoopback refuses servers that a simulated machine cannot be.
func onLoopback(e config.Endpoint) error {
	local := outgoing.New(outgoing.Options{})
	for _, raw := range []string{e.URL, e.EngineMetrics, e.KVBMMetrics} {
		if raw == "" {
			continue
		}
		if err := local.Permits(raw); err != nil {
			return fmt.Errorf("%s of the stack file: %w; name 127.0.0.1 for the simulated machine", outgoing.Shown(raw), err)
		}
	}
	return nil
}

// Addresses are the listen addresses of a stack's servers by what they serve.
func Addresses(st *config.Stack) (map[string]string, error) {
	out := map[string]string{}
	for name, raw := range map[string]string{
		"frontend": st.Endpoint.URL, "worker": st.Endpoint.EngineMetrics, "kvbm": st.Endpoint.KVBMMetrics,
	} {
		if raw == "" || name == "worker" && st.Stack == "A" {
			continue // Stack A's engine metrics are pages of its frontend
		}
		u, err := url.Parse(raw)
		if err != nil {
			return nil, fmt.Errorf("endpoint of %s: %w", name, err)
		}
		out[name] = u.Host
	}
	return out, nil
}
