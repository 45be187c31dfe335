package prompt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"sparkharness/harness/regular"
)

// MaxNonceTokens is the most tokens of a nonce with its '\n'. It is under the 32 tokens of a KV block, so
// that the nonce ends within the first block even behind a begin-of-text token, and with a vocabulary
// that needs a few more tokens for it.
const MaxNonceTokens = 24

var (
	// ErrNoPrompt is for a length that has no file.
	ErrNoPrompt = errors.New("no prompt of this length")
	// ErrPromptChanged is for a file that is not the one the index describes.
	ErrPromptChanged = errors.New("prompt file does not fit its index")
)

// Library serves prompts of fixed lengths. Safe for concurrent use.
type Library struct {
	dir     string
	tok     *Tokenizer
	bodies  map[int]*body // by tokens
	lengths []int         // ascending
}

// body is the prose of one length with its cuts: cuts[k] is the text without its last k tokens. A nonce
// is at most MaxNonceTokens long, so these are all the cuts there can be, and they share the text's bytes.
type body struct {
	tokens int
	text   string

	once sync.Once
	cuts [MaxNonceTokens + 1]string
	err  error
}

// maxPrompt is the most bytes of a prompt: one of a million tokens has four million.
const maxPrompt = 64 << 20

// Open reads index.json in dir (inputs/prompts) and every file it lists. A listed file that is missing is
// an ErrNoPrompt, one with another sha256 an ErrPromptChanged.
func Open(dir string) (*Library, error) {
	tok, err := NewTokenizer()
	if err != nil {
		return nil, err
	}
	// A root, because a file name in the index must not lead out of the folder.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of the prompts: %w; make it with `make inputs`", err)
	}
	defer root.Close()
	idx, err := readIndex(root)
	if err != nil {
		return nil, fmt.Errorf("prompts in %s: %w", dir, err)
	}
	lib := &Library{dir: dir, tok: tok, bodies: map[int]*body{}}
	var missing []indexEntry
	for _, e := range idx.Prompts {
		data, err := regular.ReadIn(root, e.File, maxPrompt)
		if errors.Is(err, os.ErrNotExist) {
			missing = append(missing, e)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read a prompt: %w", err)
		}
		if got := digest(string(data)); got != e.SHA256 {
			return nil, fmt.Errorf("%w: %s has sha256 %s, the index says %s; restore it or write all anew with `make inputs`",
				ErrPromptChanged, filepath.Join(dir, e.File), got, e.SHA256)
		}
		lib.bodies[e.Tokens] = &body{tokens: e.Tokens, text: string(data)}
		lib.lengths = append(lib.lengths, e.Tokens)
	}
	slices.Sort(lib.lengths)
	if len(missing) > 0 {
		return nil, lib.noPrompt(missing[0].Tokens, missing[0].File)
	}
	return lib, nil
}

// Body is a prompt of exactly that many tokens: the nonce on a line of its own, then prose. Without a
// nonce it is prose alone. The prose depends on the length and on the nonce's number of tokens, not on
// what the nonce says. The nonce is one line of UTF-8 of at most MaxNonceTokens with its '\n'.
//
// Prompt files from elsewhere, with runs of spaces that tokenize differently when cut, may give a prompt
// that is one token off.
func (l *Library) Body(tokens int, nonce string) (string, error) {
	b, ok := l.bodies[tokens]
	if !ok {
		return "", l.noPrompt(tokens, fileName(tokens))
	}
	// The line break makes the nonce's tokens independent of the prose, so that the counts add up.
	head, n := "", 0
	if nonce != "" {
		if strings.Contains(nonce, "\n") || !utf8.ValidString(nonce) {
			return "", fmt.Errorf("nonce %q: it has to be one line of UTF-8", nonce)
		}
		head = nonce + "\n"
		n = l.tok.Count(head)
		if n > MaxNonceTokens {
			return "", fmt.Errorf("nonce %q has %d tokens with its line break, over %d: two such nonces could share the first KV block; shorten it",
				nonce, n, MaxNonceTokens)
		}
	}
	b.once.Do(func() { b.err = b.cut(l.tok) })
	if b.err != nil {
		return "", b.err
	}
	return head + b.cuts[n], nil
}

// cut fills b.cuts.
func (b *body) cut(tok *Tokenizer) error {
	ids := tok.IDs(b.text)
	if len(ids) != b.tokens {
		return fmt.Errorf("%w: %d tokens where the index says %d; write all anew with `make inputs`", ErrPromptChanged, len(ids), b.tokens)
	}
	end := len(b.text)
	for k := range b.cuts {
		b.cuts[k] = b.text[:end]
		// What is left of a cut line is tokenized anew by whoever reads it, so it has to be counted.
		if off := tok.Count(b.cuts[k]) - (b.tokens - k); off < -1 || off > 1 {
			return fmt.Errorf("%w: %d tokens cut by %d are %+d tokens off; write all anew with `make inputs`", ErrPromptChanged, b.tokens, k, off)
		}
		end -= len(tok.Decode([]int{int(ids[len(ids)-1-k])}))
	}
	return nil
}

func (l *Library) noPrompt(tokens int, file string) error {
	have := make([]string, len(l.lengths))
	for i, n := range l.lengths {
		have[i] = strconv.Itoa(n)
	}
	advice := "make it with `make inputs`"
	if !slices.ContainsFunc(lengths, func(w length) bool { return w.tokens == tokens }) {
		advice = "choose one of these, or add it to the lengths of package prompt and run `make inputs`"
	}
	return fmt.Errorf("%w: %d tokens need %s; available: %s; %s",
		ErrNoPrompt, tokens, filepath.Join(l.dir, file), strings.Join(have, ", "), advice)
}
