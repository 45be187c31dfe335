package sim

// sequence is a request inside the engine.
type sequence struct {
	id           string
	promptTokens int
	maxTokens    int
	hashes       []uint64 // chained keys of the prompt's whole blocks
	events       chan Event
	choice       int // of the events, which all sequences of a request share
	cancelled    bool
	adapter      string    // LoRA adapter, empty for none
	slot         *loraSlot // held from admission to the end

	match     match
	shared    []uint64 // device blocks held under a key
	anonymous int      // device blocks held privately
	swapped   int      // blocks that are on the NVMe instead

	fetch  []StoredBlock // matched NVMe blocks that it loads itself
	swapAt []StoredBlock // of swapped blocks, until they are back

	prefetched bool      // a prefetch of its blocks has been started
	late       int       // matched blocks that a prefetch was bringing at admission
	awaits     *prefetch // the last of these to end

	chain     *chunkChain // chunks below the device that it loads (manager fs)
	offloaded int         // chunks of its prompt that have been offered to the tiers below (manager fs)
	contents  []uint64    // of its blocks, if any holds other KV than its key names (content.go)
	wrong     uint64      // digest of these; 0: none

	computed int // prompt tokens whose KV is on the device
	emitted  int
	pending  int // transfers that must finish before the prompt can be worked on

	arrivedNS   int64
	scheduledNS int64 // first iteration that worked on it; -1 before
	firstNS     int64
	fetches     int   // loads and prefetches of tier-2 blocks that it waits for
	loadAskedNS int64 // when the tier-2 blocks were asked for
}

// context is the number of tokens whose KV the next decode step reads.
func (s *sequence) context() int { return s.computed + s.emitted }

// EventKind is what happened to a request.
type EventKind int

// Kinds of events: Queued, then one Token a token, then Done; or Refused or TooLong alone.
const (
	EventQueued EventKind = iota
	EventToken
	EventDone
	EventRefused // the queue is full
	EventTooLong // the request can never fit
	eventGone    // the client went away, or the machine stopped
)

// Event is one step in the life of a request.
type Event struct {
	Kind   EventKind
	Choice int // which sequence of the request
	// Set on EventDone.
	CachedTokens int
	WaitNS       int64 // arrival to first scheduling
	PrefillNS    int64 // first scheduling to first token
	FirstNS      int64 // arrival to first token
	TotalNS      int64
}

// BlockHashes returns the chained keys of the whole blocks of a prompt: FNV-1a over all tokens up to the
// end of each block.
func BlockHashes(tokens []uint32, blockTokens int) []uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	out := make([]uint64, 0, len(tokens)/blockTokens)
	for i, t := range tokens {
		for range 4 {
			h = (h ^ uint64(t&0xff)) * prime
			t >>= 8
		}
		if (i+1)%blockTokens == 0 {
			out = append(out, h)
		}
	}
	return out
}
