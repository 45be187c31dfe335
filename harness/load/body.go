package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"sync"
)

// The two servers refuse fields that they do not know, so a body holds no more than its dialect has.

// requestBody is all of a body but its model, which stands first, and its adapter, which stands last.
type requestBody struct {
	Prompt        *string       `json:"prompt,omitempty"`   // completions
	Messages      []chatMessage `json:"messages,omitempty"` // chat
	MaxTokens     int           `json:"max_tokens"`
	MinTokens     int           `json:"min_tokens,omitempty"` // not of openai
	IgnoreEOS     bool          `json:"ignore_eos,omitempty"` // likewise
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

// loraRequest is TensorRT-LLM's.
type loraRequest struct {
	Name string `json:"lora_name"`
	ID   int    `json:"lora_int_id"`
	Path string `json:"lora_path"` // on the server
}

// body is an encoded request, in pieces because of the adapter: which one a request uses follows from its
// phase, and that is settled only when it is sent. By then the prompt, which is nearly all of it, has long
// been encoded, and just the ends are written anew. Safe for concurrent use.
type body struct {
	mu               sync.Mutex
	head, rest, tail []byte // model; prompt and so on; adapter
}

// encodeBody is the request body for exactly tokens output tokens, without an adapter.
func encodeBody(spec *Spec, prompt string, tokens int) (*body, error) {
	fields := requestBody{
		MaxTokens: tokens, MinTokens: tokens, IgnoreEOS: true,
		Stream: true, StreamOptions: streamOptions{IncludeUsage: true},
	}
	if spec.Dialect == DialectOpenAI {
		fields.MinTokens, fields.IgnoreEOS = 0, false
	}
	if spec.API == APIChat {
		fields.Messages = []chatMessage{{Role: "user", Content: prompt}}
	} else {
		fields.Prompt = &prompt
	}
	if spec.Dialect == DialectDynamo {
		fields.Nvext = &nvext{ExtraFields: []string{"timing"}}
	}
	var buf bytes.Buffer
	buf.Grow(len(prompt) + len(prompt)/16 + 512)
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(fields); err != nil {
		return nil, fmt.Errorf("encode a request: %w", err)
	}
	text := buf.Bytes() // {...} and a line break
	b := &body{rest: text[1 : len(text)-2], tail: []byte("}\n")}
	b.name(spec.ModelID)
	return b, nil
}

// name sets the model.
func (b *body) name(model string) {
	text, _ := json.Marshal(model) // no string fails
	b.head = fmt.Appendf(nil, `{"model":%s,`, text)
}

// adapt makes the request one for adapter number index of the list.
func (b *body) adapt(spec *Spec, index int) {
	name := spec.Adapters.Names[index]
	if spec.Adapters.asModel(spec.Dialect) {
		b.name(name) // an adapter is served as a model of its own
		return
	}
	// Ids count from 1, because 0 is TensorRT-LLM's for the base model.
	text, _ := json.Marshal(loraRequest{Name: name, ID: index + 1, Path: path.Join(spec.Adapters.Dir, name)})
	b.tail = fmt.Appendf(nil, `,"lora_request":%s}`+"\n", text)
}

// size is its length, bytes.
func (b *body) size() int64 { return int64(len(b.head) + len(b.rest) + len(b.tail)) }

// open reads it from the start.
func (b *body) open() (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rest == nil {
		return nil, errors.New("the request has been sent and is not kept")
	}
	return &bodyReader{parts: [3][]byte{b.head, b.rest, b.tail}}, nil
}

// bodyReader reads the pieces of a body. io.MultiReader would take 32 KiB of new memory for each request.
type bodyReader struct{ parts [3][]byte }

func (r *bodyReader) Read(p []byte) (n int, err error) {
	for i := range r.parts {
		m := copy(p[n:], r.parts[i])
		r.parts[i] = r.parts[i][m:]
		n += m
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// WriteTo spares a transport the buffer between the body and the connection.
func (r *bodyReader) WriteTo(w io.Writer) (n int64, err error) {
	for i := range r.parts {
		m, err := w.Write(r.parts[i])
		r.parts[i] = r.parts[i][m:]
		n += int64(m)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (r *bodyReader) Close() error { return nil }

// keepBody is the longest request that is not released, bytes: well above what a transport buffers (4 KB
// unless told), so that a part of any longer one has gone out and it cannot be sent a second time.
const keepBody = 16 << 10

// release lets the bytes go, when they have been sent: an answer may take minutes, and thousands of
// requests of an open loop may wait for theirs.
func (b *body) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.rest) > keepBody {
		b.rest = nil
	}
}
