package rig

import (
	"context"
	"net/http"

	"sparkharness/harness/fio"
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
	// Treat does something to the machine and returns when it has taken effect.
	Treat(ctx context.Context, t Treatment) (Treated, error)
	// StartFio loads the drive with fio beside the server, and StopFio ends that; see FioRun. No jobs are the
	// arm without fio.
	StartFio(ctx context.Context, jobs []fio.Job) (FioRun, error)
	StopFio(ctx context.Context) error
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

// Treatment is something that is done to the machine.
type Treatment string

// Treatments.
const (
	DropCaches Treatment = "drop_caches" // the page cache is emptied, as by /proc/sys/vm/drop_caches
	Restart    Treatment = "restart"     // the server process is restarted, until it answers again
)

// Treated is a treatment with what the machine showed before and after it.
type Treated struct {
	Treatment Treatment `json:"treatment"`
	Reading   string    `json:"reading"` // what was read, with its unit
	Before    *float64  `json:"before"`
	After     *float64  `json:"after"`
}
