package load

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// The two servers refuse fields that they do not know, so a body holds no more than its dialect has.

type requestBody struct {
	Model         string        `json:"model"`
	Prompt        *string       `json:"prompt,omitempty"`   // completions
	Messages      []chatMessage `json:"messages,omitempty"` // chat
	MaxTokens     int           `json:"max_tokens"`
	MinTokens     int           `json:"min_tokens"`
	IgnoreEOS     bool          `json:"ignore_eos"`
	Stream        bool          `json:"stream"`
	StreamOptions streamOptions `json:"stream_options"`
	Temperature   float64       `json:"temperature"`
	Nvext         *nvext        `json:"nvext,omitempty"` // dynamo
}

type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type nvext struct {
	ExtraFields []string `json:"extra_fields"`
}

// encodeBody is the request body for exactly tokens output tokens.
func encodeBody(spec *Spec, prompt string, tokens int) ([]byte, error) {
	body := requestBody{
		Model: spec.ModelID, MaxTokens: tokens, MinTokens: tokens, IgnoreEOS: true,
		Stream: true, StreamOptions: streamOptions{IncludeUsage: true},
	}
	if spec.API == APIChat {
		body.Messages = []chatMessage{{Role: "user", Content: prompt}}
	} else {
		body.Prompt = &prompt
	}
	if spec.Dialect == DialectDynamo {
		body.Nvext = &nvext{ExtraFields: []string{"timing"}}
	}
	var buf bytes.Buffer
	buf.Grow(len(prompt) + len(prompt)/16 + 512)
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return nil, fmt.Errorf("encode a request: %w", err)
	}
	return buf.Bytes(), nil
}
