package serverrig

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

// server is one that runs, as it has said of itself.
type server struct {
	kind        *config.Server
	base        string
	model       string
	build       string // "" if it does not tell
	blockTokens *float64
	poolBlocks  *float64
	ratio       record.TokenRatio
	enginePage  string // URL, "" for none
	kvPage      string
}

// ask learns who the server of a stack is, and how long the harness's prompts are to it.
func ask(ctx context.Context, client *outgoing.Client, st *config.Stack, prompts *prompt.Library) (*server, error) {
	s := &server{kind: st.Server, base: strings.TrimRight(st.Endpoint.URL, "/"), enginePage: st.Endpoint.EngineMetrics, kvPage: st.Endpoint.KVBMMetrics}
	var err error
	if s.model, err = load.ServedModel(ctx, client, s.base); err != nil {
		return nil, err
	}
	if b := s.kind.Build; b != nil {
		s.build = field(ctx, client, s.base+b.Path, b.Field)
	}
	// Some servers have figures on their pages only after a first request.
	prompter := load.FixedContext{Seed: 1, Body: prompts.Body}
	text := func(key uint64, tokens int) (string, error) {
		p, err := prompter.Prompt(load.PromptRequest{ContextTokens: tokens, Seq: int(key), Nonce: load.NoncePerRequest})
		return p.Text, err
	}
	if s.ratio, err = load.CountTokens(ctx, client, load.Counted{BaseURL: s.base, API: s.kind.API, ModelID: s.model,
		Text: text, Short: shortPrompt, Long: longPrompt}); err != nil {
		return nil, err
	}
	return s, s.readPool(ctx, client)
}

// readPool takes the KV pool from the engine's page, if it has one.
func (s *server) readPool(ctx context.Context, client *outgoing.Client) error {
	if s.enginePage == "" || s.kind.Engine == nil {
		return nil
	}
	page := telemetry.NewPage(client, s.enginePage, "engine", metrics(s.kind.Engine.Figures), identities(s.kind.Engine))
	figures, err := page.Read(ctx)
	if err != nil {
		return fmt.Errorf("the engine's page (engine.at of servers/%s.yaml, or -metrics): %w", s.kind.Server, err)
	}
	if len(figures) == 0 {
		return fmt.Errorf("%s has none of the figures of servers/%s.yaml: name the kind of server with -server, or its page with -metrics",
			outgoing.Shown(s.enginePage), s.kind.Server)
	}
	of := func(name string) *float64 {
		if v, ok := figures[name]; ok && v >= 1 {
			return &v
		}
		return nil
	}
	s.blockTokens, s.poolBlocks = of("block_tokens"), of("kv_max_blocks")
	return nil
}

// maxField bounds a page with a version.
const maxField = 1 << 20

// field is a string of a JSON page, "" where it cannot be had: it names a build and decides nothing.
func field(ctx context.Context, client *outgoing.Client, rawURL, name string) string {
	req, err := client.Request(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return ""
	}
	resp, err := client.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxField))
	var fields map[string]any
	if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(text, &fields) != nil {
		return ""
	}
	value, _ := fields[name].(string)
	return client.Quote(value)
}

// metrics are the figures of a page as telemetry has them.
func metrics(in map[string]config.Metric) map[string]telemetry.Metric {
	out := map[string]telemetry.Metric{}
	for name, m := range in {
		out[name] = telemetry.Metric(m)
	}
	return out
}

func identities(p *config.MetricsPage) (out []telemetry.Identity) {
	for _, e := range p.Equal {
		out = append(out, telemetry.Identity(e))
	}
	return out
}

// The prompts by which the server's tokens are measured, in the harness's: two of the committed lengths, made as the load's.
const (
	shortPrompt = 256
	longPrompt  = 1024
)
