package telemetry

import (
	"bytes"
	"context"
	"errors"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// Engine reads the serving engine's own gauges from a Prometheus page: trtllm-serve's
// /prometheus/metrics (mounted with return_perf_metrics: true) or the Dynamo worker's /metrics. Names
// are matched with and without the prefix trtllm_, as both are in the field. Of several label sets
// (data-parallel ranks) the load and block gauges are summed and the longest iteration is taken. A value that
// cannot be (see counted and lasted) is left out.
type Engine struct{ page scraper }

// NewEngine makes a source for the page at url.
func NewEngine(client *outgoing.Client, url string) *Engine {
	return &Engine{page: scraper{client: client, url: url, accept: textFormat}}
}

// Name is "engine".
func (e *Engine) Name() string { return "engine" }

// LastScrape is a copy of the newest page as it came, at most 4 MiB, nil before the first.
func (e *Engine) LastScrape() []byte { return e.page.lastPage() }

// Sample scrapes and fills Engine with what the page has. A page with none of the gauges is an error:
// a server without iteration statistics serves one.
func (e *Engine) Sample(ctx context.Context, s *record.SysSample) error {
	var g record.Engine
	err := e.page.samples(ctx, func(name, _ []byte, v float64) error {
		if !counted(v) {
			return nil
		}
		switch string(unprefixed(name)) {
		case "num_requests_running":
			sum(&g.Running, v)
		case "num_requests_waiting":
			sum(&g.Waiting, v)
		case "num_context_requests":
			sum(&g.Context, v)
		case "kv_cache_used_blocks":
			sum(&g.KVUsedBlocks, v)
		case "kv_cache_max_blocks":
			sum(&g.KVMaxBlocks, v)
		case "iteration_latency_seconds":
			if ms := round4(1e3 * v); lasted(v) && (g.IterMS == nil || ms > *g.IterMS) {
				g.IterMS = &ms
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if g == (record.Engine{}) {
		return e.page.failed(errors.New("no engine gauge on the page; set return_perf_metrics and enable_iter_perf_stats in the engine's configuration"))
	}
	s.Engine = &g
	return nil
}

// Value is the first value of a metric on the newest page, named without the prefix; nil if the page has none
// that can be. The error for a page that is not whole wraps ErrScrape.
func (e *Engine) Value(metric string) (*float64, error) {
	var first *float64
	err := e.page.parse(e.page.lastPage(), func(name, _ []byte, v float64) error {
		if first == nil && counted(v) && string(unprefixed(name)) == metric {
			first = &v
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return first, nil
}

// unprefixed is a metric's name without trtllm_, which some servers put in front.
func unprefixed(name []byte) []byte { return bytes.TrimPrefix(name, trtllmPrefix) }

var trtllmPrefix = []byte("trtllm_")

func sum(field **float64, v float64) {
	if *field == nil {
		*field = new(float64)
	}
	**field += v
}
