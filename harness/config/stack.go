package config

// Stack is one serving stack: configs/stackA_*.yaml or configs/stackB_*.yaml. The simulated servers and
// the real ones are set up from the same file.
type Stack struct {
	Stack     string    `yaml:"stack"` // A (trtllm-serve) or B (Dynamo with KVBM)
	Name      string    `yaml:"name"`
	Model     string    `yaml:"model"`            // a file of models/, such as L70B
	Engine    string    `yaml:"engine,omitempty"` // a file of engines/; needed by a simulated machine
	Endpoint  Endpoint  `yaml:"endpoint"`
	Runtime   Runtime   `yaml:"runtime,omitempty"`
	Dynamo    *Dynamo   `yaml:"dynamo,omitempty"` // required for B, forbidden for A
	Telemetry Telemetry `yaml:"telemetry"`
	// Server is what is known of a server that somebody else has started, of which then nothing else of this file is; absent: the
	// server is as the file says.
	Server *Server `yaml:"server,omitempty" json:",omitempty"`
	// Launched are the settings of a server that the harness starts itself, as Server says; absent: it does not.
	Launched *Launched `yaml:"launched,omitempty" json:",omitempty"`
}

// Endpoint says where the servers listen. A URL without a host that is loopback is refused by the
// simulated rig.
type Endpoint struct {
	URL           string `yaml:"url"`
	API           string `yaml:"api"`                    // completions or chat
	EngineMetrics string `yaml:"engine_metrics"`         // Prometheus page with trtllm_* gauges
	KVBMMetrics   string `yaml:"kvbm_metrics,omitempty"` // Prometheus page with kvbm_* counters; required for B with KVBM, forbidden without
	APIKeyEnv     string `yaml:"api_key_env,omitempty"`  // name of the environment variable that holds the key; optional
}

// Runtime is the TensorRT-LLM engine's part.
type Runtime struct {
	MaxBatchSize      int    `yaml:"max_batch_size"` // sequences that run at once (slots)
	MaxNumTokens      int    `yaml:"max_num_tokens"` // token budget of one iteration, chunked prefill included
	KVDtype           string `yaml:"kv_dtype"`       // fp16 or fp8
	TokensPerBlock    int    `yaml:"tokens_per_block"`
	KVPoolBytes       Size   `yaml:"kv_pool_bytes,omitempty"`           // device KV pool; required for A, forbidden for B, where it is tiers.tier0.capacity_bytes
	EnableBlockReuse  *bool  `yaml:"enable_block_reuse"`                // reuse of KV between requests
	MaxQueuedRequests *int   `yaml:"max_queued_requests" config:"null"` // beyond it the server refuses; null: queues without bound
	MaxLoRAs          int    `yaml:"max_loras,omitempty"`               // LoRA adapters on the device at once; absent: the server takes none
}

// Dynamo is Stack B's KV block manager.
type Dynamo struct {
	KVBlockSize         int    `yaml:"kv_block_size"` // tokens; must equal runtime.tokens_per_block
	PrefetchEnable      *bool  `yaml:"prefetch_enable"`
	PrefetchDepth       *int   `yaml:"prefetch_depth"`            // waiting requests whose tier-2 blocks are loaded ahead
	ExclusiveTiers      bool   `yaml:"exclusive_tiers,omitempty"` // a block lives in one tier; absent or false: lower tiers are written through
	OffloadMinFrequency int    `yaml:"offload_min_frequency"`     // sightings before a block is written to tier 2; KVBM's default is 2
	Tiers               Tiers  `yaml:"tiers"`
	Loader              Loader `yaml:"loader"`

	Offload *Offload `yaml:"offload,omitempty" json:",omitempty"` // what moves KV below the device; absent: KVBM
}

// Tiers are the KV tiers: 0 device, 1 host memory, 2 NVMe.
type Tiers struct {
	Tier0 Tier `yaml:"tier0"`
	Tier1 Tier `yaml:"tier1,omitempty"` // required, but for the manager disk, which has none
	Tier2 Tier `yaml:"tier2"`
}

// Tier is one tier's size and policy.
type Tier struct {
	CapacityBytes  Size   `yaml:"capacity_bytes"`
	EvictionPolicy string `yaml:"eviction_policy"` // one of Policies; none for tier 2 of the manager fs
	Path           string `yaml:"path,omitempty"`  // absolute path of the folder on the NVMe; required for tier 2, forbidden elsewhere
}

// Loader is how tier-2 blocks are read: it decides, more than the drive does, what a fetch costs.
type Loader struct {
	QueueDepth        int      `yaml:"queue_depth"` // reads in flight
	IOBytes           Size     `yaml:"io_bytes"`    // bytes of one read
	SoftwareTimePerIO Duration `yaml:"software_time_per_io"`
}

// Telemetry is the sampling of the machine.
type Telemetry struct {
	Cadence Duration `yaml:"cadence"`
	Device  string   `yaml:"device"` // block device that holds tier 2, such as nvme0n1 (whole disk)
}

// KVPool is the size of the stack's device KV pool.
func (s *Stack) KVPool() Size {
	if s.Dynamo != nil {
		return s.Dynamo.Tiers.Tier0.CapacityBytes
	}
	return s.Runtime.KVPoolBytes
}
