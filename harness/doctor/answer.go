package doctor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/load"
)

func answerChecks() []check {
	return []check{
		{id: "prefix-cache", class: Server, needed: withB, look: lookPrefix,
			why:    "a model whose prefixes are not cached has no KV to offload (Mamba hybrids: 0 hits of 6,211)",
			fix:    "choose another model, switch prefix caching and the usage's details on",
			source: "docs.vllm.ai, automatic prefix caching"},
		{id: "outputs-equal", class: Server, needed: withB, look: lookOutputs,
			why:    "KV that comes back wrong answers wrongly, and every counter calls it a hit",
			fix:    "take another version of the connector, leave tensor parallelism out",
			source: "MiaAI-Lab/GLM-5.3-Flash-EXL3-2x-DGX-Sparks #57"},
	}
}

// answer is what a server said to a prompt.
type answer struct {
	text           string
	prompt, cached *int // tokens; nil: not told
}

// maxAnswer bounds an answer, bytes.
const maxAnswer = 1 << 20

// ask has a prompt answered at temperature 0, with so many tokens at most.
func ask(ctx context.Context, s *Instance, model, prompt string, tokens int) (answer, error) {
	fields := map[string]any{"model": model, "max_tokens": tokens, "temperature": 0}
	path := "/v1/completions"
	if s.Kind.API == load.APIChat {
		path, fields["messages"] = "/v1/chat/completions", []map[string]string{{"role": "user", "content": prompt}}
	} else {
		fields["prompt"] = prompt
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return answer{}, err
	}
	req, err := s.HTTP.Request(ctx, http.MethodPost, strings.TrimRight(s.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.HTTP.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return answer{}, err
	case len(text) > maxAnswer:
		return answer{}, fmt.Errorf("an answer of more than %d bytes: look what listens there", maxAnswer)
	case resp.StatusCode != http.StatusOK:
		return answer{}, fmt.Errorf("HTTP %d: %s", resp.StatusCode, s.HTTP.Quote(string(text)))
	}
	var told struct {
		Choices []struct {
			Text    string
			Message struct{ Content string }
		}
		Usage struct {
			Prompt  *int `json:"prompt_tokens"`
			Details *struct {
				Cached *int `json:"cached_tokens"`
			} `json:"prompt_tokens_details"`
		}
	}
	if err := json.Unmarshal(text, &told); err != nil {
		return answer{}, fmt.Errorf("the answer is not the JSON of a completion: %w", s.HTTP.Fit(err))
	}
	if len(told.Choices) == 0 {
		return answer{}, errors.New("the answer holds no text")
	}
	out := answer{text: told.Choices[0].Text + told.Choices[0].Message.Content, prompt: told.Usage.Prompt}
	// A count that no server can have counted is as if it had told none.
	if d := told.Usage.Details; d != nil && d.Cached != nil && out.prompt != nil && *d.Cached >= 0 && *d.Cached <= *out.prompt {
		out.cached = d.Cached
	}
	return out, nil
}

// document is a prompt of about so many tokens. Its first line, which the time makes one of its own, tells it from all others.
func document(now time.Time, n, tokens int) string {
	words := strings.Fields("the tail of a queue is where storage shows when every reader waits for one slow block of the drive and memory holds the rest")
	var b strings.Builder
	fmt.Fprintf(&b, "Document %d of %d.\n", n, now.UnixNano())
	for i := range tokens {
		b.WriteString(words[(i*(n+3)+i/7)%len(words)])
		b.WriteByte(' ')
	}
	b.WriteString("\nWhat is this document about?")
	return b.String()
}

// prefixTokens is longer than a block of any server that is known, 256 tokens, several times over.
const prefixTokens = 1200

func lookPrefix(v *visit) seen {
	s := v.n.server("B")
	if s == nil {
		return unnamed("a server of stack B", servers)
	}
	f := v.facts["B"]()
	if f.err != nil {
		return unknown("it does not answer").do("mend server-answers first")
	}
	ctx, cancel := context.WithTimeout(v.ctx, 3*askFor)
	defer cancel()
	prompt := document(v.m.Now(), 0, prefixTokens)
	var second answer
	for range 2 {
		var err error
		if second, err = ask(ctx, s, f.model, prompt, 1); err != nil {
			return unknown("%s", short(err.Error()))
		}
	}
	switch {
	case second.cached == nil:
		return unknown("answers do not tell how many prompt tokens were cached").do("start the server with --enable-prompt-tokens-details")
	case *second.cached <= 0:
		return missing("the second of two equal prompts had 0 cached tokens").with(0, "tokens")
	}
	return ok("the second of two equal prompts had %d of %d tokens cached", *second.cached,
		*second.prompt).with(float64(*second.cached), "tokens")
}

const (
	comparedPrompts = 5
	comparedTokens  = 16
)

// tier2Read is what B's page says that tier 2 has given since the start; nil if it does not tell.
func (v *visit) tier2Read(ctx context.Context, s *Instance) *float64 {
	if s.Kind.KV == nil || s.Kind.KVBM {
		return nil
	}
	if b, told := readPage(ctx, s, s.Kind.KV, s.KVMetrics, nil).values["tier2_bytes_out"]; told {
		return &b
	}
	return nil
}

// lookOutputs asks B each prompt twice, so that the second answer goes on from cached KV, and A once. Where A is of the same kind
// its answers must be those of B; elsewhere kernels differ, and so may answers.
func lookOutputs(v *visit) seen {
	b := v.n.server("B")
	if b == nil {
		return unnamed("a server of stack B", servers)
	}
	asked := []*Instance{b, b}
	a := v.n.server("A")
	if a != nil {
		asked = append(asked, a)
	}
	ctx, cancel := context.WithTimeout(v.ctx, 6*askFor)
	defer cancel()
	now := v.m.Now()
	own, other := 0, 0
	var hashes []string
	before := v.tier2Read(ctx, b)
	for n := range comparedPrompts {
		prompt := document(now, n+1, prefixTokens)
		var got []string
		for _, s := range asked {
			f := v.facts[s.Stack]()
			if f.err != nil {
				return unknown("%s does not answer", s.Stack).do("mend server-answers first")
			}
			one, err := ask(ctx, s, f.model, prompt, comparedTokens)
			if err != nil {
				return unknown("%s: %s", s.Stack, short(err.Error()))
			}
			sum := sha256.Sum256([]byte(one.text))
			got = append(got, hex.EncodeToString(sum[:4]))
		}
		if got[0] != got[1] {
			own++
		}
		if a != nil && got[2] != got[1] {
			other++
		}
		if !slices.Contains(hashes, got[0]) {
			hashes = append(hashes, got[0])
		}
	}
	way, through := "whether through tier 2 is not told", false
	if after := v.tier2Read(ctx, b); before != nil && after != nil {
		through = *after > *before
		way = map[bool]string{true: "tier 2 was read", false: "none through tier 2"}[through]
	}
	switch {
	case own > 0:
		return missing("%d of %d answers of B differ when its KV is cached", own, comparedPrompts).with(float64(own), "count")
	case other > 0 && a.engineName() == b.engineName():
		return missing("%d of %d answers of A and B differ", other, comparedPrompts).with(float64(other), "count")
	case other > 0:
		return warning("%d of %d answers of A and B differ, and so do their engines (%s, %s)", other, comparedPrompts, a.Kind.Server,
			b.Kind.Server).
			with(float64(other), "count")
	case len(hashes) == 1:
		return unknown("%d prompts had one and the same answer, which tells nothing", comparedPrompts).do("look at what the server answers")
	case a == nil:
		return warning("B answers %d prompts alike with cached KV (%s); A was not named", comparedPrompts, way).with(0, "count")
	case !through:
		return warning("%d prompts: A, B, and B with cached KV answer alike; %s", comparedPrompts, way).
			do("a run asks through tier 2 by itself (gate answers); here a smaller KV pool would send prompts through it").with(0, "count")
	}
	return ok("%d prompts: A, B, and B with cached KV answer alike; %s", comparedPrompts, way).with(0, "count")
}

// engineName is the engine of a kind of server, as vllm of vllm-fs.
func (s *Instance) engineName() string {
	name, _, _ := strings.Cut(s.Kind.Server, "-")
	return name
}
