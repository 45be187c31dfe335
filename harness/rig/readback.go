package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

// Model is what a rig knows of the model that the configuration names.
type Model struct {
	ID           string  // under which a server that was given it by name serves it; "" if the rig does not know
	BlockBytes   float64 // of a KV block over all layers, as configured
	BlockFormula string  // where BlockBytes comes from
}

// ReadBack asks a stack's servers what they run with. log is what the server logged at its start.
func ReadBack(ctx context.Context, client *outgoing.Client, st *config.Stack, model Model, log string) (record.Settings, error) {
	out := record.Settings{WantModel: model.ID, KVBlockBytes: model.BlockBytes, KVBlockOrigin: model.BlockFormula,
		WantKVPool: float64(st.KVPool()), WantBlockTokens: float64(st.Runtime.TokensPerBlock), NotReadBack: []string{}}
	var err error
	if st.Dynamo != nil {
		if err = readTiers(&out, st.Dynamo, log); err != nil {
			return out, err
		}
	}
	if out.Model, err = load.ServedModel(ctx, client, st.Endpoint.URL); err != nil {
		return out, fmt.Errorf("endpoint.url of the stack file: %w", err)
	}
	var s record.SysSample
	engine := telemetry.NewEngine(client, st.Endpoint.EngineMetrics)
	if err := engine.Sample(ctx, &s); err != nil {
		return out, fmt.Errorf("read the engine's settings back: %w", err)
	}
	if out.BlockTokens, err = engine.Value("kv_cache_tokens_per_block"); err != nil {
		return out, fmt.Errorf("read the engine's settings back: %w", err)
	}
	if s.Engine != nil && s.Engine.KVMaxBlocks != nil {
		out.KVPoolBlocks = s.Engine.KVMaxBlocks
		pool := *s.Engine.KVMaxBlocks * model.BlockBytes
		if out.BlockTokens != nil { // blocks of the server's own size
			pool *= *out.BlockTokens / out.WantBlockTokens
		}
		out.KVPoolBytes = &pool
	}
	return out, nil
}

// readTiers takes the lower tiers from the start-up log.
func readTiers(s *record.Settings, d *config.Dynamo, log string) error {
	s.NotReadBack = []string{"loader", "prefetch depth", "tier exclusiveness"}
	tiers, err := telemetry.StartupLog(log)
	if err != nil {
		return fmt.Errorf("the server's start-up log: %w", err)
	}
	for _, t := range []struct {
		name string
		line *telemetry.TierLine
		want config.Tier
	}{{"host", tiers.Host, d.Tiers.Tier1}, {"disk", tiers.Disk, d.Tiers.Tier2}} {
		if t.line == nil {
			s.NotReadBack = append(s.NotReadBack, t.name+" tier capacity and policy")
			continue
		}
		set := record.TierSetting{Tier: t.name, Bytes: t.line.Blocks * t.line.BlockBytes, WantBytes: float64(t.want.CapacityBytes),
			Policy: t.line.Policy, WantPolicy: t.want.EvictionPolicy}
		if t.line.MinFrequency != nil {
			want := float64(d.OffloadMinFrequency)
			set.MinFreq, set.WantMinFreq = t.line.MinFrequency, &want
		}
		s.Tiers = append(s.Tiers, set)
	}
	return nil
}

// maxAnswer bounds an answer of one token, bytes: a real one has some hundred.
const maxAnswer = 1 << 20

// Answers asks the server for one token, and returns when it has come.
func Answers(ctx context.Context, client *outgoing.Client, baseURL, model string) error {
	body, err := json.Marshal(map[string]any{"model": model, "prompt": "ready?", "max_tokens": 1})
	if err != nil {
		return err
	}
	req, err := client.Request(ctx, http.MethodPost, strings.TrimRight(baseURL, "/")+"/v1/completions", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	server := outgoing.Shown(baseURL)
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the server at %s does not answer after its restart: %w", server, err)
	}
	defer resp.Body.Close()
	n, err := io.CopyN(io.Discard, resp.Body, maxAnswer+1)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return fmt.Errorf("the server at %s does not answer after its restart: %w", server, err)
	case n > maxAnswer:
		return fmt.Errorf("the server at %s answers with more than %d bytes after its restart: look what listens there", server, maxAnswer)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("the server at %s answers %s after its restart", server, client.Quote(resp.Status))
	}
	return nil
}
