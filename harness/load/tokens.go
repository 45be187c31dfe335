package load

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

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// ErrUncounted says that a server answers and does not tell how long prompts are to it.
var ErrUncounted = errors.New("how long prompts are to the server is not known")

// Counted is a server whose tokens are to be known, and the lengths of two prompts that tell, in tokens of Text.
type Counted struct {
	BaseURL, API, ModelID string
	Text                  func(key uint64, tokens int) (string, error)
	Short, Long           int
}

// maxCounted bounds an answer of one token, bytes.
const maxCounted = 1 << 20

// CountTokens asks a short and a long prompt of a server, for one token each, and tells from how long they were to it how it
// counts: each token of Text is so many of its own, and each prompt has some more, such as those of a chat template. A server
// that answers and does not tell is an ErrUncounted.
func CountTokens(ctx context.Context, client *outgoing.Client, of Counted) (record.TokenRatio, error) {
	var counted [2]float64
	for i, n := range []int{of.Short, of.Long} {
		text, err := of.Text(uint64(n), n)
		if err != nil {
			return record.TokenRatio{}, err
		}
		if counted[i], err = promptTokens(ctx, client, of, text); err != nil {
			return record.TokenRatio{}, fmt.Errorf("ask for one token behind a prompt of %d: %w", n, err)
		}
	}
	each := (counted[1] - counted[0]) / float64(of.Long-of.Short)
	if !(each >= 0.1 && each <= 20) {
		return record.TokenRatio{}, fmt.Errorf("%w: it counts %.0f tokens for a prompt of %d and %.0f for one of %d, which is not by their text",
			ErrUncounted, counted[0], of.Short, counted[1], of.Long)
	}
	return record.TokenRatio{Each: each, More: counted[0] - each*float64(of.Short)}, nil
}

// SameTokens says that a prompt is as long to the server as it is to the harness, within a hundredth.
func SameTokens(r record.TokenRatio) bool { return math.Abs(r.Each-1) < 0.01 && math.Abs(r.More) < 4 }

// promptTokens asks for one token and returns how long the prompt was to the server.
func promptTokens(ctx context.Context, client *outgoing.Client, of Counted, text string) (float64, error) {
	fields := map[string]any{"model": of.ModelID, "max_tokens": 1}
	path := "/v1/completions"
	if of.API == APIChat {
		path, fields["messages"] = "/v1/chat/completions", []chatMessage{{Role: "user", Content: text}}
	} else {
		fields["prompt"] = text
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return 0, err
	}
	req, err := client.Request(ctx, http.MethodPost, strings.TrimRight(of.BaseURL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxCounted))
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
		return 0, fmt.Errorf("%w: its answer has no usage.prompt_tokens", ErrUncounted)
	}
	return *told.Usage.PromptTokens, nil
}
