package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// chunk is what the load generator needs of one completion or chat chunk.
type chunk struct {
	text    bool   // some choice carries non-empty text, content or reasoning content
	finish  bool   // some choice carries a finish_reason
	failure string // the server's message, if the frame is an error in disguise
	usage   usage
	// wait is nvext.timing.prefill_wait_time_ms, if hasWait.
	wait    float64
	hasWait bool
	// reused is timings.cache_n, the prompt tokens that llama.cpp took from its cache, if hasReused.
	reused    int
	hasReused bool
	// computed is timings.prompt_ms, what llama.cpp took for the prompt from the moment when it had a slot, if hasComputed.
	computed    float64
	hasComputed bool
}

// usage are the server's token counts; -1 is a count that it did not give.
type usage struct{ prompt, cached, output int }

// maxCount is the largest count of tokens that is believed. It has as many digits as the scanner reads.
const maxCount = 999_999_999

var noUsage = usage{-1, -1, -1}

// chunkReader reads the chunks of a stream, which mostly differ from one another by their text alone. What
// stood around the text is kept; a chunk with the same around other text, in which nothing needs an escape,
// means the same.
type chunkReader struct {
	head, tail []byte // up to the text's first quote and from its last one on; nil head before any
	like       chunk
}

// parse reads the data of one frame.
func (r *chunkReader) parse(data []byte) (chunk, error) {
	if r.same(data) {
		return r.like, nil
	}
	s := scanner{b: data}
	c, ok := s.chunk()
	if !ok {
		return decodeChunk(data)
	}
	if s.texts == 1 && len(data) <= keepBuffer {
		r.head = append(r.head[:0], data[:s.from]...)
		r.tail = append(r.tail[:0], data[s.to:]...)
		r.like = c
	}
	return c, nil
}

// same reports whether data differs from the chunk that is kept by its text alone.
func (r *chunkReader) same(data []byte) bool {
	n := len(data) - len(r.tail)
	if len(r.head) == 0 || n <= len(r.head) || !bytes.HasPrefix(data, r.head) || !bytes.HasSuffix(data, r.tail) {
		return false
	}
	for _, c := range data[len(r.head):n] {
		if !plain[c] {
			return false
		}
	}
	return true
}

// chunkJSON names the fields that matter. Fields that a healthy chunk may use for something else stay raw.
type chunkJSON struct {
	Object  json.RawMessage `json:"object"`
	Error   json.RawMessage `json:"error"`
	Message json.RawMessage `json:"message"`
	Detail  json.RawMessage `json:"detail"`
	Choices *[]struct {
		Text  *string `json:"text"`
		Delta *struct {
			Content          *string         `json:"content"`
			ReasoningContent *string         `json:"reasoning_content"`
			Reasoning        json.RawMessage `json:"reasoning"`
		} `json:"delta"`
		FinishReason *string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		PromptTokens        *int `json:"prompt_tokens"`
		CompletionTokens    *int `json:"completion_tokens"`
		PromptTokensDetails *struct {
			CachedTokens *int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	} `json:"usage"`
	Nvext *struct {
		Timing *struct {
			PrefillWaitTimeMS *float64 `json:"prefill_wait_time_ms"`
		} `json:"timing"`
	} `json:"nvext"`
	Timings json.RawMessage `json:"timings"`
}

// decodeChunk is the complete reading of a chunk, by encoding/json: what a scanner must agree with.
func decodeChunk(data []byte) (chunk, error) {
	c := chunk{usage: noUsage}
	if text := bytes.TrimSpace(data); len(text) > 0 && text[0] == '"' && json.Valid(text) {
		c.failure = message(text)
		return c, nil
	}
	var in chunkJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return c, err
	}
	switch {
	case given(in.Error):
		c.failure = message(in.Error)
		return c, nil
	case string(in.Object) == `"error"`:
		c.failure = message(in.Message)
		return c, nil
	case in.Choices == nil && in.Usage == nil:
		for _, said := range []json.RawMessage{in.Message, in.Detail} {
			if given(said) {
				c.failure = message(said)
				return c, nil
			}
		}
		return c, errors.New("a frame with neither choices nor usage")
	}
	if in.Choices != nil {
		for _, ch := range *in.Choices {
			c.text = c.text || filled(ch.Text)
			c.finish = c.finish || filled(ch.FinishReason)
			if d := ch.Delta; d != nil {
				c.text = c.text || filled(d.Content) || filled(d.ReasoningContent) || filledText(d.Reasoning)
			}
		}
	}
	if u := in.Usage; u != nil {
		var cached *int
		if u.PromptTokensDetails != nil {
			cached = u.PromptTokensDetails.CachedTokens
		}
		c.usage = usage{count(u.PromptTokens), count(cached), count(u.CompletionTokens)}
	}
	if in.Nvext != nil && in.Nvext.Timing != nil && in.Nvext.Timing.PrefillWaitTimeMS != nil {
		c.wait, c.hasWait = *in.Nvext.Timing.PrefillWaitTimeMS, true
	}
	var timings struct {
		CacheN   *int     `json:"cache_n"`
		PromptMS *float64 `json:"prompt_ms"`
	}
	if given(in.Timings) && json.Unmarshal(in.Timings, &timings) == nil {
		if count(timings.CacheN) >= 0 {
			c.reused, c.hasReused = *timings.CacheN, true
		}
		if timings.PromptMS != nil {
			c.computed, c.hasComputed = *timings.PromptMS, true
		}
	}
	return c, nil
}

// count is *n, or -1 for what the server did not give or cannot have counted.
func count(n *int) int {
	if n == nil || *n < 0 || *n > maxCount {
		return -1
	}
	return *n
}

func filled(s *string) bool { return s != nil && *s != "" }

// filledText reports whether a value that may be something else is a text that is not empty.
func filledText(raw json.RawMessage) bool { return len(raw) > 2 && raw[0] == '"' }

func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// failureIn is what a text that may be JSON says went wrong, "" if it says nothing of the kind.
func failureIn(text []byte) string {
	c, _ := decodeChunk(bytes.TrimSpace(text)) // no JSON, no failure
	return c.failure
}

// message is the text of an error value: a string, an object with a message or with another error value, or else
// what stands there, JSON or not.
func message(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil && text != "" {
		return text
	}
	var object struct {
		Message string          `json:"message"`
		Error   json.RawMessage `json:"error"`
	}
	if json.Unmarshal(raw, &object) == nil {
		switch {
		case object.Message != "":
			return object.Message
		case given(object.Error):
			return message(object.Error)
		}
	}
	if s := strings.TrimSpace(string(raw)); s != "" {
		return s
	}
	return "no message"
}
