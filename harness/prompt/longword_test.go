package prompt

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mergePlainly is byte-pair encoding as it is defined, with nothing kept between merges.
func mergePlainly(ranks map[string]int, word string) []int {
	parts := make([]string, len(word))
	for i := range parts {
		parts[i] = word[i : i+1]
	}
	for {
		best, at := math.MaxInt, -1
		for i := range len(parts) - 1 {
			if rank, ok := ranks[parts[i]+parts[i+1]]; ok && rank < best {
				best, at = rank, i
			}
		}
		if at < 0 {
			break
		}
		parts[at] += parts[at+1]
		parts = append(parts[:at+1], parts[at+2:]...)
	}
	ids := make([]int, len(parts))
	for i, p := range parts {
		ids[i] = ranks[p]
	}
	return ids
}

// randomWord is n bytes of one of several kinds: few letters make the same pairs over and over, so that merges compete;
// pieces of the vocabulary make deep ones; any bytes make few.
func randomWord(rng *rand.Rand, tokens []string, n int) string {
	var b strings.Builder
	kind := rng.IntN(5)
	for b.Len() < n {
		switch kind {
		case 0:
			b.WriteByte("ab"[rng.IntN(2)])
		case 1:
			b.WriteByte(byte('a' + rng.IntN(26)))
		case 2:
			b.WriteByte(byte(rng.IntN(256)))
		case 3:
			b.WriteString(tokens[rng.IntN(len(tokens))])
		case 4:
			b.WriteString(strings.Repeat(string(rune("= é日"[rng.IntN(3)])), 1+rng.IntN(40)))
		}
	}
	return b.String()[:n]
}

func TestMergesArePlainOnes(t *testing.T) {
	ranks := tokenizer(t).ranks
	tokens := make([]string, len(ranks))
	for s, rank := range ranks {
		tokens[rank] = s
	}
	rng := rand.New(rand.NewPCG(1, 2))
	lengths := []int{1, 2, 3, shortWord - 1, shortWord, shortWord + 1, 200, 400}
	for i := range 600 {
		word := randomWord(rng, tokens, lengths[i%len(lengths)])
		want := mergePlainly(ranks, word)
		require.Equal(t, want, mergeLong(ranks, []int{}, word), "%q", word)
		require.Equal(t, want, mergePairs(ranks, []int{}, word), "%q", word)
	}
}

// Both sides of the border between the two ways, whole, and what tiktoken makes of it.
func TestLongWordsAreTiktokens(t *testing.T) {
	tok := tokenizer(t)
	for _, word := range []string{"ab", "xqzj", "é", " ", "=-", "ß日"} {
		for _, n := range []int{1, shortWord/len(word) - 1, shortWord / len(word), shortWord/len(word) + 1, 300} {
			text := strings.Repeat(word, n)
			assert.Equal(t, tok.bpe.EncodeOrdinary(text), tok.Encode(text), "%d times %q", n, word)
		}
	}
}

// The work on one word grows with its length and not with the square: at most three look-ups and three
// entries of the heap a byte, whatever the word.
func TestLongWordsTakeLinearWork(t *testing.T) {
	ranks := tokenizer(t).ranks
	for _, word := range []string{"a", "ab9", "é", " ", "storage"} {
		for _, n := range []int{1_000, 100_000} {
			w := newLongWord(ranks, strings.Repeat(word, n/len(word)))
			w.merge()
			assert.LessOrEqual(t, w.lookups, 3*len(w.text), "%d bytes of %q", n, word)
			assert.LessOrEqual(t, w.entries, 3*len(w.text), "%d bytes of %q", n, word)
			assert.Greater(t, w.lookups, len(w.text)-2)
		}
	}
}

// A megabyte without a break takes a fraction of a second; by the square it would be more than the time that
// tests are given.
func TestMegabyteWord(t *testing.T) {
	tok := tokenizer(t)
	word := strings.Repeat("xqzj", 1<<18)
	assert.Equal(t, word, tok.Decode(tok.Encode(word)))
}

// ns/byte stays the same.
func BenchmarkLongWord(b *testing.B) {
	tok := tokenizer(b)
	for _, n := range []int{50_000, 200_000, 800_000} {
		for _, word := range []string{"a", "xqzj", "é"} {
			b.Run(fmt.Sprintf("%s/%d", word, n), func(b *testing.B) {
				text := strings.Repeat(word, n/len(word))
				for b.Loop() {
					tok.Encode(text)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(text)), "ns/byte")
			})
		}
	}
}

// Where the border between the two ways belongs.
func BenchmarkMerge(b *testing.B) {
	ranks := tokenizer(b).ranks
	for _, n := range []int{16, 32, 64, 128, 256} {
		word := strings.Repeat("xqzj", n/4)
		for name, merge := range map[string]func(map[string]int, []int, string) []int{"pairs": mergePairs, "long": mergeLong} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					merge(ranks, nil, word)
				}
			})
		}
	}
}
