package telemetry

import (
	"bytes"
	"context"
	"fmt"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// Engine reads the serving engine's own gauges from a Prometheus page: trtllm-serve's
// /prometheus/metrics (mounted with return_perf_metrics: true) or the Dynamo worker's /metrics. Names
// are matched with the prefixes trtllm_ and trtllm:, and with none, as all are in the field; of a gauge that the page has under two of them
// the first counts. Of several data-parallel ranks the load and block gauges are summed and the longest iteration is taken. Series
// that differ in another label are an error: they may be those of two processes, of which one is dead. A value that
// cannot be (see counted and lasted) is left out.
type Engine struct {
	page  scraper
	first [engineGauges]series1 // of each gauge on the page that is read
}

// series1 is the first series of a gauge: what stands in front of its name, and its labels.
type series1 struct{ prefix, labels []byte }

// engineNames are the gauges that are read, without their prefix.
var engineNames = [...]string{"num_requests_running", "num_requests_waiting", "num_context_requests", "kv_cache_used_blocks", "kv_cache_max_blocks",
	"iteration_latency_seconds"}

const engineGauges = len(engineNames)

// engineGauge is the place of a name in engineNames, -1 for others. It makes no string of it, as a page is read at each tick.
func engineGauge(plain []byte) int {
	for i := range engineNames {
		if string(plain) == engineNames[i] {
			return i
		}
	}
	return -1
}

// ranks are the labels in which series of one gauge may differ.
var ranks = Metric{Sum: []string{"dp_rank", "rank", "tp_rank", "engine_type"}}

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
	fields := [engineGauges]**float64{&g.Running, &g.Waiting, &g.Context, &g.KVUsedBlocks, &g.KVMaxBlocks}
	var seen [engineGauges]bool
	err := e.page.samples(ctx, func(name, labels []byte, v float64) error {
		plain := unprefixed(name)
		i := engineGauge(plain)
		if i < 0 || !counted(v) {
			return nil
		}
		first, prefix := &e.first[i], name[:len(name)-len(plain)]
		switch {
		case !seen[i]:
			seen[i] = true
			first.prefix, first.labels = append(first.prefix[:0], prefix...), append(first.labels[:0], labels...)
			if first.labels == nil {
				first.labels = []byte{} // a series without labels
			}
		case string(first.prefix) != string(prefix):
			return nil // the same gauge once more, by another of its names
		default:
			if label := ranks.differs(first.labels, labels); label != "" {
				return fmt.Errorf("%s: two series differ in the label %s (%.40q and %.40q): two processes, of which one may be dead; have only one behind the page",
					name, label, labelValue(first.labels, label), labelValue(labels, label))
			}
		}
		if i < engineGauges-1 {
			sum(fields[i], v)
		} else if ms := round4(1e3 * v); lasted(v) && (g.IterMS == nil || ms > *g.IterMS) {
			g.IterMS = &ms
		}
		return nil
	})
	if err != nil {
		return err
	}
	if g == (record.Engine{}) {
		return e.page.failed(fmt.Errorf("no engine gauge on the page%s; set return_perf_metrics and enable_iter_perf_stats in the engine's configuration", e.strange()))
	}
	s.Engine = &g
	return nil
}

// strange says which name on the newest page is that of a gauge but for a prefix that nobody here knows, "" if none is.
func (e *Engine) strange() string {
	out := ""
	_ = e.page.parse(e.page.lastPage(), func(name, _ []byte, _ float64) error { // it has been parsed before
		for _, gauge := range engineNames {
			if prefix, ok := bytes.CutSuffix(name, []byte(gauge)); ok && out == "" {
				out = fmt.Sprintf(": it has %.80s, and the prefix %.40s is not known here", name, prefix)
			}
		}
		return nil
	})
	return out
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

// unprefixed is a metric's name without trtllm_ or trtllm:, which some servers put in front.
func unprefixed(name []byte) []byte {
	for _, prefix := range trtllmPrefixes {
		if rest, ok := bytes.CutPrefix(name, prefix); ok {
			return rest
		}
	}
	return name
}

var trtllmPrefixes = [][]byte{[]byte("trtllm_"), []byte("trtllm:")}

func sum(field **float64, v float64) {
	if *field == nil {
		*field = new(float64)
	}
	**field += v
}
