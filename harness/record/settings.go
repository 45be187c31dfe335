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
	// AdaptersCached is how many of them were in the page cache when it had been emptied and the server restarted; absent where
	// that was not done, or is not told.
	AdaptersCached *float64 `json:"adapters_cached_bytes,omitempty"`
	// Unasked says that the server was started by somebody else: nothing was asked of it but to serve, and what it tells is noted.
	Unasked bool `json:"unasked,omitempty"`
	// PromptTokens is how the server counts prompts; null where it counts in the harness's tokens.
	PromptTokens *TokenRatio `json:"prompt_tokens,omitempty"`
	// NotReadBack are settings that neither a page nor the log of the server tells.
	NotReadBack []string `json:"not_read_back"`
}

// TokenRatio is how a server counts a prompt that is measured in the harness's tokens: Each for each of those, and More beside,
// as of a chat template. It was measured on two prompts.
type TokenRatio struct {
	Each float64 `json:"each"`
	More float64 `json:"more"`
}

// Of is how long a prompt of n of the harness's tokens ought to be to the server.
func (r *TokenRatio) Of(n int) float64 {
	if r == nil {
		return float64(n)
	}
	return float64(n)*r.Each + r.More
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
