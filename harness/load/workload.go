package load

import (
	"fmt"
	"strings"
)

// Nonce says which prompts may share KV blocks. The unique string stands at the very start of the
// prompt, because reuse is by prefix: one at the end would leave every earlier block shareable.
type Nonce string

const (
	NonceNone       Nonce = "none"        // every prompt is the same
	NoncePerUser    Nonce = "per_user"    // a user shares only with itself
	NoncePerRequest Nonce = "per_request" // nothing is shared
)

// PromptRequest names the prompt of one request. It has no phase: the phase of a request is settled at
// its intended send, and its prompt is made before that, so that making it delays no send.
type PromptRequest struct {
	ContextTokens int
	User, Seq     int
	Nonce         Nonce
	Item          *Item // of a trace, nil without one; ContextTokens is then its InputTokens
}

// Prompt is a prompt with what its record says about it; what a workload does not know of is nil.
type Prompt struct {
	Text          string
	Tokens        int // nominal length
	Session, Turn *int
	Reusable      *int // tokens at its start that an earlier prompt of the session began with
}

// Prose is text of exactly that many tokens that ends in '\n', so that its tokens do not depend on what
// follows. Equal arguments give equal text, and another key gives text that differs from its first block
// on. It is called from many goroutines.
type Prose func(key uint64, tokens int) (string, error)

// text checks what can be seen of the promise.
func (p Prose) text(key uint64, tokens int) (string, error) {
	text, err := p(key, tokens)
	if err == nil && !strings.HasSuffix(text, "\n") {
		err = fmt.Errorf("a text of %d tokens does not end in a line break, so its tokens depend on what follows", tokens)
	}
	return text, err
}

// Prompter makes prompts; it is called from many goroutines.
type Prompter interface {
	Prompt(req PromptRequest) (Prompt, error)
}

// prompterCheck is a Prompter that does not go with every Spec.
type prompterCheck interface{ check(*Spec) error }

// Body returns nonce on a line of its own followed by prose, tokens tokens in all; without a nonce it is
// prose alone.
type Body func(tokens int, nonce string) (string, error)

// FixedContext is the workload whose prompts all have PromptRequest.ContextTokens tokens.
type FixedContext struct {
	Seed uint64
	Body Body
}

// Prompt implements Prompter.
func (w FixedContext) Prompt(req PromptRequest) (Prompt, error) {
	nonce, err := nonceText(w.Seed, req)
	if err != nil {
		return Prompt{}, err
	}
	text, err := w.Body(req.ContextTokens, nonce)
	if err != nil {
		return Prompt{}, fmt.Errorf("prompt of %d tokens for user %d, request %d: %w", req.ContextTokens, req.User, req.Seq, err)
	}
	return Prompt{Text: text, Tokens: req.ContextTokens}, nil
}

// nonceText is such as "[0123456789abcdef]", 18 bytes for every user and request, or "" for NonceNone.
func nonceText(seed uint64, req PromptRequest) (string, error) {
	var h uint64
	switch req.Nonce {
	case NonceNone:
		return "", nil
	case NoncePerUser:
		h = hash(domainNonce, seed, uint64(req.User))
	case NoncePerRequest:
		h = hash(domainNonce, seed, uint64(req.User), uint64(req.Seq))
	default:
		return "", fmt.Errorf("nonce %q is not none, per_user or per_request", string(req.Nonce))
	}
	return fmt.Sprintf("[%016x]", h), nil
}
