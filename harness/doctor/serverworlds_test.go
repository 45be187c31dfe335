package doctor

var serverWorlds = []worldOf{
	{"server-answers", OK, "m answers", func(*world) {}},
	{"server-answers", Missing, "no server at", func(w *world) { w.b.down = true }},
	{"server-answers", Missing, "lists no model", func(w *world) { w.b.model = "" }},
	{"server-answers", Missing, "it lists m and answers no prompt: HTTP 503: no worker", func(w *world) { w.b.refuses = true }},
	{"server-answers", Unknown, "was not named", noServers},

	{"server-model", OK, "m", func(*world) {}},
	{"server-model", OK, "m", func(w *world) { w.b.model = "nvidia/m" }},
	{"server-model", Missing, "two models: m, other", func(w *world) { w.b.model = "other" }},
	{"server-model", Unknown, "B does not answer", func(w *world) { w.b.down = true }},

	{"server-metrics", OK, "all 9 figures", func(*world) {}},
	{"server-metrics", Warning, "lacks waiting", page("vllm:num_requests_waiting", "other")},
	{"server-metrics", Missing, "none of the figures", func(w *world) { w.b.page = "x 1\n" }},
	{"server-metrics", Missing, "501", func(w *world) { w.b.page = "" }},
	{"server-metrics", Unknown, "kind openai", func(w *world) { w.needs.Servers[1].Kind = kind(w.t, "openai") }},
	{"server-metrics", Unknown, "does not answer", func(w *world) { w.b.down = true }},

	{"server-waits", OK, "dynamo tells each request's wait (nvext)", func(w *world) { w.needs.Servers[1].Kind = kind(w.t, "dynamo") }},
	{"server-waits", Warning, "kind vllm-fs tells no request's wait", func(*world) {}},
	{"server-waits", Unknown, "of kind openai nobody knows", func(w *world) { w.needs.Servers[1].Kind = kind(w.t, "openai") }},

	{"server-tiers", OK, "tier2_bytes_in, tier2_bytes_out", func(*world) {}},
	{"server-tiers", OK, "; disk 64 GiB", logs("kvbm: tier=disk blocks=6553 bytes_per_block=10485760")},
	{"server-tiers", Unknown, "nothing of tier 2 yet", page("kv_offload_tiering", "other")},
	{"server-tiers", Warning, "2 MiB were written to tier 2, and nothing was read", page("1048576.0", "0.0")},
	{"server-tiers", Missing, "kind vllm has no page", func(w *world) { w.needs.Servers[1].Kind = kind(w.t, "vllm") }},
	{"server-tiers", Unknown, "no bytes_per_block", logs("kvbm: tier=disk blocks=6553")},
	{"server-tiers", Unknown, "was not named", noServers},

	{"tier-failures", OK, "no promotion failed", func(*world) {}},
	{"tier-failures", Warning, "3 promotions found no room", page("promotion_allocation_failures_total{engine=\"0\",model_name=\"m\"} 0.0", "promotion_allocation_failures_total{engine=\"0\",model_name=\"m\"} 3.0")},
	{"tier-failures", Unknown, "does not tell", page("promotion_allocation_failures", "other")},

	{"tier-holds-prompt", OK, "a tier of 16 GiB for 12 GiB of KV at once", func(*world) {}},
	{"tier-holds-prompt", OK, "no tier between", func(w *world) {
		w.needs.CPUTierBytes = nil
		w.needs.Servers[1].Kind = kind(w.t,
			"vllm-disk")
	}},
	{"tier-holds-prompt", Missing, "for 17 GiB", func(w *world) { w.needs.PromptKVBytes = new(17. * gib) }},
	{"tier-holds-prompt", Unknown, "CPU tier was not named", func(w *world) { w.needs.CPUTierBytes = nil }},
	{"tier-holds-prompt", Unknown, "loads at once, was not named", func(w *world) { w.needs.PromptKVBytes = nil }},

	{"gpu-memory-share", OK, "0.75", func(*world) {}},
	{"gpu-memory-share", OK, "fixed at 26 GiB", page(`kv_cache_memory_bytes="None"`, `kv_cache_memory_bytes="27917287424"`)},
	{"gpu-memory-share", Warning, "0.84, above 0.80", page(`utilization="0.75"`, `utilization="0.84"`)},
	{"gpu-memory-share", Missing, "0.90, above 0.85", page(`utilization="0.75"`, `utilization="0.90"`)},
	{"gpu-memory-share", Unknown, "does not tell", page(`gpu_memory_utilization="0.75",`, "")},

	{"kv-pool-equal", OK, "A 196608 and B 196608 tokens", func(*world) {}},
	{"kv-pool-equal", Warning, "A 196608 and B 131072", page(`num_gpu_blocks="12288"`, `num_gpu_blocks="8192"`)},
	{"kv-pool-equal", Missing, "A 196608 and B 48000", page(`num_gpu_blocks="12288"`, `num_gpu_blocks="3000"`)},
	{"kv-pool-equal", Unknown, "B does not tell", page(`num_gpu_blocks="12288"`, `num_gpu_blocks="None"`)},
	{"kv-pool-equal", Unknown, "stack A was not named", onlyB},

	{"prefix-cache", OK, "1184 of 1203 tokens cached", func(*world) {}},
	{"prefix-cache", Missing, "had 0 cached tokens", func(w *world) { w.b.cached = 0 }},
	{"prefix-cache", Unknown, "do not tell how many", func(w *world) { w.b.tells = false }},
	{"prefix-cache", Unknown, "do not tell how many", func(w *world) { w.b.cached = 9999 }},
	{"prefix-cache", Unknown, "do not tell how many", func(w *world) { w.b.cached = -3 }},
	{"prefix-cache", Unknown, "was not named", noServers},

	{"outputs-equal", Warning, "answer alike; none through tier 2", func(w *world) { w.b.says = w.a.says }},
	{"outputs-equal", OK, "answer alike; tier 2 was read", func(*world) {}},
	{"outputs-equal", Warning, "whether through tier 2 is not told", page("tiering_read_bytes", "other")},
	{"outputs-equal", Missing, "5 of 5 answers of B differ when its KV is cached", func(w *world) {
		w.b.says = func(prompt string, again bool) string { return begin(prompt) + map[bool]string{true: "garbage"}[again] }
	}},
	{"outputs-equal", Missing, "5 of 5 answers of A and B differ", func(w *world) {
		w.b.says = func(prompt string,
			_ bool) string {
			return begin(prompt)
		}
	}},
	{"outputs-equal", Warning, "so do their engines", func(w *world) {
		w.b.says = func(prompt string, _ bool) string { return begin(prompt) }
		w.needs.Servers[0].Kind = kind(w.t, "trtllm")
	}},
	{"outputs-equal", Unknown, "tells nothing", func(w *world) {
		same := func(string, bool) string { return "yes" }
		w.a.says, w.b.says = same, same
	}},
	{"outputs-equal", Warning, "A was not named", onlyB},
	{"outputs-equal", Unknown, "A does not answer", func(w *world) { w.a.down = true }},
}
