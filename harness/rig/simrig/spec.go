package simrig

import (
	"fmt"
	"net/url"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/sim"
)

// Options choose a simulated machine.
type Options struct {
	Stack    *config.Stack
	World    *config.World
	Model    string // overrides the stack's own model if not empty
	Seed     uint64
	Tokenize func(string) []uint32
	// Dir is where the machine's proc/ and sys/ trees are laid out.
	Dir string
	// StampSends: see sim.Spec.
	StampSends bool
	// Adapters are LoRA adapters on the machine's NVMe, all of one rank.
	Adapters    []string
	AdapterRank int
	// Fio says that fio will run beside the server: Uncalibrated then lists what of that is assumed.
	Fio bool
}

// maxContextTokens is Llama 3.x's context window.
const maxContextTokens = 131072

// Sequences are swapped in large pieces with several in flight, as an engine's own swapper does.
const (
	swapDepth   = 8
	swapIOBytes = 512 << 10
)

// Spec maps a stack file and a world onto the simulated machine.
func Spec(o Options) (sim.Spec, sim.Params, error) {
	st := o.Stack
	name := st.Model
	if o.Model != "" {
		name = o.Model
	}
	model, err := sim.ModelByName(name)
	if err != nil {
		return sim.Spec{}, sim.Params{}, err
	}
	spec := sim.Spec{
		Dialect:          Dialect(st),
		Model:            model,
		KVElemBytes:      map[string]int{"fp16": 2, "fp8": 1}[st.Runtime.KVDtype],
		BlockTokens:      st.Runtime.TokensPerBlock,
		MaxBatchSize:     st.Runtime.MaxBatchSize,
		MaxNumTokens:     st.Runtime.MaxNumTokens,
		MaxContextTokens: maxContextTokens,
		BlockReuse:       st.Runtime.EnableBlockReuse != nil && *st.Runtime.EnableBlockReuse,
		Device:           sim.TierSpec{CapacityBytes: int64(st.KVPool()), Policy: "LRU"},
		Loader:           sim.LoaderSpec{SwapDepth: swapDepth, SwapIOBytes: swapIOBytes},
		Tokenize:         o.Tokenize,
		StampSends:       o.StampSends,
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
	}
	if len(o.Adapters) > 0 {
		if st.Runtime.MaxLoRAs < 1 {
			return spec, sim.Params{}, fmt.Errorf("stack %s: the load names LoRA adapters, so runtime.max_loras must say how many fit on the device at once", st.Stack)
		}
		spec.LoRA.Slots = st.Runtime.MaxLoRAs
		for _, name := range o.Adapters {
			spec.LoRA.Adapters = append(spec.LoRA.Adapters, sim.Adapter{Name: name, Bytes: model.LoRABytes(o.AdapterRank)})
		}
	}
	params := sim.DefaultParams()
	if err := fits(spec, params.Host); err != nil {
		return spec, params, err
	}
	if w := o.World; w != nil {
		params.Mechanisms = sim.Mechanisms{
			UnlimitedSlots:   w.Mechanisms.UnlimitedSlots,
			UnlimitedCompute: w.Mechanisms.UnlimitedCompute,
			KVSwapToNVMe:     w.Mechanisms.KVSwapToNVMe,

			LoRAPreloaded:      w.Mechanisms.LoRAPreloaded,
			IgnoreTierSettings: w.Mechanisms.IgnoreTierSettings,
			KVOnSecondDrive:    w.Mechanisms.KVOnSecondDrive,
			AsyncKVLoader:      w.Mechanisms.AsyncKVLoader,
			BlockingFetch:      w.Mechanisms.BlockingFetch,
			BufferedKVTier:     w.Mechanisms.BufferedKVTier,
			ScrapeStall:        time.Duration(w.Mechanisms.ScrapeStall),
			PagedWeightsBytes:  int64(w.Mechanisms.PagedWeightsBytes),
		}
	}
	return spec, params, nil
}

// fits refuses a stack that the machine's one memory cannot hold.
func fits(s sim.Spec, h sim.HostParams) error {
	need := h.OSBytes + s.Model.WeightsBytes + s.Device.CapacityBytes + s.Host.CapacityBytes
	if need <= h.MemTotalBytes {
		return nil
	}
	gib := func(b int64) float64 { return float64(b) / (1 << 30) }
	return fmt.Errorf("the stack does not fit the machine's memory of %.1f GiB: %.1f GiB for the operating system + %.1f GiB of weights + %.1f GiB of KV pool + %.1f GiB of host tier = %.1f GiB; make a tier smaller",
		gib(h.MemTotalBytes), gib(h.OSBytes), gib(s.Model.WeightsBytes), gib(s.Device.CapacityBytes), gib(s.Host.CapacityBytes), gib(need))
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
