package serverrig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/prompt"
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
	ratio       ratio
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
	if s.ratio, err = measure(ctx, client, s, prompts); err != nil {
		return nil, err
	}
	if s.enginePage != "" && s.kind.Engine != nil {
		page := telemetry.NewPage(client, s.enginePage, "engine", metrics(s.kind.Engine.Figures), identities(s.kind.Engine))
		figures, err := page.Read(ctx)
		if err != nil {
			return nil, fmt.Errorf("the engine's page (engine.at of servers/%s.yaml, or -metrics): %w", s.kind.Server, err)
		}
		if len(figures) == 0 {
			return nil, fmt.Errorf("%s has none of the figures of servers/%s.yaml: name the kind of server with -server, or its page with -metrics",
				outgoing.Shown(s.enginePage), s.kind.Server)
		}
		of := func(name string) *float64 {
			if v, ok := figures[name]; ok && v >= 1 {
				return &v
			}
			return nil
		}
		s.blockTokens, s.poolBlocks = of("block_tokens"), of("kv_max_blocks")
	}
	return s, nil
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

// ratio is how a server counts prompts that are measured in the harness's tokens: each of those is so many of its own, and
// each prompt has some more, such as those of a chat template.
type ratio struct{ each, more float64 }

// sameTokens says that a prompt is as long to the server as it is to the harness, within a hundredth.
func (r ratio) sameTokens() bool { return math.Abs(r.each-1) < 0.01 && math.Abs(r.more) < 4 }

// The prompts by which the ratio is measured, in the harness's tokens: two of the committed lengths.
const (
	shortPrompt = 256
	longPrompt  = 1024
)

// measure asks two prompts of the server, such as the load will send, and reads how long they were to it.
func measure(ctx context.Context, client *outgoing.Client, s *server, prompts *prompt.Library) (ratio, error) {
	var counted [2]float64
	of := load.FixedContext{Seed: 1, Body: prompts.Body}
	for i, n := range []int{shortPrompt, longPrompt} {
		p, err := of.Prompt(load.PromptRequest{ContextTokens: n, Seq: i, Nonce: load.NoncePerRequest})
		if err != nil {
			return ratio{}, err
		}
		if counted[i], err = promptTokens(ctx, client, s, p.Text); err != nil {
			return ratio{}, fmt.Errorf("ask for one token: %w", err)
		}
	}
	each := (counted[1] - counted[0]) / (longPrompt - shortPrompt)
	if each < 0.1 || each > 20 {
		return ratio{}, fmt.Errorf("the server counts %.0f tokens for a prompt of %d and %.0f for one of %d: it does not count prompts by their text",
			counted[0], shortPrompt, counted[1], longPrompt)
	}
	return ratio{each: each, more: counted[0] - each*shortPrompt}, nil
}

// promptTokens asks for one token and returns how long the prompt was to the server.
func promptTokens(ctx context.Context, client *outgoing.Client, s *server, text string) (float64, error) {
	fields := map[string]any{"model": s.model, "max_tokens": 1}
	path := "/v1/completions"
	if s.kind.API == load.APIChat {
		path, fields["messages"] = "/v1/chat/completions", []map[string]string{{"role": "user", "content": text}}
	} else {
		fields["prompt"] = text
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return 0, err
	}
	req, err := client.Request(ctx, http.MethodPost, s.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxField))
	switch {
	case err != nil:
		return 0, err
	case resp.StatusCode != http.StatusOK:
		return 0, fmt.Errorf("HTTP %d: %s", resp.StatusCode, client.Quote(string(answer)))
	}
	var told struct {
		Usage *struct {
			PromptTokens *float64 `json:"prompt_tokens"`
		} `json:"usage"`
	}
	if err := json.Unmarshal(answer, &told); err != nil || told.Usage == nil || told.Usage.PromptTokens == nil {
		return 0, errors.New("its answer has no usage.prompt_tokens, so that nobody would know how long prompts are")
	}
	return *told.Usage.PromptTokens, nil
}
