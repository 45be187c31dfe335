package prompt

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pkoukk/tiktoken-go"
	loader "github.com/pkoukk/tiktoken-go-loader"
)

// Vocabulary names the vocabulary of every count in this package; see the package comment for why.
const Vocabulary = tiktoken.MODEL_CL100K_BASE

// splitPattern is the published pre-tokenization pattern of cl100k_base (openai/tiktoken,
// openai_public.py): what it separates is never merged into one token.
const splitPattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|` +
	` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// Tokenizer counts tokens of the cl100k_base vocabulary. Special tokens have no meaning to it: their
// spelling is ordinary text. Text that is not valid UTF-8 is read with U+FFFD for each bad byte. Safe
// for concurrent use.
type Tokenizer struct {
	bpe   *tiktoken.Tiktoken
	ranks map[string]int // the vocabulary
	lines *lineCache
}

// NewTokenizer returns the process's one tokenizer. The first call parses the vocabulary that is
// embedded in the binary (a few hundred ms); no call touches the network or a cache on disk.
func NewTokenizer() (*Tokenizer, error) { return sharedTokenizer() }

var sharedTokenizer = sync.OnceValues(loadTokenizer)

func loadTokenizer() (*Tokenizer, error) {
	// Built from its parts, since tiktoken.GetEncoding reads a process-wide loader whose default downloads.
	ranks, err := loader.NewOfflineLoader().LoadTiktokenBpe(Vocabulary + ".tiktoken")
	if err != nil {
		return nil, fmt.Errorf("read the embedded vocabulary %s: %w", Vocabulary, err)
	}
	core, err := tiktoken.NewCoreBPE(ranks, nil, splitPattern)
	if err != nil {
		return nil, fmt.Errorf("build the tokenizer %s: %w", Vocabulary, err)
	}
	return &Tokenizer{
		bpe:   tiktoken.NewTiktoken(core, nil, nil),
		ranks: ranks,
		lines: newLineCache(generationBytes),
	}, nil
}

// Encode tokenizes the text as a whole, as the vocabulary's own tools do. Count and IDs go by lines.
func (t *Tokenizer) Encode(text string) []int {
	if !utf8.ValidString(text) {
		text = string([]rune(text))
	}
	return encode(t.ranks, text)
}

// Decode is the text of the tokens. A token may end inside a rune.
func (t *Tokenizer) Decode(tokens []int) string { return t.bpe.Decode(tokens) }

// Count is len(IDs(text)).
func (t *Tokenizer) Count(text string) int {
	n := 0
	t.eachLine(text, func(ids []uint32) { n += len(ids) })
	return n
}

// IDs tokenizes the text line by line: the tokens of the whole are the concatenation of the tokens of
// its lines, each with its '\n'. Lines seen lately are remembered, because a server under test gets the
// same long bodies thousands of times. The caller owns the result.
func (t *Tokenizer) IDs(text string) []uint32 {
	// The prose has 3.7 to 4.2 bytes a token; a denser text grows the slice.
	ids := make([]uint32, 0, len(text)/3+8)
	t.eachLine(text, func(line []uint32) { ids = append(ids, line...) })
	return ids
}

// eachLine hands over the tokens of each line in order. The callee may not keep or change them.
func (t *Tokenizer) eachLine(text string, visit func(ids []uint32)) {
	for len(text) > 0 {
		line := text
		if i := strings.IndexByte(text, '\n'); i >= 0 {
			line = text[:i+1]
		}
		text = text[len(line):]
		ids, ok := t.lines.get(line)
		if !ok {
			ids = toIDs(t.Encode(line))
			t.lines.put(line, ids)
		}
		visit(ids)
	}
}

func toIDs(tokens []int) []uint32 {
	ids := make([]uint32, len(tokens))
	for i, id := range tokens {
		ids[i] = uint32(id)
	}
	return ids
}
