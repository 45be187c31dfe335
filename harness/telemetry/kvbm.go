package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// kvCounter is a counter of the page. Tiers: 0 device, 1 host, 2 disk.
type kvCounter int

const (
	matchedTokens kvCounter = iota
	deviceToHost
	hostToDisk
	deviceToDisk
	hostToDevice
	diskToDevice
	diskToHost
	kvCounters
)

// kvMoves is the table of KVBM's block counters, kvbm_<verb>_blocks_<suffix>. The suffix alone says
// nothing: h2d is host to disk when offloading and host to device when onboarding.
var kvMoves = [...]struct {
	verb, suffix string
	counter      kvCounter
}{
	{"offload", "d2h", deviceToHost},
	{"offload", "h2d", hostToDisk},
	{"offload", "d2d", deviceToDisk},
	{"onboard", "h2d", hostToDevice},
	{"onboard", "d2d", diskToDevice},
	{"onboard", "d2h", diskToHost}, // v2 only
}

// kvNames are the counters' names without _total, which some versions append.
var kvNames = func() (names [kvCounters]string) {
	names[matchedTokens] = "kvbm_matched_tokens"
	for _, m := range kvMoves {
		names[m.counter] = "kvbm_" + m.verb + "_blocks_" + m.suffix
	}
	return names
}()

// KVBM reads the metrics page of Dynamo's KV block manager (DYN_KVBM_METRICS=1, port 6880).
//
// The page counts blocks; bytes are blocks times the block size. It has nothing about tier 0, so that
// stays nil, as does every figure whose counter is missing on the page or cannot be (see counted). The
// hit-rate gauges are not read: they average over the last 1000 requests. What the page does not say:
//
//   - Evictions are derived if the host tier's capacity is known (HostBlocks). They hold for a
//     write-through tier: blocks enter it by an offload from the device only and leave it by eviction
//     only, so of those that ever entered the ones above the capacity have been evicted. Not with v2.
//   - Misses stay nil: matched tokens and onboarded blocks count what was found, and nothing counts what
//     was looked for.
//   - A page on which tokens were matched below the device since the server's start, and of the blocks that these are not one
//     was onboarded, contradicts itself: its onboard counters do not count what they should, and are no zeros. It is an
//     error from firstTransfer on after the first page that says so: a match counts when it is scheduled, its blocks when they are there.
//   - Prefetches stay nil: the onboard counters do not tell a block that was fetched ahead from one that
//     a request waits for.
//
// v2 stages loads from disk in the host tier and counts that as onboard d2h. What leaves tier 2 is then d2d and d2h together,
// and what goes on to the device is part of tier 1's onboard h2d.
//
// Newer builds have histograms kvbm_transfer_*_seconds and kvbm_queue_*_seconds; those of disk to
// device (d2d onboard) give the fetch latency of tier 2. One observation is one onboard operation of
// one request. The quantiles are of the transfers that completed since the previous sample, and each is
// the transfer's quantile (see histogram.quantile) plus the mean queue wait observed in the same
// interval, or in the latest interval that had one when a wait was observed before its transfer ended.
// So the figure is exact when one fetch was queued and completed in the interval, as at 200 ms most
// are; otherwise the spread of the waits is missing from it. Without a queue histogram the quantiles
// stay nil, since a transfer alone is not a fetch latency.
type KVBM struct {
	page       scraper
	blockBytes float64
	hostBlocks *float64 // capacity of the host tier; nil if unknown
	prev       *kvbmPage
	wait       *float64  // mean queue wait of the latest interval that observed one, s
	matchedAt  time.Time // of the first page that matched and onboarded nothing, of those that do so since
}

// kvbmPage is what is used of one page. Counters and histograms are summed over label sets; the known
// versions put labels on the transfer histograms only.
type kvbmPage struct {
	counters [kvCounters]float64
	seen     [kvCounters]bool
	transfer histogram
	queue    histogram
}

