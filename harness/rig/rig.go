package rig

import (
	"context"
	"net/http"

	"sparkharness/harness/telemetry"
)

// Rig is an open machine with one serving stack on it, ready for one cell.
type Rig interface {
	// Endpoint is where requests go.
	Endpoint() Endpoint
	// Telemetry are the machine's sources for one sampler.
	Telemetry() Telemetry
	// ReadBack asks the machine what it really runs with.
	ReadBack(ctx context.Context) (Settings, error)
	Close() error
}

// Endpoint is an OpenAI-compatible server.
type Endpoint struct {
	BaseURL string
	API     string // completions or chat
	Dialect string // trtllm or dynamo: which fields a request may have
	HTTP    *http.Client
	APIKey  string
}

// Telemetry are the sources of a rig. Perf is nil where the server has no per-request records.
type Telemetry struct {
	Sys  []telemetry.SysSource
	KV   telemetry.KVSource
	Perf *telemetry.Perf
	// Scrapes are the newest raw pages by file name, saved with a cell when it ends.
	Scrapes map[string]func() []byte
}

// Settings are what a server says of itself; nil where it does not say.
type Settings struct {
	Model         string   `json:"model"` // id of /v1/models
	KVPoolBlocks  *float64 `json:"kv_pool_blocks"`
	BlockTokens   *float64 `json:"kv_block_tokens"`
	KVPoolBytes   *float64 `json:"kv_pool_bytes"` // blocks x block bytes
	WantKVPool    float64  `json:"want_kv_pool_bytes"`
	KVBlockBytes  float64  `json:"kv_block_bytes"`
	KVBlockOrigin string   `json:"kv_block_bytes_formula"`
	// WantBlockTokens is the block size that the configuration asks for.
	WantBlockTokens float64 `json:"want_kv_block_tokens"`
	// NotReadBack are settings that no page of the server tells.
	NotReadBack []string `json:"not_read_back"`
}
