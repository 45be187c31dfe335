package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func serverChecks() []check {
	return []check{
		{id: "server-answers", class: Server, needed: AllHypotheses, of: lookAnswers,
			why: "a plan that finds no server measures nothing", fix: "start the server, wait until it has loaded its model, correct --url"},
		{id: "server-model", class: Server, needed: AllHypotheses, look: lookModels,
			why: "stacks are compared on one model", fix: "serve one model under one name on all stacks"},
		{id: "server-metrics", class: Server, needed: AllHypotheses, of: lookMetrics,
			why: "queue and KV pool are told by the engine's page",
			fix: "switch the page on, name the kind with --server, or the page with --metrics"},
		{id: "server-waits", class: Server, needed: withWaits, of: lookWaits,
			why: "its claim is about the wait for admission, of which a page of means tells nothing",
			fix: "take a server that tells each request's: trtllm (perf metrics), dynamo (nvext), llama-cpp (timings)"},
		{id: "server-tiers", class: Server, needed: withB, look: lookTiers,
			why: "without counters of the KV tiers nobody knows whether tier 2 was read",
			fix: "switch the KV connector's metrics on; name the kind of server that has them"},
		{id: "tier-failures", class: Server, look: lookFailures,
			why: "a tier between that cannot hold a whole prompt voids its promotion: bytes are written and nothing is gained",
			fix: "make the CPU tier hold the longest prompt for each load at a time", source: "vllm-project/vllm, vllm/v1/kv_offload/tiering"},
		{id: "tier-holds-prompt", class: Server, look: lookHolds,
			why: "what tier 2 holds of a prompt comes back through the CPU tier all at once, or not at all",
			fix: "make the CPU tier larger, or prompts shorter", source: "docs.vllm.ai, KV offloading"},
		{id: "gpu-memory-share", class: Server, of: lookShare,
			why:    "0.90 of unified memory leaves the host some 6 GB",
			fix:    "give at most 0.80 to 0.85, or rather fix the pool (--kv-cache-memory-bytes)",
			source: "gitcommit90/glm-5.3-one-spark #3"},
		{id: "kv-pool-equal", class: Server, needed: withBoth, look: lookPools,
			why:    "a connector may take the KV pool away: 2.09 M tokens became 49,152",
			fix:    "pin the pool in both (--kv-cache-memory-bytes), take a connector that supports HMA",
			source: "NVIDIA/xr-ai PR #462"},
	}
}

func lookAnswers(v *visit, s *Instance) seen {
	f := v.facts[s.Stack]()
	if f.err != nil {
		return missing("%s", short(f.err.Error()))
	}
	return ok("%s answers", short(f.model))
}

func lookModels(v *visit) seen {
	if len(v.n.Servers) == 0 {
		return unnamed("a server", servers)
	}
	var models []string
	for _, s := range v.n.Servers {
		f := v.facts[s.Stack]()
		if f.err != nil {
			return unknown("%s does not answer", s.Stack).do("mend server-answers first")
		}
		// One server serves a model by its path, another by the last part of it.
		if name := f.model[strings.LastIndexByte(f.model, '/')+1:]; !slices.Contains(models, name) {
			models = append(models, name)
		}
	}
	if len(models) > 1 {
		return missing("two models: %s", short(strings.Join(models, ", ")))
	}
	return ok("%s", short(models[0]))
}

func lookMetrics(v *visit, s *Instance) seen {
	f := v.facts[s.Stack]()
	switch {
	case f.err != nil:
		return unknown("it does not answer").do("mend server-answers first")
	case !f.engine.asked:
		return unknown("kind %s has no page with the engine's figures", s.Kind.Server)
	case f.engine.err != nil:
		return missing("%s", short(f.engine.err.Error()))
	}
	var told, lacking []string
	for _, name := range slices.Sorted(maps.Keys(s.Kind.Engine.Figures)) {
		if _, known := f.engine.values[name]; known {
			told = append(told, name)
		} else {
			lacking = append(lacking, name)
		}
	}
	switch {
	case len(told) == 0:
		return missing("the page has none of the figures of servers/%s.yaml", s.Kind.Server)
	case len(lacking) > 0:
		return warning("the page lacks %s", short(strings.Join(lacking, ", ")))
	}
	return ok("the page has all %d figures", len(told)).with(float64(len(told)), "count")
}

func lookWaits(_ *visit, s *Instance) seen {
	switch {
	case s.Kind.Waits != "":
	case s.Kind.Engine == nil:
		return unknown("of kind %s nobody knows what it tells", s.Kind.Server).do("name the kind with --server")
	default: // the others can be tested on it
		return warning("kind %s tells no request's wait: H0 cannot be decided on it", s.Kind.Server)
	}
	return ok("%s tells each request's wait (%s)", s.Kind.Server, s.Kind.Waits)
}

func lookShare(v *visit, s *Instance) seen {
	f := v.facts[s.Stack]()
	switch {
	case f.err != nil:
		return unknown("it does not answer").do("mend server-answers first")
	case f.engine.err != nil:
		return unknown("its page cannot be read")
	}
	if b, pinned := f.engine.values[pinnedFigure]; pinned && b > 0 {
		return ok("the KV pool is fixed at %s", size(b)).with(b, "B")
	}
	share, told := f.engine.values[shareFigure]
	switch {
	case !told:
		return unknown("the page does not tell gpu_memory_utilization")
	case share > mostGPUShare:
		return missing("gpu_memory_utilization %.2f, above %.2f", share, mostGPUShare).with(share, "share")
	case share > wellGPUShare:
		return warning("gpu_memory_utilization %.2f, above %.2f", share, wellGPUShare).with(share, "share")
	}
	return ok("gpu_memory_utilization %.2f", share).with(share, "share")
}

func lookPools(v *visit) seen {
	var tokens [2]float64
	for i, stack := range []string{"A", "B"} {
		if v.n.server(stack) == nil {
			return unnamed("a server of stack "+stack, servers)
		}
		f := v.facts[stack]()
		blocks, known := f.engine.values["kv_max_blocks"]
		each, known2 := f.engine.values["block_tokens"]
		if !known || !known2 || blocks <= 0 || each <= 0 {
			return unknown("%s does not tell its KV pool", stack)
		}
		tokens[i] = blocks * each
	}
	said := fmt.Sprintf("A %.0f and B %.0f tokens on the device", tokens[0], tokens[1])
	factor := max(tokens[0]/tokens[1], tokens[1]/tokens[0])
	switch {
	case factor > poolsApart:
		return missing("%s", said).with(factor, "factor")
	case factor > 1.01:
		return warning("%s: name that beside every comparison", said).with(factor, "factor")
	}
	return ok("%s", said).with(factor, "factor")
}
