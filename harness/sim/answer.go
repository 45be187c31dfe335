package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// collect waits for the whole answer, a text for each choice. refused is EventDone when the request was served.
func (g *generation) collect(ctx context.Context) (texts []string, refused EventKind, err error) {
	if refused, err = g.admitted(ctx); err != nil || refused != EventQueued {
		return nil, refused, err
	}
	all := make([]strings.Builder, len(g.choices))
	for i := range all {
		all[i].WriteString(g.choices[i].echo)
	}
	for {
		e, err := g.next(ctx)
		switch {
		case err != nil:
			return nil, 0, err
		case e.Kind == EventToken:
			all[e.Choice].WriteString(g.choices[e.Choice].word())
		case g.last():
			for i := range all {
				texts = append(texts, all[i].String())
			}
			return texts, EventDone, nil
		}
	}
}

// answer is the body of a response that is not streamed.
func (g *generation) answer(model string, texts []string, chat bool) any {
	choices := make([]any, len(texts))
	for i, text := range texts {
		choice := map[string]any{"index": i, "finish_reason": "length"}
		if chat {
			choice["message"] = map[string]string{"role": "assistant", "content": text}
		} else {
			choice["text"] = text
		}
		choices[i] = choice
	}
	id, object := g.named(chat)
	if chat {
		object = "chat.completion"
	}
	out := g.tokens()
	return map[string]any{
		"id": id, "object": object, "created": json.Number(g.created), "model": model, "choices": choices,
		"usage": map[string]any{
			"prompt_tokens": g.prompt, "completion_tokens": out, "total_tokens": g.prompt + out,
			"prompt_tokens_details": map[string]int{"cached_tokens": g.cached()},
		},
	}
}

// named is the id of an answer and what a chunk of it is.
func (g *generation) named(chat bool) (id, object string) {
	if chat {
		return "chatcmpl-" + g.id, "chat.completion.chunk"
	}
	return "cmpl-" + g.id, "text_completion"
}

// tokens are those of all choices.
func (g *generation) tokens() int { return len(g.choices) * g.req.MaxTokens }

// cached are the tokens of the prompts that need not be computed. Of several answers to a prompt the first counts.
func (g *generation) cached() (tokens int) {
	for _, c := range g.choices {
		if !c.copied {
			tokens += c.done.CachedTokens
		}
	}
	return tokens
}

// usage is the usage object of all servers.
func (g *generation) usage() string {
	out := g.tokens()
	return fmt.Sprintf(`{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d}}`,
		g.prompt, g.prompt+out, out, g.cached())
}

// usageSoFar is that of a chunk, of its choice alone. What was cached is known at the end.
func (c *choice) usageSoFar() string {
	return fmt.Sprintf(`{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d}`, c.seq.promptTokens, c.seq.promptTokens+c.sent, c.sent)
}
