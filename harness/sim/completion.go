package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// completion is the part of an OpenAI completion or chat request that the simulated servers use.
// Unknown fields are refused, as both real servers do.
type completion struct {
	Model         string         `json:"model"`
	Prompt        promptField    `json:"prompt"`
	Messages      []chatMessage  `json:"messages"`
	MaxTokens     int            `json:"max_tokens"`
	MaxCompletion int            `json:"max_completion_tokens"`
	MinTokens     int            `json:"min_tokens"`
	IgnoreEOS     bool           `json:"ignore_eos"`
	Temperature   float64        `json:"temperature"`
	TopP          float64        `json:"top_p"`
	Seed          int64          `json:"seed"`
	Stream        bool           `json:"stream"`
	StreamOptions *streamOptions `json:"stream_options"`
	NvExt         *nvext         `json:"nvext"`        // Dynamo only
	LoRA          *loraRequest   `json:"lora_request"` // trtllm-serve only

	adapter string // name of the adapter that LoRA stands for, set by the server
}

type streamOptions struct {
	IncludeUsage *bool `json:"include_usage"` // true when the object is there, on both servers
}

type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type nvext struct {
	ExtraFields []string `json:"extra_fields"`
}

func (n *nvext) wants(field string) bool {
	if n != nil {
		for _, f := range n.ExtraFields {
			if f == field {
				return true
			}
		}
	}
	return false
}

// promptField is a prompt as text or as token ids.
type promptField struct {
	text string
	ids  []uint32
}

func (p *promptField) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, &p.ids)
	}
	return json.Unmarshal(b, &p.text)
}

// maxBody is Dynamo's default body limit.
const maxBody = 45 << 20

// bodies are buffers for request bodies: what is decoded from one shares no memory with it.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// decodeCompletion reads and checks a request body; the error is for the client.
func decodeCompletion(w http.ResponseWriter, r *http.Request, chat bool) (*completion, error) {
	body := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	body.Grow(int(min(max(r.ContentLength, 0), maxBody)) + bytes.MinRead) // the length is a promise until it has come
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	c, err := decodeBody(body.Bytes())
	if err != nil {
		return nil, err
	}
	switch {
	case chat && len(c.Messages) == 0:
		return nil, errors.New("messages: field required")
	case !chat && c.Prompt.text == "" && len(c.Prompt.ids) == 0:
		return nil, errors.New("prompt: field required")
	case c.StreamOptions != nil && !c.Stream:
		return nil, errors.New("stream_options: only allowed with stream: true")
	}
	c.MaxTokens = max(c.MaxTokens, c.MaxCompletion)
	if c.MaxTokens <= 0 {
		c.MaxTokens = 16
	}
	return c, nil
}

func decodeBody(body []byte) (*completion, error) {
	rest, prompt, cut := cutPrompt(body)
	if !cut {
		return decodeJSON(body)
	}
	c, err := decodeJSON(rest)
	if err != nil {
		return decodeJSON(body) // the error is about what was sent
	}
	c.Prompt.text = prompt
	return c, nil
}

func decodeJSON(body []byte) (*completion, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	var c completion
	if err := dec.Decode(&c); err != nil {
		return nil, err
	}
	return &c, nil
}

// tokens returns the prompt as token ids. A chat is flattened; the template's own tokens are not
// modelled.
func (c *completion) tokens(tokenize func(string) []uint32) []uint32 {
	if len(c.Prompt.ids) > 0 {
		return c.Prompt.ids
	}
	if len(c.Messages) == 0 {
		return tokenize(c.Prompt.text)
	}
	if len(c.Messages) == 1 {
		return tokenize(c.Messages[0].Content)
	}
	var all strings.Builder
	for _, m := range c.Messages {
		all.WriteString(m.Content)
	}
	return tokenize(all.String())
}

func (c *completion) includeUsage() bool {
	return c.StreamOptions != nil && (c.StreamOptions.IncludeUsage == nil || *c.StreamOptions.IncludeUsage)
}

// words are what the simulated model says, one a token.
var words = [...]string{" storage", " decides", " the", " tail", " only", " when", " a", " fetch", " is", " on", " its", " path", " and", " queue", " depth", " says"}

func word(i int) string { return words[i%len(words)] }

// writeJSON answers with a JSON body.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone if this fails
}
