package load

import (
	"errors"
	"fmt"
	"strings"
)

// BlockPrompts is the workload of a trace that says of each prompt which blocks of tokens it consists of:
// equal blocks get equal text, so prompts share the prefixes that those of the trace shared.
type BlockPrompts struct {
	Text Prose // its keys are the names of the blocks
	// Least is how many tokens Text needs at least; a shorter rest at the end of a prompt is raised to it.
	Least int
}

// Prompt implements Prompter.
func (w BlockPrompts) Prompt(req PromptRequest) (Prompt, error) {
	item := req.Item
	if item.BlockTokens < w.Least {
		return Prompt{}, fmt.Errorf("blocks of %d tokens, and a text needs at least %d: join blocks", item.BlockTokens, w.Least)
	}
	if want := (item.InputTokens + item.BlockTokens - 1) / item.BlockTokens; len(item.Blocks) != want {
		return Prompt{}, fmt.Errorf("%d blocks of %d tokens for a prompt of %d, which has %d", len(item.Blocks), item.BlockTokens, item.InputTokens, want)
	}
	var prompt strings.Builder
	tokens := 0
	for _, block := range item.Blocks {
		n := max(w.Least, min(item.BlockTokens, item.InputTokens-tokens))
		text, err := w.Text.text(block, n)
		if err != nil {
			return Prompt{}, fmt.Errorf("block %d: %w", block, err)
		}
		prompt.WriteString(text)
		tokens += n
	}
	return Prompt{Text: prompt.String(), Tokens: tokens}, nil
}

// check implements prompterCheck.
func (w BlockPrompts) check(spec *Spec) error {
	var errs []error
	if w.Text == nil {
		errs = append(errs, errors.New("block prompts: text is not set"))
	}
	if w.Least < 1 {
		errs = append(errs, fmt.Errorf("block prompts: least %d tokens of a text is below 1", w.Least))
	}
	if _, replay := spec.Loop.(Replay); !replay {
		errs = append(errs, errors.New("block prompts: the blocks come from a trace, and this loop replays none"))
	}
	if spec.Nonce != NonceNone {
		errs = append(errs, fmt.Errorf("block prompts: nonce %q would keep prompts from sharing what those of the trace shared: say none", string(spec.Nonce)))
	}
	return errors.Join(errs...)
}
