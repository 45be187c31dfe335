package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

// readBack asks a stack's servers what they run with.
func readBack(ctx context.Context, client *http.Client, st *config.Stack, blockBytes float64, formula string) (Settings, error) {
	out := Settings{KVBlockBytes: blockBytes, KVBlockOrigin: formula, WantKVPool: float64(KVPool(st)),
		WantBlockTokens: float64(st.Runtime.TokensPerBlock), NotReadBack: []string{}}
	if st.Dynamo != nil {
		out.NotReadBack = []string{"host and NVMe tier capacity", "eviction policies", "offload filter", "loader"}
	}
	var err error
	if out.Model, err = servedModel(ctx, client, st.Endpoint.URL); err != nil {
		return out, err
	}
	var s record.SysSample
	engine := telemetry.NewEngine(client, st.Endpoint.EngineMetrics)
	if err := engine.Sample(ctx, &s); err != nil {
		return out, fmt.Errorf("read the engine's settings back: %w", err)
	}
	out.BlockTokens = metricValue(engine.LastScrape(), "kv_cache_tokens_per_block")
	if s.Engine != nil && s.Engine.KVMaxBlocks != nil {
		out.KVPoolBlocks = s.Engine.KVMaxBlocks
		pool := *s.Engine.KVMaxBlocks * blockBytes
		if out.BlockTokens != nil { // blocks of the server's own size
			pool *= *out.BlockTokens / out.WantBlockTokens
		}
		out.KVPoolBytes = &pool
	}
	return out, nil
}

// servedModel is the id of the first model of /v1/models.
func servedModel(ctx context.Context, client *http.Client, baseURL string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, trimSlash(baseURL)+"/v1/models", nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("no server at %s (start it, or correct endpoint.url in the stack file): %w", baseURL, err)
	}
	defer resp.Body.Close()
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("read %s/v1/models: %w", baseURL, err)
	}
	if err := json.Unmarshal(body, &list); err != nil || len(list.Data) == 0 {
		return "", fmt.Errorf("%s/v1/models lists no model (status %s): the server is not ready", baseURL, resp.Status)
	}
	return list.Data[0].ID, nil
}

// metricValue returns the value of the first series of a metric on a Prometheus page, with or without
// the trtllm_ prefix; nil if there is none.
func metricValue(page []byte, name string) *float64 {
	for line := range bytes.Lines(page) {
		end := bytes.IndexAny(line, "{ \t")
		if end < 0 || string(bytes.TrimPrefix(line[:end], []byte("trtllm_"))) != name {
			continue
		}
		// What follows the labels, which may hold anything: a value and perhaps a timestamp.
		rest := bytes.Fields(line[max(end, bytes.LastIndexByte(line, '}')+1):])
		if len(rest) == 0 {
			continue
		}
		if v, err := strconv.ParseFloat(string(rest[0]), 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
			return &v
		}
	}
	return nil
}
