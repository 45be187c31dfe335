package sim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// ledger is a storage that completes each I/O on a goroutine of its own after a random time, and keeps book of
// what stands in which slot. It finds I/Os that would mix up the content of files.
type ledger struct {
	t     *testing.T
	spec  sim.Spec
	rng   *rand.Rand
	mu    sync.Mutex
	slots map[ledgerSlot]*ledgerEntry
	open  map[int64]sim.IO
	did   map[deed]int // blocks or files
	last  int64        // id
	top   int32        // highest slot of the KV area
}

// deed is a kind of I/O.
type deed struct {
	write bool
	area  sim.Area
	name  string
}

type ledgerSlot struct {
	area sim.Area
	slot int32
}

type ledgerEntry struct {
	key     uint64
	writing bool
	readers int
}

func newLedger(t *testing.T, spec sim.Spec, seed uint64) *ledger {
	return &ledger{t: t, spec: spec, rng: rand.New(rand.NewPCG(seed, 3)), slots: map[ledgerSlot]*ledgerEntry{},
		open: map[int64]sim.IO{}, did: map[deed]int{}}
}

// each calls f for every slot of an I/O.
func (l *ledger) each(io sim.IO, f func(b sim.StoredBlock, e *ledgerEntry)) {
	for _, b := range io.Blocks {
		at := ledgerSlot{io.Area, b.Slot}
		if l.slots[at] == nil {
			l.slots[at] = &ledgerEntry{}
		}
		f(b, l.slots[at])
	}
}

func (l *ledger) Submit(_ int64, io sim.IO) {
	l.mu.Lock()
	defer l.mu.Unlock()
	assert.Greater(l.t, io.ID, l.last, "ids are new")
	l.last = io.ID
	l.open[io.ID] = io
	require.NoError(l.t, io.Stream.Validate())
	kind := deed{io.Write(), io.Area, io.Name}
	if io.Area == sim.AreaKV || io.Area == sim.AreaSwap {
		assert.Equal(l.t, int64(len(io.Blocks))*l.spec.BlockBytes(), io.Bytes)
		assert.Empty(l.t, io.Name)
	} else {
		assert.Empty(l.t, io.Blocks)
		assert.Positive(l.t, io.Bytes)
	}
	l.did[kind] += max(1, len(io.Blocks))
	l.each(io, func(b sim.StoredBlock, e *ledgerEntry) {
		if io.Area == sim.AreaKV {
			l.top = max(l.top, b.Slot)
		}
		assert.False(l.t, e.writing, "%v: slot %d is being written", kind, b.Slot)
		if io.Write() {
			assert.Zero(l.t, e.readers, "%v: slot %d is being read", kind, b.Slot)
			e.writing, e.key = true, b.Key
			return
		}
		e.readers++
		assert.Equal(l.t, e.key, b.Key, "%v: slot %d", kind, b.Slot)
	})
	time.AfterFunc(time.Duration(1+l.rng.IntN(80_000))*time.Microsecond, func() {
		if l.end(io.ID) {
			io.Complete(nil)
		}
	})
}

// end closes the books of an I/O, unless that has been done.
func (l *ledger) end(id int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	io, ok := l.open[id]
	delete(l.open, id)
	if ok {
		l.each(io, func(b sim.StoredBlock, e *ledgerEntry) {
			if io.Write() {
				e.writing = false
				return
			}
			e.readers--
			assert.Equal(l.t, e.key, b.Key, "slot %d was written while it was read", b.Slot)
		})
	}
	return ok
}

// underWay is how many I/Os have not ended.
func (l *ledger) underWay() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

func (l *ledger) Cancel(_, id int64)  { l.end(id) }
func (l *ledger) Advance(int64) int64 { return sim.Never }
func (l *ledger) Diskstats(int64) ([]sim.NVMeCounters, error) {
	return make([]sim.NVMeCounters, 1), nil
}

func (l *ledger) Counters(now int64) sim.StorageCounters {
	return sim.StorageCounters{AtNS: now, Stalls: make([]sim.Stall, 1)}
}

// call sends one streamed completion to the frontend's handler and waits for its end. The client may go away.
func (m *machine) call(ctx context.Context, id, text, adapter string, maxTokens int) (status int, body string) {
	want := map[string]any{"model": m.served, "prompt": text, "max_tokens": maxTokens, "stream": true}
	if adapter != "" {
		want["lora_request"] = map[string]any{"lora_name": adapter, "lora_int_id": adapter[0], "lora_path": adapter}
	}
	b, err := json.Marshal(want)
	require.NoError(m.t, err)
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/completions", bytes.NewReader(b))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Request-Id", id)
	rec := httptest.NewRecorder()
	func() {
		defer func() {
			if cut := recover(); cut != nil && cut != http.ErrAbortHandler { //nolint:errorlint // a panic's value
				panic(cut)
			}
		}()
		m.handlers["frontend"].ServeHTTP(rec, req)
	}()
	return rec.Code, rec.Body.String()
}

