package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

func serverChecks() []check {
	return []check{
		{id: "server-answers", class: Server, needed: AllHypotheses, of: lookAnswers,
			why: "a plan that finds no server measures nothing", fix: "start the server, wait until it has loaded its model, correct --url"},
		{id: "server-model", class: Server, needed: AllHypotheses, look: lookModels,
			why: "stacks are compared on one model", fix: "serve one model under one name on all stacks"},
		{id: "server-metrics", class: Server, needed: AllHypotheses, of: lookMetrics,
			why: "queue and KV pool are told by the engine's page", fix: "switch the page on, name the kind with --server, or the page with --metrics"},
		{id: "server-tiers", class: Server, needed: withB, look: lookTiers,
			why: "without counters of the KV tiers nobody knows whether tier 2 was read", fix: "switch the KV connector's metrics on; name the kind of server that has them"},
		{id: "gpu-memory-share", class: Server, of: lookShare,
			why: "0.90 of unified memory leaves the host some 6 GB", fix: "give at most 0.80 to 0.85, or rather fix the pool (--kv-cache-memory-bytes)",
			source: "gitcommit90/glm-5.3-one-spark #3"},
		{id: "kv-pool-equal", class: Server, needed: withBoth, look: lookPools,
			why: "a connector may take the KV pool away: 2.09 M tokens became 49,152", fix: "pin the pool in both (--kv-cache-memory-bytes), take a connector that supports HMA",
			source: "NVIDIA/xr-ai PR #462"},
	}
}

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
		at, err := pageURL(s.URL, p.At, s.KVMetrics)
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
	at, err := pageURL(s.URL, p.At, given)
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

// pageURL is where a page is: what was given, else as the kind of server has it: a path, or a port of the same host and a path.
func pageURL(base, at, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" {
		return "", errors.New("its URL is none")
	}
	port, path, _ := strings.Cut(at, "/")
	if port != "" {
		host := u.Hostname()
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		u.Host = host + port
	}
	u.Path = "/" + path
	return u.String(), nil
}

func lookAnswers(v *visit, s *Instance) seen {
	f := v.facts[s.Stack]()
	if f.err != nil {
		return missing("%s", short(f.err.Error()))
	}
	return ok("%s answers", short(f.model))
}

func lookModels(v *visit) seen {
	if len(v.n.Servers) == 0 {
		return unnamed("a server", "--url A=URL,B=URL --server KIND")
	}
	var models []string
	for _, s := range v.n.Servers {
		f := v.facts[s.Stack]()
		if f.err != nil {
			return unknown("%s does not answer", s.Stack).do("mend server-answers first")
		}
		// One server serves a model by its path, another by the last part of it.
		if name := f.model[strings.LastIndexByte(f.model, '/')+1:]; !slices.Contains(models, name) {
			models = append(models, name)
		}
	}
	if len(models) > 1 {
		return missing("two models: %s", short(strings.Join(models, ", ")))
	}
	return ok("%s", short(models[0]))
}

func lookMetrics(v *visit, s *Instance) seen {
	f := v.facts[s.Stack]()
	switch {
	case f.err != nil:
		return unknown("it does not answer").do("mend server-answers first")
	case !f.engine.asked:
		return unknown("kind %s has no page with the engine's figures", s.Kind.Server)
	case f.engine.err != nil:
		return missing("%s", short(f.engine.err.Error()))
	}
	var told, lacking []string
	for _, name := range slices.Sorted(maps.Keys(s.Kind.Engine.Figures)) {
		if _, known := f.engine.values[name]; known {
			told = append(told, name)
		} else {
			lacking = append(lacking, name)
		}
	}
	switch {
	case len(told) == 0:
		return missing("the page has none of the figures of servers/%s.yaml", s.Kind.Server)
	case len(lacking) > 0:
		return warning("the page lacks %s", short(strings.Join(lacking, ", ")))
	}
	return ok("the page has all %d figures", len(told)).with(float64(len(told)), "count")
}

func lookTiers(v *visit) seen {
	s := v.n.server("B")
	if s == nil {
		return unnamed("a server of stack B", "--url A=URL,B=URL --server KIND")
	}
	f := v.facts["B"]()
	switch {
	case f.err != nil:
		return unknown("it does not answer").do("mend server-answers first")
	case !f.kv.asked:
		return missing("kind %s has no page about KV tiers", s.Kind.Server)
	case f.kv.err != nil:
		return missing("%s", short(f.kv.err.Error()))
	}
	setup := ""
	if s.Log != nil {
		tiers, err := telemetry.StartupLog(*s.Log)
		if err != nil {
			return warning("%s", short(err.Error()))
		}
		for _, t := range []struct {
			name string
			line *telemetry.TierLine
		}{{"host", tiers.Host}, {"disk", tiers.Disk}} {
			if t.line != nil {
				setup += fmt.Sprintf("; %s %s", t.name, size(t.line.Blocks*t.line.BlockBytes))
			}
		}
	}
	if s.Kind.KVBM {
		return ok("KVBM counts blocks%s", setup)
	}
	tier2 := slices.DeleteFunc(slices.Sorted(maps.Keys(f.kv.values)), func(name string) bool { return !strings.HasPrefix(name, "tier2_") })
	if len(tier2) == 0 {
		return warning("the page tells nothing of tier 2 yet%s", setup).do("flood the upper tiers, so that tier 2 is written; counters begin with the first block")
	}
	return ok("tier 2 is told: %s%s", short(strings.Join(tier2, ", ")), setup)
}

func lookShare(v *visit, s *Instance) seen {
	f := v.facts[s.Stack]()
	switch {
	case f.err != nil:
		return unknown("it does not answer").do("mend server-answers first")
	case f.engine.err != nil:
		return unknown("its page cannot be read")
	}
	if b, pinned := f.engine.values[pinnedFigure]; pinned && b > 0 {
		return ok("the KV pool is fixed at %s", size(b)).with(b, "B")
	}
	share, told := f.engine.values[shareFigure]
	switch {
	case !told:
		return unknown("the page does not tell gpu_memory_utilization")
	case share > mostGPUShare:
		return missing("gpu_memory_utilization %.2f, above %.2f", share, mostGPUShare).with(share, "share")
	case share > wellGPUShare:
		return warning("gpu_memory_utilization %.2f, above %.2f", share, wellGPUShare).with(share, "share")
	}
	return ok("gpu_memory_utilization %.2f", share).with(share, "share")
}

func lookPools(v *visit) seen {
	var tokens [2]float64
	for i, stack := range []string{"A", "B"} {
		if v.n.server(stack) == nil {
			return unnamed("a server of stack "+stack, "--url A=URL,B=URL --server KIND")
		}
		f := v.facts[stack]()
		blocks, known := f.engine.values["kv_max_blocks"]
		each, known2 := f.engine.values["block_tokens"]
		if !known || !known2 || blocks <= 0 || each <= 0 {
			return unknown("%s does not tell its KV pool", stack)
		}
		tokens[i] = blocks * each
	}
	said := fmt.Sprintf("A %.0f and B %.0f tokens on the device", tokens[0], tokens[1])
	factor := max(tokens[0]/tokens[1], tokens[1]/tokens[0])
	switch {
	case factor > poolsApart:
		return missing("%s", said).with(factor, "factor")
	case factor > 1.01:
		return warning("%s: name that beside every comparison", said).with(factor, "factor")
	}
	return ok("%s", said).with(factor, "factor")
}
