package prompt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"sparkharness/harness/regular"
)

// IndexFile is the name of the index in the folder of the prompts.
const IndexFile = "index.json"

// MaxIndex is the most bytes of the index: an entry has two hundred.
const MaxIndex = 1 << 20

// index is the content of index.json: what the prompt files are, and what WriteAll made them from.
type index struct {
	Vocabulary string       `json:"vocabulary"`
	Seed       uint64       `json:"seed"`
	Prompts    []indexEntry `json:"prompts"` // in ascending order of Tokens
}

type indexEntry struct {
	Tokens int    `json:"tokens"`
	Alias  string `json:"alias,omitempty"`
	File   string `json:"file"`   // in the index's folder
	SHA256 string `json:"sha256"` // of the file, lower-case hexadecimal
}

// fileName is where WriteAll puts a prompt of this length.
func fileName(tokens int) string { return strconv.Itoa(tokens) + ".txt" }

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// readIndex reads and checks index.json. An unknown field is a fault, as in every file of a run.
func readIndex(root *os.Root) (index, error) {
	data, err := regular.ReadIn(root, IndexFile, MaxIndex)
	if err != nil {
		return index{}, fmt.Errorf("%w; make it with `make inputs`", err)
	}
	return parseIndex(data)
}

func parseIndex(data []byte) (idx index, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&idx); err != nil {
		return idx, fmt.Errorf("%s: %w; write it anew with `make inputs`", IndexFile, err)
	}
	if idx.Vocabulary != Vocabulary {
		return idx, fmt.Errorf("%s: vocabulary %q, and this program counts with %s; write it anew with `make inputs`",
			IndexFile, idx.Vocabulary, Vocabulary)
	}
	seen := map[int]bool{}
	for _, e := range idx.Prompts {
		switch {
		case e.Tokens <= MaxNonceTokens:
			return idx, fmt.Errorf("%s: a prompt of %d tokens has no room for a nonce of up to %d", IndexFile, e.Tokens, MaxNonceTokens)
		case seen[e.Tokens]:
			return idx, fmt.Errorf("%s: %d tokens are listed twice", IndexFile, e.Tokens)
		}
		seen[e.Tokens] = true
	}
	return idx, nil
}
