package record

// Phases of a cell. Only requests that were due inside Measure count in any percentile.
const (
	PhaseWarmup  = "warmup"
	PhaseMeasure = "measure"
)

// Result codes of a request. Anything but RCOK is a failed request; RCTimeout is a censored
// observation: it waited at least as long as its latency fields say.
const (
	RCOK         = "ok"
	RCTimeout    = "timeout"    // no complete answer within the request's time limit
	RCRejected   = "rejected"   // the server refused for load: 429, 503, 529
	RCHTTP       = "http"       // another HTTP status
	RCRefused    = "refused"    // no connection
	RCUnanswered = "unanswered" // the connection ended before a byte of an answer
	RCCut        = "cut"        // the stream ended without [DONE]
	RCServer     = "server"     // an error frame inside a 200
	RCMalformed  = "malformed"  // a frame that is not what the protocol allows
	RCShort      = "short"      // fewer or more output tokens than were asked for, or no text at all
	RCCancelled  = "cancelled"  // the run was interrupted
)

// Request is one line of metrics.jsonl. Times are Unix seconds on the cell's monotonic clock,
// durations milliseconds.
//
// ITL figures are of gaps between tokens. Where the server counted another number of tokens than chunks with text
// came there is only their mean, TPOT, and the gaps are those of chunks.
type Request struct {
	RunID         string   `json:"run_id"`
	TS            float64  `json:"ts"` // actual send, s
	Stack         string   `json:"stack"`
	Model         string   `json:"model"`
	Workload      string   `json:"workload"`
	ContextTokens int      `json:"context_tokens"` // nominal length of this prompt
	Concurrency   int      `json:"concurrency"`    // users of a closed loop; 0 in an open loop
	TTFTms        *float64 `json:"lat_ttft_ms"`    // to the first chunk with non-empty text
	E2Ems         *float64 `json:"lat_e2e_ms"`
	RC            string   `json:"rc"`

	User         int      `json:"user"`
	Seq          int      `json:"seq"` // request number of this user, from 0
	Session      *int     `json:"session"`
	Turn         *int     `json:"turn"`
	Reusable     *int     `json:"reusable_tokens"` // of this prompt, with which an earlier prompt of its session began; null where the workload does not say
	Adapter      *string  `json:"adapter"`         // LoRA adapter; null for the base model
	Phase        string   `json:"phase"`
	IntendedTS   float64  `json:"intended_ts"`   // when the load plan wanted it sent, s
	SendLagMS    float64  `json:"send_lag_ms"`   // ts - intended_ts
	PromptTokens *int     `json:"prompt_tokens"` // as the server counted
	CachedTokens *int     `json:"cached_tokens"` // as the server reported
	OutputTokens *int     `json:"output_tokens"` // as the server counted
	AskedTokens  int      `json:"asked_tokens"`
	ITLp50ms     *float64 `json:"itl_p50_ms"`
	ITLmaxMS     *float64 `json:"itl_max_ms"`
	ITLmeanMS    *float64 `json:"itl_mean_ms"`    // TPOT: (last text - first text) / (output tokens - 1); by chunks where nothing is counted
	HeadersMS    *float64 `json:"headers_ms"`     // response headers; not comparable between stacks
	ServerWaitMS *float64 `json:"server_wait_ms"` // arrival to first scheduling, as the server reported
	Censored     bool     `json:"censored"`
	Error        *string  `json:"error"`

	// What follows is left out where it is null or false, as in lines of earlier versions.

	TokensPerChunk *float64 `json:"tokens_per_chunk,omitempty"` // output tokens / chunks with text; null where the server did not count
	// Gaps between chunks with text that are none between tokens.
	ChunkGapP50MS *float64 `json:"chunk_gap_p50_ms,omitempty"`
	ChunkGapMaxMS *float64 `json:"chunk_gap_max_ms,omitempty"`
	// SentAgain says that the server closed a connection kept alive as the request came, and that it was sent once
	// more on a new one; times count from the first sending.
	SentAgain bool `json:"sent_again,omitempty"`
	// ConnReused says of a request that was sent again or not answered whether its first connection had carried
	// another one before. Null for all others: in virtual time chance decides which of two idle connections is taken.
	ConnReused *bool `json:"conn_reused,omitempty"`
}

// Latency returns the request's TTFT counted from the intended send (open loop) or the actual send
// (closed loop), in ms, and whether the value is a lower bound (censored). ok is false if the request
// says nothing about TTFT at all, as a refused connection does.
//
// TTFTms and E2Ems are stored from the origin that the load model prescribes, so no correction
// happens here.
func (r *Request) Latency() (ms float64, censored, ok bool) {
	if r.TTFTms != nil {
		return *r.TTFTms, r.Censored && r.E2Ems == nil, true
	}
	if r.Censored && r.E2Ems != nil {
		return *r.E2Ems, true, true
	}
	return 0, false, false
}
