package doctor

import "testing/fstest"

var processWorlds = []worldOf{
	{"container-flags", OK, "--gpus, --ipc host", func(*world) {}},
	{"container-flags", OK, "outside of containers", native("")},
	{"container-flags", Unknown, "process 4711 has mounts of its own", func(w *world) {
		native("")(w)
		w.mounts("mnt:[4026531841]", "mnt:[4026532500]")
	}},
	{"container-flags", Unknown, "whether process 4711 is in a container cannot be told", func(w *world) {
		native("")(w)
		w.remove("proc/4711/ns/mnt")
	}},
	{"container-flags", Warning, "no --gpus", inspected(`"gpu"`, `"compute"`)},
	{"container-flags", Warning, "--ipc private with 64 GiB", func(w *world) {
		inspected(`"IpcMode": "host"`, `"IpcMode": "private"`)(w)
		inspected("67108864, \"Memory\"", "68719476736, \"Memory\"")(w)
	}},
	{"container-flags", Warning, "--network bridge", inspected(`"NetworkMode": "host"`, `"NetworkMode": "bridge"`)},
	{"container-flags", Warning, "no --ulimit stack", inspected(`"stack"`, `"nofile"`)},
	{"container-flags", Warning, "does not count what the GPU", inspected(`"Memory": 0`, `"Memory": 68719476736`)},
	{"container-flags", Unknown, "nor its process is known", noProcess},
	{"container-flags", Unknown, "docker tells nothing", command("docker inspect --type container -- vllm", "[]", errRan)},

	{"server-memlock", OK, "unlimited", func(*world) {}},
	{"server-memlock", Missing, "at most 8 MiB", func(w *world) { w.instead("proc/4711/limits", "unlimited", "8388608") }},
	{"server-memlock", OK, "there is no KV connector", func(w *world) { onlyA(w); littleLocked(w) }},
	{"server-memlock", OK, "there is no KV connector", func(w *world) { onlyA(w, "trtllm"); littleLocked(w) }},
	{"server-memlock", Missing, "at most 64 KiB", func(w *world) { // whatever it was named for
		littleLocked(w)
		onlyA(w)
		w.needs.Servers[0].Log = new("vllm: Creating v1 connector with name: OffloadingConnector\n")
	}},
	{"server-memlock", Unknown, "whether A, of kind openai, has a KV connector", func(w *world) { onlyA(w, "openai"); littleLocked(w) }},
	{"server-memlock", Unknown, "whether A, of kind sglang, has a KV connector", func(w *world) { onlyA(w, "sglang"); littleLocked(w) }},
	{"server-memlock", Missing, "at most 64 KiB", unsureB("sglang", littleLocked)},
	{"server-memlock", Unknown, "whether B, of kind openai, has a KV connector", unsureB("openai", littleLocked)},
	{"server-memlock", Unknown, "whether B, of kind dynamo, has a KV connector", unsureB("dynamo", littleLocked)},
	{"server-memlock", Unknown, "whether B, of kind trtllm, has a KV connector", unsureB("trtllm", littleLocked)},
	{"server-memlock", Unknown, "process 4711 listens, which is the frontend and not", func(w *world) {
		listens("python3")(w)
		w.needs.Servers[1].Kind = kind(w.t, "dynamo")
	}},
	{"server-memlock", OK, "unlimited", func(w *world) { // one process
		listens("sparkharness")(w)
		w.needs.Servers[1].Kind = kind(w.t, "sim-dynamo")
	}},
	{"server-memlock", Unknown, "cannot be read", lacksFile("proc/4711/limits")},
	{"server-memlock", OK, "unlimited", listens("python3")},
	{"server-memlock", Unknown, "nor its process is known", func(w *world) { // a client of the port
		listens("python3")(w)
		w.instead("proc/net/tcp", "0A", "01")
	}},
	{"server-memlock", Unknown, "docker forwards the port", listens("docker-proxy")},

	{"cache-dir", OK, "/mnt/nvme is mounted at /kv", func(*world) {}},
	{"cache-dir", OK, "/mnt is mounted at /kv", inspected("/mnt/nvme", "/mnt")},
	{"cache-dir", OK, "/mnt/nvme is mounted at /kv", inspected(`"Mounts": [`, `"Mounts": [{"Source": "/mnt/nvme/hf", "Destination": "/hf", "RW": true}, `)},
	{"cache-dir", OK, "A, of kind vllm, has no tier of files", func(w *world) { onlyA(w); inspected("/mnt/nvme", "/mnt/other")(w) }},
	{"cache-dir", Unknown, "of /mnt/nvme only /mnt/nvme/kv is mounted at /in", func(w *world) { // the whole of it for reading alone
		inspected(`"RW": true`, `"RW": false`)(w)
		inspected(`"Mounts": [`, `"Mounts": [{"Source": "/mnt/nvme/kv", "Destination": "/in", "RW": true}, `)(w)
	}},
	{"cache-dir", Unknown, "nothing of /mnt/nvme is mounted into the container; whether B, of kind vllm, has a KV connector",
		unsureB("vllm", inspected("/mnt/nvme", "/mnt/other"))},
	{"cache-dir", Unknown, "nothing of /mnt/nvme is mounted into the container; whether A, of kind sglang, has", func(w *world) {
		onlyA(w, "sglang")
		inspected("/mnt/nvme", "/mnt/other")(w)
	}},
	{"cache-dir", Unknown, "of /mnt/nvme only /mnt/nvme/hf is mounted at /kv; whether that is its tier", inspected("/mnt/nvme", "/mnt/nvme/hf")},
	{"cache-dir", Unknown, "all of / is mounted at /kv; whether its tier is below", inspected("/mnt/nvme", "/")},
	{"cache-dir", Unknown, "/mnt/nvme/hf is mounted", func(w *world) { // a mount that is told of later does not make it known
		inspected(`"Mounts": [`, `"Mounts": [{"Source": "/mnt/nvme/hf", "Destination": "/hf", "RW": true}, `)(w)
		inspected(`"/mnt/nvme",`, `"/mnt/other",`)(w)
	}},
	{"cache-dir", OK, "outside of containers", native("")},
	{"cache-dir", Unknown, "process 4711 has mounts of its own", func(w *world) {
		native("")(w)
		w.mounts("mnt:[4026531841]", "mnt:[4026532500]")
	}},
	{"cache-dir", Missing, "cannot be written", inspected(`"RW": true`, `"RW": false`)},
	{"cache-dir", Missing, "nothing of /mnt/nvme", inspected("/mnt/nvme", "/mnt/other")},
	{"cache-dir", Missing, "nothing of /mnt/nvme", inspected("/mnt/nvme", "/mnt/nvme2")},
	{"cache-dir", Missing, "nothing of /mnt/nvme is mounted", inspected(`"bind", "Source": "/mnt/nvme"`, `"tmpfs", "Source": ""`)},
	{"cache-dir", Unknown, "was not named", noDirectory},

	{"allocator", OK, "is exempted", func(*world) {}},
	{"allocator", OK, "no KV connector", func(w *world) { onlyA(w) }},
	{"allocator", Unknown, "is not set; whether B, of kind vllm, has a KV connector",
		unsureB("vllm", native("PATH=/bin\x00"))},
	{"allocator", Unknown, "expandable_segments:True; whether B, of kind dynamo, has", unsureB("dynamo", func(*world) {})},
	{"allocator", Warning, "is not set beside a KV connector", native("PATH=/bin\x00SECRET=sekret\x00")},
	{"allocator", Warning, "expandable_segments:False beside", inspected("expandable_segments:True", "expandable_segments:False")},
	{"allocator", Unknown, "environment of process 4711", native("")},

	{"hash-seed", OK, "PYTHONHASHSEED=0", func(*world) {}},
	{"hash-seed", OK, "PYTHONHASHSEED=7", native("A=b\x00PYTHONHASHSEED=7\x00")},
	{"hash-seed", Missing, "not fixed", inspected("PYTHONHASHSEED=0", "PYTHONHASHSEED=random")},
	{"hash-seed", Missing, "not fixed", inspected("PYTHONHASHSEED=0", "PYTHONHASHSEED=")},
	{"hash-seed", Missing, "not fixed", native("PYTHONHASHSEED=\x00")},
	{"hash-seed", Missing, "not fixed", inspected("PYTHONHASHSEED=0", "OTHER=0")},
	{"hash-seed", OK, "no KV tier", func(w *world) { onlyA(w); inspected("PYTHONHASHSEED=0", "OTHER=0")(w) }},
	{"hash-seed", OK, "PYTHONHASHSEED=0", unsureB("dynamo", func(*world) {})},
	{"hash-seed", Unknown, "is not fixed; whether B, of kind dynamo, has", unsureB("dynamo", inspected("PYTHONHASHSEED=0", "OTHER=0"))},
	{"hash-seed", Unknown, "is not fixed; whether B, of kind openai, has", unsureB("openai", unseeded)},
	{"hash-seed", OK, "A, of kind sglang, does not name its blocks by Python's hash", func(w *world) { onlyA(w, "sglang"); unseeded(w) }},
	{"hash-seed", OK, "B, of kind sglang, does not name", unsureB("sglang", unseeded)},
	{"hash-seed", OK, "B, of kind trtllm, does not name", unsureB("trtllm", unseeded)},
	{"hash-seed", OK, "B, of kind ollama, does not name", unsureB("ollama", unseeded)},
	{"hash-seed", OK, "B, of kind dynamo-kvbm, does not name", unsureB("dynamo-kvbm", unseeded)}, // TensorRT-LLM's workers
	{"hash-seed", Unknown, "is not fixed; whether B, of kind dynamo, has", func(w *world) { // nor are its workers told
		unsureB("dynamo", unseeded)(w)
		w.needs.Servers[1].Kind.Launch = nil
	}},
	{"hash-seed", OK, "B, of kind sim-vllm, does not name", unsureB("sim-vllm", unseeded)},
	{"hash-seed", Missing, "not fixed", unsureB("vllm-disk", unseeded)},
	{"hash-seed", Unknown, "is not fixed; whether A, of kind vllm-fs, has", func(w *world) { onlyA(w, "vllm-fs"); unseeded(w) }},
	{"hash-seed", Unknown, "cannot be read", native("")},

	{"shm-space", OK, "60 GiB free in /dev/shm for a tier of 16 GiB", func(*world) {}},
	{"shm-space", Missing, "and 1 GiB", func(w *world) { w.needs.CPUTierBytes = new(59.5 * gib) }},
	{"shm-space", Unknown, "was not named", func(w *world) { w.needs.CPUTierBytes = nil }},

	{"shm-stale", OK, "no files", func(*world) {}},
	{"shm-stale", Warning, "vllm_0.mmap", file("dev/shm/vllm_0.mmap", "x")},
	{"shm-stale", Warning, "kv_offload_0", file("dev/shm/kv_offload_0", "x")},
	{"shm-stale", Warning, "256 MiB in big", func(w *world) { w.files["dev/shm/big"] = &fstest.MapFile{Data: make([]byte, staleBytes)} }},
	{"shm-stale", Unknown, "/dev/shm", lacksFile("dev/shm/sem.x")},

	{"io-uring", Unknown, "whether a server may use it is not known, because none was named", func(w *world) {
		w.needs.IOURing, w.needs.Servers = true, nil
	}},
	{"io-uring", Unknown, "whether a seccomp profile of A and B does is not known", func(w *world) {
		noProcess(w)
		w.needs.IOURing = true
	}},
	{"io-uring", Unknown, "whether a seccomp profile of A and B does is not known", func(w *world) {
		native("")(w)
		w.needs.IOURing = true
		w.set("proc/4711/status", "Name:\tVLLM\nSeccomp:\t2\n")
	}},
	{"io-uring", OK, "no loader was named", inspected("seccomp=unconfined", "label=disable")},
	{"io-uring", Missing, "default seccomp profile", func(w *world) {
		w.needs.IOURing = true
		inspected("seccomp=unconfined",
			"label=disable")(w)
	}},
	{"io-uring", Missing, "io_uring_disabled is 2", func(w *world) {
		w.needs.IOURing = true
		w.set("proc/sys/kernel/io_uring_disabled",
			"2")
	}},
	{"io-uring", Unknown, "cannot be read", lacksFile("proc/sys/kernel/io_uring_disabled")},

	{"log-direct-io", OK, "no line", func(*world) {}},
	{"log-direct-io", Missing, "1 lines", logs("WARNING O_DIRECT is not supported on /kv, falling back to buffered I/O")},
	{"log-direct-io", Missing, "1 lines", logs("WARNING vllm: /kv does not support O_DIRECT, falling back to page cache")},
	{"log-direct-io", Missing, "1 lines", kindLogs("openai", "WARNING vllm: /kv does not support O_DIRECT, falling back to page cache")},
	{"log-direct-io", Missing, "1 lines: the tier is buffered", func(w *world) { // as its kind says
		logs("the tier is buffered")(w)
		lineOf(w, "o_direct", "tier is buffered")
	}},
	{"log-direct-io", Unknown, "launch.log.o_direct of servers/vllm-fs.yaml is no pattern", func(w *world) { lineOf(w, "o_direct", "(") }},
	{"log-direct-io", Unknown, "was not named", noLogs},
	{"log-direct-io", Unknown, "its log is empty", wholeLogs("\n")},
	{"log-direct-io", Unknown, "no line of its log is of an inference server", wholeLogs("Started cron\n")},
	{"log-hybrid-cache", Unknown, "its log is empty", wholeLogs("")},
	{"log-direct-io", Unknown, "the server's start is not in this log", wholeLogs("INFO vllm: POST /v1/completions 200\n")},
	{"log-hybrid-cache", Unknown, "the server's start is not in this log", wholeLogs("INFO vllm: POST /v1/completions 200\n")},
	{"log-load-errors", Unknown, "no line of its log is of an inference server", wholeLogs("Started cron\n")},
	{"log-load-errors", Missing, "1 lines", logs("cuFileRead failed with error 5017")},
	{"log-connector", Unknown, "its start is not in this log", func(w *world) {
		wholeLogs("INFO vllm: POST /v1/completions 200\n")(w)
		w.needs.Servers = w.needs.Servers[:1]
	}},
	{"log-hybrid-cache", OK, "no line", func(*world) {}},
	{"log-hybrid-cache", Warning, "1 lines", logs("WARNING HMA is disabled: the connector does not support it")},
	{"log-hybrid-cache", Warning, "1 lines", logs("Turning off hybrid kv cache manager: disabling hybrid KV cache manager")},
	{"log-hybrid-cache", Warning, "1 lines: no sliding windows", func(w *world) {
		logs("no sliding windows")(w)
		lineOf(w, "hma", "no sliding")
	}},
	{"log-hybrid-cache", Unknown, "was not named", noLogs},
	{"log-kv-pool", OK, "196608 tokens", func(*world) {}},
	{"log-kv-pool", Warning, "GPU KV cache size 49152 tokens, and 196608 at another start", logs("GPU KV cache size: 49,152 tokens")},
	{"log-kv-pool", Unknown, "no line tells", func(w *world) { w.needs.Servers[1].Log = new("INFO vllm x\n") }},
	{"log-connector", OK, "OffloadingConnector", func(*world) {}},
	{"log-connector", Warning, "A has a KV connector, SimpleCPUOffloadConnector", func(w *world) {
		w.needs.Servers = w.needs.Servers[:1]
		w.needs.Servers[0].Log = new("Creating v1 connector with name: SimpleCPUOffloadConnector\n")
	}},
	{"log-connector", Unknown, "no line names", func(w *world) { w.needs.Servers[1].Log = new("INFO vllm x\n") }},
	{"log-load-errors", OK, "no failed load", func(*world) {}},
	{"log-load-errors", Missing, "1 lines: GDS_MT: failed", logs("GDS_MT: failed to register file")},
	{"log-load-errors", Missing, "1 lines", logs("ERROR promotion of 12 chunks failed: allocation")},
	{"log-load-errors", Missing, "1 lines", logs("OSError: [Errno 28] No space left on device")},
	{"log-load-errors", Missing, "1 lines: ERROR kv load job 17 failed", logs("ERROR kv load job 17 failed")},
	{"log-load-errors", Missing, "1 lines: ERROR kv load job 17 failed", kindLogs("openai", "ERROR kv load job 17 failed")},
	{"log-load-errors", Missing, "1 lines: cudaHostRegister failed", logs("cudaHostRegister failed: out of memory")},
	{"log-load-errors", Missing, "1 lines: cudaHostRegister failed", kindLogs("openai", "cudaHostRegister failed: out of memory")},
	{"log-load-errors", Missing, "1 lines: pwritev: Invalid argument", kindLogs("vllm-disk", "pwritev: Invalid argument")},
	{"log-load-errors", OK, "no failed load", kindLogs("vllm-fs", "pwritev: Invalid argument")},
	{"log-load-errors", Missing, "1 lines: At least one cache tier", kindLogs("dynamo-kvbm", "At least one cache tier must be configured")},
	{"log-load-errors", Unknown, "was not named", noLogs},
}