// NewKVBM makes a source for the page at url. blockBytes is the size of one KV block over all layers:
// tokens per block x KV bytes per token.
func NewKVBM(client *outgoing.Client, url string, blockBytes float64, options ...KVBMOption) (*KVBM, error) {
	if blockBytes <= 0 || !finite(blockBytes) {
		return nil, fmt.Errorf("kvbm: block size of %v bytes; give tokens per block x KV bytes per token, KVBM does not report it", blockBytes)
	}
	k := &KVBM{page: scraper{client: client, url: url, accept: textFormat}, blockBytes: blockBytes}
	for _, o := range options {
		if err := o(k); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// KVBMOption is something that a KVBM may know beyond its page.
type KVBMOption func(*KVBM) error

// HostBlocks is the capacity of the host tier in blocks, as the server's start-up log told it (see
// StartupLog), nil if it is unknown. It must be that of the process whose counters are read.
func HostBlocks(n *float64) KVBMOption {
	return func(k *KVBM) error {
		if n != nil && (*n < 0 || !finite(*n)) {
			return fmt.Errorf("kvbm: host tier of %v blocks; give the capacity that the server's start-up log tells, or none", *n)
		}
		k.hostBlocks = n
		return nil
	}
}

// Name is "kvbm".
func (k *KVBM) Name() string { return "kvbm" }

// LastScrape is a copy of the newest page as it came, at most 4 MiB, nil before the first.
func (k *KVBM) LastScrape() []byte { return k.page.lastPage() }

// SampleKV scrapes and fills s. Errors wrap ErrScrape, or ErrReset when a counter went backwards.
func (k *KVBM) SampleKV(ctx context.Context, s *record.KVSample) error {
	cur := &kvbmPage{}
	ours := false
	err := k.page.samples(ctx, func(name, labels []byte, v float64) error {
		if !bytes.HasPrefix(name, kvbmPrefix) {
			return nil
		}
		if ours = true; !counted(v) {
			return nil
		}
		return cur.add(name, labels, v)
	})
	if err != nil {
		return err
	}
	if !ours {
		return k.page.failed(errors.New("no kvbm_ metric on the page; is DYN_KVBM_METRICS=1 set, and does the port belong to KVBM?"))
	}
	var fetch record.KVTier
	if k.prev != nil {
		fetch, err = k.advance(cur)
	}
	k.prev = cur
	if err != nil {
		k.wait = nil
		return fmt.Errorf("%s: %w", outgoing.Shown(k.page.url), err)
	}
	if err := cur.contradiction(); err == nil {
		k.matchedAt = time.Time{}
	} else if k.matchedAt.IsZero() {
		k.matchedAt = time.Now()
	} else if time.Since(k.matchedAt) >= firstTransfer {
		return k.page.failed(err)
	}
	k.fill(s, cur, fetch)
	return nil
}

// firstTransfer bounds how long the blocks of a first match are on their way: 4,096 tokens of a 70B take 3 s through a slow loader, and
// may wait for another load.
const firstTransfer = 10 * time.Second

var kvbmPrefix = []byte("kvbm_")

func (p *kvbmPage) add(name, labels []byte, v float64) error {
	plain := bytes.TrimSuffix(name, []byte("_total"))
	for c, n := range kvNames {
		if string(plain) == n {
			p.counters[c] += v
			p.seen[c] = true
			return nil
		}
	}
	stem, part, ok := bytes.Cut(name, []byte("_seconds"))
	if !ok || !bytes.Contains(stem, []byte("d2d")) || !bytes.Contains(stem, []byte("onboard")) {
		return nil
	}
	switch {
	case bytes.HasPrefix(stem, []byte("kvbm_transfer_")):
		return p.transfer.add(string(part), labels, v)
	case bytes.HasPrefix(stem, []byte("kvbm_queue_")):
		return p.queue.add(string(part), labels, v)
	}
	return nil
}

// onboards are the counters of blocks that came from below the device.
var onboards = []kvCounter{hostToDevice, diskToDevice, diskToHost}

// contradiction says that tokens were matched and nothing came of it.
func (p *kvbmPage) contradiction() error {
	told := false
	for _, c := range onboards {
		told = told || p.seen[c]
		if p.counters[c] > 0 {
			return nil
		}
	}
	if !told || p.counters[matchedTokens] == 0 {
		return nil
	}
	return fmt.Errorf("the page contradicts itself: %.0f tokens were matched below the device, and no block was onboarded since the server's start: "+
		"what the tiers gave is not known; update the server, or take one whose counters count", p.counters[matchedTokens])
}

// advance checks cur against the page before it and returns the quantiles of the fetches between them.
func (k *KVBM) advance(cur *kvbmPage) (record.KVTier, error) {
	prev := k.prev
	for c, n := range kvNames {
		if !cur.seen[c] {
			// A metric that is missing once keeps its last value for the comparison with the next page.
			cur.counters[c] = prev.counters[c]
		} else if cur.counters[c] < prev.counters[c] {
			return record.KVTier{}, fmt.Errorf("%s fell from %v to %v: %w", n, prev.counters[c], cur.counters[c], ErrReset)
		}
	}
	transfers, err := since(&cur.transfer, &prev.transfer)
	if err != nil {
		return record.KVTier{}, fmt.Errorf("histogram of disk to device transfers: %w", err)
	}
	waits, err := since(&cur.queue, &prev.queue)
	if err != nil {
		return record.KVTier{}, fmt.Errorf("histogram of disk to device queue waits: %w", err)
	}
	if waits.count > 0 {
		k.wait = new(waits.sum / waits.count)
	}
	if k.wait == nil || transfers.count == 0 {
		return record.KVTier{}, nil
	}
	q := func(q float64) *float64 {
		v, ok := transfers.quantile(q)
		if fetch := *k.wait + v; ok && lasted(fetch) {
			return new(round4(1e3 * fetch))
		}
		return nil
	}
	return record.KVTier{FetchP50ms: q(0.50), FetchP95ms: q(0.95), FetchP99ms: q(0.99)}, nil
}

// since is what cur observed since prev. A histogram that is missing once is treated as a counter is.
func since(cur, prev *histogram) (histogram, error) {
	if !cur.seen {
		*cur = *prev
		cur.seen = false
		return histogram{}, nil
	}
	return cur.minus(prev)
}

// fill writes the page's figures into s, nil where the page had no such metric.
func (k *KVBM) fill(s *record.KVSample, p *kvbmPage, fetch record.KVTier) {
	// The sum is unknown if one of its counters is missing.
	count := func(cs ...kvCounter) *float64 {
		sum := 0.0
		for _, c := range cs {
			if !p.seen[c] {
				return nil
			}
			sum += p.counters[c]
		}
		return &sum
	}
	loads, staged := []kvCounter{diskToDevice}, []kvCounter{deviceToHost}
	if p.seen[diskToHost] {
		loads, staged = append(loads, diskToHost), append(staged, diskToHost)
	}
	bytesOf := func(cs ...kvCounter) *float64 {
		if blocks := count(cs...); blocks != nil {
			return new(*blocks * k.blockBytes)
		}
		return nil
	}
	derived := func(name string, v *float64) *float64 {
		if v != nil {
			s.Derived = append(s.Derived, name)
		}
		return v
	}
	s.BlockSizeBytes = new(k.blockBytes)
	s.MatchedTokens = count(matchedTokens)
	s.Tier1 = record.KVTier{
		Hits:     count(hostToDevice),
		BytesIn:  derived("tier1.bytes_in", bytesOf(staged...)),
		BytesOut: derived("tier1.bytes_out", bytesOf(hostToDevice)),
	}
	s.Tier2 = record.KVTier{
		Hits:       count(loads...),
		BytesIn:    derived("tier2.bytes_in", bytesOf(hostToDisk, deviceToDisk)),
		BytesOut:   derived("tier2.bytes_out", bytesOf(loads...)),
		FetchP50ms: derived("tier2.fetch_p50_ms", fetch.FetchP50ms),
		FetchP95ms: derived("tier2.fetch_p95_ms", fetch.FetchP95ms),
		FetchP99ms: derived("tier2.fetch_p99_ms", fetch.FetchP99ms),
	}
	if !p.seen[diskToHost] {
		s.Evictions = derived("evictions", k.evictions(count(deviceToHost)))
	}
	if p.transfer.seen {
		s.Tier2.FetchCount = new(p.transfer.count)
		s.Tier2.FetchTransferMS = new(round4(1e3 * p.transfer.sum))
	}
	if p.queue.seen {
		s.Tier2.FetchQueueMS = new(round4(1e3 * p.queue.sum))
	}
}

// evictions is how many of the blocks that entered the host tier it cannot hold any more.
func (k *KVBM) evictions(entered *float64) *float64 {
	if entered == nil || k.hostBlocks == nil {
		return nil
	}
	return new(max(0, *entered-*k.hostBlocks))
}
