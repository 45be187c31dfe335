package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

// readBack asks a stack's servers what they run with.
func readBack(ctx context.Context, client *http.Client, st *config.Stack, blockBytes float64, formula string) (Settings, error) {
	out := Settings{KVBlockBytes: blockBytes, KVBlockOrigin: formula, WantKVPool: float64(KVPool(st))}
	var err error
	if out.Model, err = servedModel(ctx, client, st.Endpoint.URL); err != nil {
		return out, err
	}
	var s record.SysSample
	if err := telemetry.NewEngine(client, st.Endpoint.EngineMetrics).Sample(ctx, &s); err != nil {
		return out, fmt.Errorf("read the engine's settings back: %w", err)
	}
	if s.Engine != nil && s.Engine.KVMaxBlocks != nil {
		out.KVPoolBlocks = s.Engine.KVMaxBlocks
		bytes := *s.Engine.KVMaxBlocks * blockBytes
		out.KVPoolBytes = &bytes
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
