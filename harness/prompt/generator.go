package prompt

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Generate is incident-report prose of exactly that many tokens: ASCII lines of at most 160 bytes, each
// ended by '\n', with single spaces only. Equal arguments give equal text, and another length gives
// other text, not a longer one: two lengths share no prefix.
func Generate(seed uint64, tokens int) (string, error) {
	if seed == 0 {
		return "", errors.New("the seed of the prompts is not set: choose any number but 0")
	}
	if tokens < 1 {
		return "", fmt.Errorf("a prompt of %d tokens: at least 1 is needed", tokens)
	}
	tok, err := NewTokenizer()
	if err != nil {
		return "", err
	}
	rng := rand.New(rand.NewPCG(seed, uint64(tokens)))
	var b strings.Builder
	for left := tokens; left > 0; {
		for _, line := range reportLines(rng) {
			line, n := shorten(tok, line, left)
			b.WriteString(line)
			if left -= n; left == 0 {
				break
			}
		}
	}
	return b.String(), nil
}

// shorten returns the line and its number of tokens. A line of more than most tokens is cut between
// words or inside one to exactly most; where no cut gives that, it is left out ("" and 0).
func shorten(tok *Tokenizer, line string, most int) (string, int) {
	ids := tok.Encode(line)
	if len(ids) <= most {
		return line, len(ids)
	}
	// The '\n' is a token of its own after a letter, and part of the token before it after a full stop.
	for _, keep := range []int{most - 1, most} {
		cut := strings.TrimSuffix(tok.Decode(ids[:keep]), " ") + "\n"
		if tok.Count(cut) == most {
			return cut, most
		}
	}
	return "", 0
}
