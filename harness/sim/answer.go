package sim

import (
	"context"
	"encoding/json"
	"strings"
)

// collect waits for the whole answer. refused is EventDone when the request was served.
func (g *generation) collect(ctx context.Context) (text string, refused EventKind, err error) {
	var b strings.Builder
	for i := 0; ; i++ {
		e, err := g.next(ctx)
		switch {
		case err != nil:
			return "", 0, err
		case e.Kind == EventQueued:
			i--
		case e.Kind == EventToken:
			b.WriteString(g.word(i))
		default:
			g.done = e
			return b.String(), e.Kind, nil
		}
	}
}

// answer is the body of a response that is not streamed.
func (g *generation) answer(model, text string, chat bool) any {
	choice := map[string]any{"index": 0, "finish_reason": "length"}
	object := "text_completion"
	if chat {
		object = "chat.completion"
		choice["message"] = map[string]string{"role": "assistant", "content": text}
	} else {
		choice["text"] = text
	}
	return map[string]any{
		"id": "cmpl-" + g.id, "object": object, "created": json.Number(g.created), "model": model, "choices": []any{choice},
		"usage": map[string]any{
			"prompt_tokens": g.prompt, "completion_tokens": g.req.MaxTokens, "total_tokens": g.prompt + g.req.MaxTokens,
			"prompt_tokens_details": map[string]int{"cached_tokens": g.done.CachedTokens},
		},
	}
}
