package config

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"8GiB":                 8 << 30,
		"8GB":                  8_000_000_000, // as it says: 7 % less
		"512KiB":               512 << 10,
		"640MiB":               640 << 20,
		"128kB":                128_000,
		"2MB":                  2_000_000,
		"4TB":                  4_000_000_000_000,
		"1TiB":                 1 << 40,
		"17B":                  17,
		"0B":                   0,
		"9223372036854775807B": math.MaxInt64,
	} {
		got, err := ParseSize(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestParseSizeFaults(t *testing.T) {
	for text, want := range map[string]string{
		"8":                    "8 needs a unit, such as 8GiB",
		"0":                    "0 needs a unit, such as 8GiB",
		"1.5":                  "1.5 needs a unit, such as 8GiB",
		"-8":                   "-8 needs a unit, such as 8GiB",
		"-8GiB":                `"-8GiB" is negative; a size is not`,
		"1.5GiB":               `"1.5GiB" is not a whole number of a unit; write it in a smaller unit, such as 1536MiB for 1.5GiB`,
		"GiB":                  `"GiB" is not a size, such as 8GiB`,
		"":                     `"" is not a size, such as 8GiB`,
		"8G":                   `"8G" has no known unit; use GiB, MiB or KiB (powers of 1024), or GB, MB or kB (powers of 1000)`,
		"8KB":                  `"8KB" has no known unit; use GiB, MiB or KiB (powers of 1024), or GB, MB or kB (powers of 1000)`,
		"8 GiB":                `"8 GiB" has no known unit; use GiB, MiB or KiB (powers of 1024), or GB, MB or kB (powers of 1000)`,
		"9000000000GiB":        `"9000000000GiB" is more bytes than can be counted`,
		"9223372036854775808B": `"9223372036854775808B" is more bytes than can be counted`,
	} {
		_, err := ParseSize(text)
		assert.EqualError(t, err, want, text)
	}
}

func TestSizeString(t *testing.T) {
	for want, size := range map[string]Size{
		"8GiB": 8 << 30, "1408MiB": 1408 << 20, "128KiB": 128 << 10, "8GB": 8e9, "640MB": 640e6, "3kB": 3000,
		"1TiB": 1 << 40, "1025B": 1025, "0B": 0, "1000KiB": 1000 << 10,
	} {
		assert.Equal(t, want, size.String())
	}
}

func TestSizeStringIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		unit := sizeUnits[rng.IntN(len(sizeUnits))].bytes
		size := Size(rng.Int64N(math.MaxInt64/int64(unit))) * unit
		got, err := ParseSize(size.String())
		require.NoError(t, err)
		require.Equal(t, size, got)
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"200ms": 200 * time.Millisecond, "300s": 5 * time.Minute, "220us": 220 * time.Microsecond, "0s": 0,
	} {
		got, err := ParseDuration(text)
		require.NoError(t, err, text)
		assert.Equal(t, Duration(want), got, text)
		again, err := ParseDuration(got.String())
		require.NoError(t, err, text)
		assert.Equal(t, got, again, text)
	}
	for text, want := range map[string]string{
		"300":  "300 needs a unit, such as 300s or 200ms",
		"0":    "0 needs a unit, such as 300s or 200ms",
		"0.5":  "0.5 needs a unit, such as 300s or 200ms",
		"-3s":  `"-3s" is negative; a duration is not`,
		"3min": `"3min" is not a duration, such as 300s, 200ms or 220us`,
		"":     `"" is not a duration, such as 300s, 200ms or 220us`,
	} {
		_, err := ParseDuration(text)
		assert.EqualError(t, err, want, text)
	}
}

func TestParseTokens(t *testing.T) {
	for text, want := range map[string]Tokens{
		"4096": 4096, "1": 1, "1k": 1024, "2k": 2048, "4k": 4096, "8k": 8192, "16k": 16384, "32k": 32768, "64k": 64000,
	} {
		got, err := ParseTokens(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "k", "3k", "4K", "128k", "0", "-1", "4.5", "010", "0x10", "1_000", "+4"} {
		_, err := ParseTokens(text)
		assert.ErrorContains(t, err, "is not a number of tokens", text)
	}
}

// The short names are those of the prompt files.
func TestTokenAliasesAreThoseOfThePrompts(t *testing.T) {
	data, err := os.ReadFile("../../inputs/prompts/index.json")
	require.NoError(t, err)
	var index struct {
		Prompts []struct {
			Tokens int
			Alias  string
		}
	}
	require.NoError(t, json.Unmarshal(data, &index))
	named := map[string]Tokens{}
	for _, p := range index.Prompts {
		if p.Alias != "" {
			named[p.Alias] = Tokens(p.Tokens)
		}
	}
	assert.Equal(t, named, tokenAliases)
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"kitten", "sitting", 3}, // Levenshtein's usual example
		{"ca", "ac", 1}, {"ca", "abc", 3}, // optimal string alignment edits no part twice
	} {
		assert.Equal(t, c.want, editDistance(c.a, c.b), "%q %q", c.a, c.b)
	}
}
