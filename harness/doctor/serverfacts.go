package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

// askFor bounds what a server is asked at a time.
const askFor = 20 * time.Second

// serverFacts are what a server says of itself.
type serverFacts struct {
	model  string
	err    error // of the model
	engine figures
	kv     figures
}

// figures are those of one page.
type figures struct {
	values map[string]float64
	err    error
	asked  bool // the kind of server has such a page
}

// Labels of vLLM's page that tell how it was started.
const (
	shareFigure  = "gpu_memory_share"
	pinnedFigure = "kv_cache_bytes"
	configInfo   = "vllm:cache_config_info"
)

func (v *visit) askServer(s *Instance) *serverFacts {
	ctx, cancel := context.WithTimeout(v.ctx, askFor)
	defer cancel()
	f := &serverFacts{}
	if f.model, f.err = load.ServedModel(ctx, s.HTTP, strings.TrimRight(s.URL, "/")); f.err != nil {
		return f
	}
	// Some servers have figures on their pages only after a first request.
	if _, err := ask(ctx, s, f.model, "ready?", 1); err != nil {
		f.err = fmt.Errorf("it lists %s and answers no prompt: %w", f.model, err)
		return f
	}
	if p := s.Kind.Engine; p != nil {
		more := map[string]config.Metric{
			shareFigure:  {Names: []string{configInfo}, Label: "gpu_memory_utilization"},
			pinnedFigure: {Names: []string{configInfo}, Label: "kv_cache_memory_bytes"},
		}
		f.engine = readPage(ctx, s, p, s.Metrics, more)
	}
	switch p := s.Kind.KV; {
	case p == nil:
	case s.Kind.KVBM:
		f.kv = figures{asked: true, values: map[string]float64{}}
		at, err := pageURL(s.URL, p, s.KVMetrics)
		if err == nil {
			var source *telemetry.KVBM
			// Only whether it tells is asked, so that any block size will do.
			if source, err = telemetry.NewKVBM(s.HTTP, at, 1); err == nil {
				err = source.SampleKV(ctx, new(record.KVSample))
			}
		}
		if f.kv.err = err; err == nil {
			f.kv.values["blocks"] = 0
		}
	default:
		f.kv = readPage(ctx, s, p, s.KVMetrics, nil)
	}
	return f
}

func readPage(ctx context.Context, s *Instance, p *config.MetricsPage, given string, more map[string]config.Metric) figures {
	out := figures{asked: true}
	at, err := pageURL(s.URL, p, given)
	if err != nil {
		out.err = err
		return out
	}
	table := map[string]telemetry.Metric{}
	for _, from := range []map[string]config.Metric{p.Figures, more} {
		for name, m := range from {
			table[name] = telemetry.Metric(m)
		}
	}
	var equal []telemetry.Identity
	for _, e := range p.Equal {
		equal = append(equal, telemetry.Identity(e))
	}
	out.values, out.err = telemetry.NewPage(s.HTTP, at, "page", table, equal).Read(ctx)
	return out
}

// pageURL is where a page is: what was given, else as the kind of server has it.
func pageURL(base string, p *config.MetricsPage, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	return p.URL(base)
}
