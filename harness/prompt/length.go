package prompt

import (
	"fmt"
	"strconv"
	"strings"
)

// length is a prompt length that WriteAll makes.
type length struct {
	tokens int
	alias  string // "" for none
}

// lengths are in ascending order. 64k is 64,000, not 65,536: a prompt must leave room for its answer in
// a context of 65,536 tokens.
var lengths = []length{
	{128, ""}, {256, ""}, {512, ""},
	{1024, "1k"}, {1536, ""}, {2048, "2k"}, {3072, ""}, {4096, "4k"}, {6144, ""}, {8192, "8k"}, {16384, "16k"}, {32768, "32k"}, {64000, "64k"},
}

// ParseTokens reads a prompt length in tokens: decimal digits ("4096") or an alias ("4k"). Whether there
// is a prompt of that length is for Library.Body to say.
func ParseTokens(s string) (int, error) {
	aliases := make([]string, 0, len(lengths))
	for _, l := range lengths {
		if l.alias == "" {
			continue
		}
		if s == l.alias {
			return l.tokens, nil
		}
		aliases = append(aliases, l.alias)
	}
	n, err := strconv.Atoi(s)
	// The spelling has to be the number's own, so that "+4096" and "04096" are not second names of a cell.
	if err != nil || n < 1 || strconv.Itoa(n) != s {
		return 0, fmt.Errorf("prompt length %q: write a number of tokens (4096) or one of %s", s, strings.Join(aliases, ", "))
	}
	return n, nil
}
