package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// Perf reads trtllm-serve's per-request timings, GET /perf_metrics. The server drains its list on each
// read, so there must be one reader only, and what a failed read had in hand is lost. The list is empty
// unless return_perf_metrics is set and perf_metrics_max_requests holds the requests of one interval.
type Perf struct{ page scraper }

// NewPerf makes a reader for the server at baseURL, such as http://127.0.0.1:8355.
func NewPerf(client *outgoing.Client, baseURL string) *Perf {
	return &Perf{page: scraper{client: client, url: strings.TrimSuffix(baseURL, "/") + "/perf_metrics", accept: "application/json"}}
}

// Drain returns the requests that finished since the previous call. Errors wrap ErrScrape.
func (p *Perf) Drain(ctx context.Context) ([]record.PerfLine, error) {
	page, err := p.page.get(ctx)
	if err != nil {
		return nil, err
	}
	recs, err := parsePerf(page)
	if err != nil {
		return nil, p.page.failed(err)
	}
	return recs, nil
}

// perfItem is one element of the array. Times are seconds of the server's steady clock.
type perfItem struct {
	RequestID   json.RawMessage `json:"request_id"`
	PerfMetrics struct {
		Timing struct {
			Arrival        *float64 `json:"arrival_time"`
			FirstScheduled *float64 `json:"first_scheduled_time"`
			FirstToken     *float64 `json:"first_token_time"`
		} `json:"timing_metrics"`
	} `json:"perf_metrics"`
}

func parsePerf(page []byte) ([]record.PerfLine, error) {
	var items []perfItem
	if err := json.Unmarshal(page, &items); err != nil {
		return nil, fmt.Errorf("not a JSON array of requests: %w", err)
	}
	recs := make([]record.PerfLine, len(items))
	for i, it := range items {
		// The id is a number in some versions and a string in others.
		id := ""
		if err := json.Unmarshal(it.RequestID, &id); err != nil && string(it.RequestID) != "null" {
			id = string(it.RequestID)
		}
		recs[i].RequestID = outgoing.Clean(id, outgoing.MaxQuote)
		t := it.PerfMetrics.Timing
		recs[i].WaitMS = between(t.Arrival, t.FirstScheduled)
		recs[i].PrefillMS = between(t.FirstScheduled, t.FirstToken)
	}
	return recs, nil
}

// between is to - from in ms, nil where that cannot be. A time that the engine never set is 0 on the page.
func between(from, to *float64) *float64 {
	if from == nil || to == nil || *from <= 0 || !lasted(*to-*from) {
		return nil
	}
	return new(round4(1e3 * (*to - *from)))
}
