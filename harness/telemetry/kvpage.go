package telemetry

import (
	"context"
	"errors"
	"strings"

	"sparkharness/harness/record"
)

// KVPage is a Page of which the figures are those of KV tiers.
type KVPage struct{ *Page }

// SampleKV fills s. A page that tells nothing of tier 2 and of no other tier is an error.
func (p KVPage) SampleKV(ctx context.Context, s *record.KVSample) error {
	f, err := p.Read(ctx)
	if err != nil {
		return err
	}
	told := false
	of := func(name string) *float64 {
		v, ok := f[name]
		if !ok {
			return nil
		}
		told = true
		return &v
	}
	misses := func(tier string) *float64 {
		hits, queries := of(tier+"_hits"), of(tier+"_queries")
		if hits == nil || queries == nil || *queries < *hits {
			return nil
		}
		return new(*queries - *hits)
	}
	ms := func(name string) *float64 {
		if v := of(name); v != nil {
			return new(round4(1e3 * *v))
		}
		return nil
	}
	tiers := [3]record.KVTier{}
	for i, tier := range []string{"tier0", "tier1", "tier2"} {
		tiers[i] = record.KVTier{Hits: of(tier + "_hits"), Misses: misses(tier), BytesIn: of(tier + "_bytes_in"), BytesOut: of(tier + "_bytes_out")}
		if tiers[i].Misses != nil {
			s.Derived = append(s.Derived, tier+".misses")
		}
	}
	t := &tiers[2]
	t.FetchP50ms, t.FetchP95ms, t.FetchP99ms = ms("tier2_fetch_p50"), ms("tier2_fetch_p95"), ms("tier2_fetch_p99")
	// One figure from asking to having it: the server tells no wait apart from the transfer.
	if t.FetchCount, t.FetchTransferMS = of("tier2_fetch_count"), ms("tier2_fetch_sum"); t.FetchCount != nil {
		t.FetchQueueMS = new(0.0)
	}
	evictions, matched := of("evictions"), of("matched_tokens")
	if !told {
		return p.page.failed(errors.New("none of the figures is on the page that the server's file names: correct kv.at or the names there, or start the server with its KV metrics"))
	}
	s.Tier0, s.Tier1, s.Tier2, s.Evictions, s.MatchedTokens = tiers[0], tiers[1], tiers[2], evictions, matched
	for _, figure := range p.Born() {
		switch {
		case figure == fetchFigure:
			s.Born = append(s.Born, "tier2.fetch_count", "tier2.fetch_queue_ms_sum", "tier2.fetch_transfer_ms_sum")
		case s.Counter(fieldOf(figure)) != nil:
			s.Born = append(s.Born, fieldOf(figure))
		}
	}
	return nil
}

// fieldOf is the field of a line that a figure becomes: tier2.bytes_out of tier2_bytes_out.
func fieldOf(figure string) string {
	if tier, rest, ok := strings.Cut(figure, "_"); ok && strings.HasPrefix(tier, "tier") {
		return tier + "." + rest
	}
	return figure
}
