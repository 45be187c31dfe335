package load

import (
	"context"
	"fmt"
	"time"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// Touch asks each adapter of spec for one token, one after another in list order, so that the run that
// follows finds them loaded as far as the server keeps them. Its prompts are of the workload, but of users
// that the run does not have. Nothing is recorded. An adapter that does not answer is an error with its
// name; the rest are then not asked. A spec without adapters touches nothing.
func Touch(ctx context.Context, spec Spec) error {
	if err := spec.Check(); err != nil {
		return err
	}
	if spec.Adapters == nil {
		return nil
	}
	c := newClient(&spec)
	for i, name := range spec.Adapters.Names {
		if err := touch(ctx, c, i); err != nil {
			return fmt.Errorf("touch adapter %q (%d of %d): %w", name, i+1, len(spec.Adapters.Names), err)
		}
	}
	return nil
}

// touchTokens is the length of a prompt that touches an adapter before a Replay.
const touchTokens = 512

func touch(ctx context.Context, c *client, i int) error {
	user := -1 - i
	ask := PromptRequest{ContextTokens: c.spec.ContextTokens, User: user, Nonce: c.spec.Nonce}
	if _, replay := c.spec.Loop.(Replay); replay {
		// Any length does: no item has been read yet.
		ask.ContextTokens = touchTokens
		ask.Item = &Item{InputTokens: touchTokens, OutputTokens: 1, Blocks: []uint64{uint64(user)}, BlockTokens: touchTokens}
	}
	prompt, err := c.spec.Prompter.Prompt(ask)
	if err != nil {
		return err
	}
	body, err := encodeBody(c.spec, prompt.Text, 1)
	if err != nil {
		return err
	}
	req := &request{
		user: user, tokens: 1, body: body, name: fmt.Sprintf("touch-%d", i),
		intended: time.Now(), phase: record.PhaseWarmup,
	}
	req.adapt(c.spec, i)
	res := c.do(ctx, req)
	defer c.release(res)
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
	if rec := &res.rec; rec.RC != record.RCOK {
		return fmt.Errorf("%s: %s: see that %s serves it", rec.RC, *rec.Error, outgoing.Shown(c.spec.BaseURL))
	}
	return nil
}