// crowd sends requests for some prompts from several clients at once, some of which go away before the answer,
// twice with a restart of the server between.
func (l *ledger) crowd(m *machine, seed uint64, adapters int) {
	t := l.t
	for round := range 2 {
		var wg sync.WaitGroup
		for c := range 6 {
			rng := rand.New(rand.NewPCG(seed, uint64(100*round+c)))
			wg.Go(func() {
				for i := range 60 {
					ctx, cancel := context.WithCancel(context.Background())
					if rng.IntN(4) == 0 {
						time.AfterFunc(time.Duration(rng.IntN(2000))*time.Millisecond, cancel)
					}
					adapter := ""
					if adapters > 0 {
						adapter = string(rune('a' + rng.IntN(adapters)))
					}
					tag := fmt.Sprint("p", min(rng.IntN(12), rng.IntN(12)))
					m.call(ctx, fmt.Sprintf("u%d-q%d", c, i), prompt(tag, 1+32*(6+rng.IntN(11))), adapter, 1+rng.IntN(8))
					cancel()
					time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
					if i%10 == c {
						assert.NoError(t, m.DropCaches(context.Background()))
					}
				}
			})
		}
		wg.Wait()
		require.NoError(t, m.Err())
		time.Sleep(time.Minute) // requests whose client has gone
		m.call(context.Background(), "u9-q0", prompt("new", 513), "", 1)
		full := l.spec.Offload.Manager == sim.OffloadFS // its files are never given up
		if l.spec.Dialect == sim.DialectDynamo && !l.spec.ExclusiveTiers && !full {
			require.Positive(t, l.underWay(), "its blocks are being written")
		}
		require.NoError(t, m.restart())
		require.Zero(t, l.underWay())
	}
}

// A block is read from where it was written, whatever happens to the tier meanwhile: evictions, requests that are
// given up, restarts. The content of two I/Os never meets, and the files do not grow without bound.
func TestBlocksAreReadWhereTheyWereWritten(t *testing.T) {
	tiers := func(s *sim.Spec) {
		s.Device.CapacityBytes, s.Host.CapacityBytes, s.Disk.CapacityBytes = 40*s.BlockBytes(), 20*s.BlockBytes(), 60*s.BlockBytes()
		s.OffloadMinFreq = 1
	}
	load, write := deed{false, sim.AreaKV, ""}, deed{true, sim.AreaKV, ""}
	for name, tc := range map[string]struct {
		dialect  string
		spec     func(*sim.Spec)
		mech     sim.Mechanisms
		adapters int
		does     []deed
	}{
		"inclusive": {sim.DialectDynamo, tiers, sim.Mechanisms{}, 0, []deed{load, write}},
		"exclusive": {sim.DialectDynamo, func(s *sim.Spec) { tiers(s); s.ExclusiveTiers = true }, sim.Mechanisms{}, 0, []deed{load, write}},
		"prefetch": {sim.DialectDynamo, func(s *sim.Spec) { tiers(s); s.PrefetchDepth = 4; s.MaxBatchSize = 3 },
			sim.Mechanisms{}, 0, []deed{load, write}},
		"exclusive prefetch": {sim.DialectDynamo, func(s *sim.Spec) { tiers(s); s.ExclusiveTiers = true; s.PrefetchDepth = 4; s.MaxBatchSize = 3 },
			sim.Mechanisms{BlockingFetch: true}, 0, []deed{load, write}},
		"staging": {sim.DialectDynamo, func(s *sim.Spec) { tiers(s); s.Offload.Manager = sim.OffloadKVBMv2 }, sim.Mechanisms{BlockingFetch: true}, 0, []deed{load, write}},
		"files": {sim.DialectDynamo, func(s *sim.Spec) {
			tiers(s)
			s.Offload, s.MaxNumTokens = sim.OffloadSpec{Manager: sim.OffloadFS, BlocksPerChunk: 2, ReadThreads: 2, WriteThreads: 3}, 128
		}, sim.Mechanisms{BlockingFetch: true}, 0, []deed{load, write}},
		"slots": {sim.DialectDynamo, func(s *sim.Spec) { tiers(s); s.Offload.Manager, s.Host = sim.OffloadDisk, sim.TierSpec{} },
			sim.Mechanisms{}, 0, []deed{load, write}},
		"buffered slots": {sim.DialectDynamo, func(s *sim.Spec) { tiers(s); s.Offload.Manager, s.Host = sim.OffloadDisk, sim.TierSpec{} },
			sim.Mechanisms{BufferedKVTier: true}, 0, []deed{load, write}},
		"buffered": {sim.DialectDynamo, tiers, sim.Mechanisms{BufferedKVTier: true}, 0, []deed{load, write}},
		"swap and weights": {sim.DialectTRTLLM, func(s *sim.Spec) { s.Device.CapacityBytes = 20 * s.BlockBytes() },
			sim.Mechanisms{KVSwapToNVMe: true, PagedWeightsBytes: 1 << 20}, 0,
			[]deed{{false, sim.AreaSwap, ""}, {true, sim.AreaSwap, ""}, {false, sim.AreaWeights, ""}}},
		"adapters": {sim.DialectTRTLLM, func(s *sim.Spec) { s.LoRA = specLoRA(t, 3, 2).LoRA },
			sim.Mechanisms{}, 3, []deed{{false, sim.AreaAdapters, "a"}, {false, sim.AreaAdapters, "b"}, {false, sim.AreaAdapters, "c"}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := specB(t, "L8B")
				if tc.dialect == sim.DialectTRTLLM {
					spec = specA(t, "L8B")
				}
				tc.spec(&spec)
				p := sim.DefaultParams()
				p.Mechanisms = tc.mech
				l := newLedger(t, spec, 1)
				m := startOn(t, spec, p, l)
				l.crowd(m, 1, tc.adapters)
				for _, d := range tc.does {
					assert.Greater(t, l.did[d], 2, "%v of %v", d, l.did)
				}
				assert.Less(t, int(l.top), 60+6*17, "a tier of 60 blocks, and six prompts on their way")
			})
		})
	}
}
