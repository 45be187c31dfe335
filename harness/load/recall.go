package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"sparkharness/harness/outgoing"
)

// RecallQuestion follows a prompt whose first line is asked for. What that says is known to whoever has read the prompt,
// or goes on from the KV of somebody who has.
const RecallQuestion = "\nThat is all of the text above. Its first line, word for word, is:"

const (
	// recallTokens is enough for a first line of longestSecret in any vocabulary that has digits in groups or pairs.
	recallTokens  = 20
	longestSecret = 24
	// maxRecall bounds an answer of recallTokens, bytes.
	maxRecall = 1 << 20
)

// Recalled is a server's answer to the question for the first line of a prompt.
type Recalled struct {
	Secret string // what the first line says, or begins with
	Answer string
	Cached *int // prompt tokens that the server found cached; nil if it does not tell
}

// Right says whether the answer holds the secret.
func (r Recalled) Right() bool { return strings.Contains(r.Answer, r.Secret) }

// Recall sends the prompt that spec's workload gives (user, seq), followed by RecallQuestion, and returns the answer. It
// is no part of a load and is recorded nowhere. An error says what the server did instead of answering.
func Recall(ctx context.Context, spec Spec, user, seq int) (Recalled, error) {
	var out Recalled
	if err := spec.Check(); err != nil {
		return out, err
	}
	prompt, err := spec.Prompter.Prompt(PromptRequest{ContextTokens: spec.ContextTokens, User: user, Seq: seq, Nonce: spec.Nonce})
	if err != nil {
		return out, err
	}
	out.Secret = secret(prompt.Text)
	fields := map[string]any{"model": spec.ModelID, "max_tokens": recallTokens, "temperature": 0}
	path := "/v1/completions"
	if spec.API == APIChat {
		path = "/v1/chat/completions"
		fields["messages"] = []chatMessage{{Role: "user", Content: prompt.Text + RecallQuestion}}
	} else {
		fields["prompt"] = prompt.Text + RecallQuestion
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return out, fmt.Errorf("encode a question: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, spec.Timeout)
	defer cancel()
	req, err := spec.HTTP.Request(ctx, http.MethodPost, strings.TrimRight(spec.BaseURL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := spec.HTTP.Do(req)
	if err != nil {
		return out, fmt.Errorf("no answer: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxRecall+1))
	server := outgoing.Shown(spec.BaseURL)
	switch {
	case err != nil:
		return out, fmt.Errorf("the answer of %s ended early: %w", server, err)
	case len(text) > maxRecall:
		return out, fmt.Errorf("%s answers with more than %d bytes: look what listens there", server, maxRecall)
	case resp.StatusCode != http.StatusOK:
		return out, fmt.Errorf("%s answers HTTP %d: %s", server, resp.StatusCode, spec.HTTP.Quote(string(text)))
	}
	return out, out.read(text)
}

// secret is what a text begins with: its first line without brackets, of a longer one the beginning.
func secret(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	line = strings.Trim(line, "[]")
	return line[:min(len(line), longestSecret)]
}

// read takes the answer from a response that is not streamed.
func (r *Recalled) read(text []byte) error {
	var body struct {
		Choices []struct {
			Text    string      `json:"text"`
			Message chatMessage `json:"message"`
		} `json:"choices"`
		Usage struct {
			Prompt  int `json:"prompt_tokens"`
			Details *struct {
				Cached *int `json:"cached_tokens"`
			} `json:"prompt_tokens_details"`
		} `json:"usage"`
	}
	switch err := json.Unmarshal(text, &body); {
	case err != nil:
		return fmt.Errorf("the answer is not the JSON of a completion: %w", err)
	case len(body.Choices) == 0:
		return fmt.Errorf("the answer holds no text")
	}
	r.Answer = body.Choices[0].Text + body.Choices[0].Message.Content
	if d := body.Usage.Details; d != nil && d.Cached != nil && *d.Cached >= 0 && *d.Cached <= body.Usage.Prompt {
		r.Cached = d.Cached
	}
	return nil
}
