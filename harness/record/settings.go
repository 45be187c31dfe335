package record

// Settings are what a server says of itself; nil where it does not say.
type Settings struct {
	Model string `json:"model"` // id of /v1/models
	// WantModel is the id of the model that the configuration names; a server that was started with a path knows only the
	// last part of it. "" where the rig did not tell, as in runs of earlier versions.
	WantModel     string   `json:"want_model,omitempty"`
	KVPoolBlocks  *float64 `json:"kv_pool_blocks"`
	BlockTokens   *float64 `json:"kv_block_tokens"`
	KVPoolBytes   *float64 `json:"kv_pool_bytes"` // blocks x block bytes
	WantKVPool    float64  `json:"want_kv_pool_bytes"`
	KVBlockBytes  float64  `json:"kv_block_bytes"`
	KVBlockOrigin string   `json:"kv_block_bytes_formula"`
	// WantBlockTokens is the block size that the configuration asks for.
	WantBlockTokens float64 `json:"want_kv_block_tokens"`
	// Tiers are what the server logged at its start about the KV tiers below the device; empty where it
	// logged nothing of the kind.
	Tiers []TierSetting `json:"tiers,omitempty"`
	// AdapterBytes are the sizes of the LoRA adapters' files by name.
	AdapterBytes map[string]float64 `json:"adapter_bytes,omitempty"`
	// NotReadBack are settings that neither a page nor the log of the server tells.
	NotReadBack []string `json:"not_read_back"`
}

// TierSetting compares a KV tier as the server built it with what was asked for.
type TierSetting struct {
	Tier        string   `json:"tier"` // host or disk
	Bytes       float64  `json:"bytes"`
	WantBytes   float64  `json:"want_bytes"`
	Policy      string   `json:"eviction_policy"`
	WantPolicy  string   `json:"want_eviction_policy"`
	MinFreq     *float64 `json:"offload_min_frequency,omitempty"` // of the filter before the disk tier
	WantMinFreq *float64 `json:"want_offload_min_frequency,omitempty"`
}
