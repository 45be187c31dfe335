package config

import (
	"fmt"
	"strconv"
)

// Tokens is a number of tokens, written as a number or as one of the aliases of the prompt files.
type Tokens int

// tokenAliases are the prompt lengths that have a short name. 64k is 64000 and not 65536, as in
// the prompt file of that name.
var tokenAliases = map[string]Tokens{
	"1k": 1024, "2k": 2048, "4k": 4096, "8k": 8192, "16k": 16384, "32k": 32768, "64k": 64000,
}

// ParseTokens reads 4096 or 4k.
func ParseTokens(s string) (Tokens, error) {
	if n, ok := tokenAliases[s]; ok {
		return n, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || strconv.Itoa(n) != s {
		return 0, fmt.Errorf("%q is not a number of tokens, such as 4096, or one of 1k, 2k, 4k, 8k, 16k, 32k, 64k", s)
	}
	return Tokens(n), nil
}

// UnmarshalText is ParseTokens.
func (t *Tokens) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTokens(string(text))
	return err
}
