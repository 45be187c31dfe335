package prompt

import "math"

// shortWord is the longest word, bytes, that mergePairs takes: it is the faster of the two up to there.
const shortWord = 64

// noPair is the rank of two neighbours that make no token.
const noPair = math.MaxInt32

// mergePairs appends the tokens of a piece that is none itself: byte-pair encoding, which merges the
// neighbours that make the token of the lowest rank, the leftmost of several, as long as any do. Its time
// grows with the square of the length.
func mergePairs(ranks map[string]int, ids []int, s string) []int {
	starts := make([]int, len(s)+1) // of the parts, and the end
	for i := range starts {
		starts[i] = i
	}
	// pair is the rank of part i together with the next one.
	pair := func(i int) int {
		if i+2 < len(starts) {
			if r, ok := ranks[s[starts[i]:starts[i+2]]]; ok {
				return r
			}
		}
		return noPair
	}
	pairs := make([]int, len(s))
	for i := range pairs {
		pairs[i] = pair(i)
	}
	for {
		best := 0
		for i, r := range pairs {
			if r < pairs[best] {
				best = i
			}
		}
		if pairs[best] == noPair {
			break
		}
		starts = append(starts[:best+1], starts[best+2:]...)
		pairs = append(pairs[:best+1], pairs[best+2:]...)
		pairs[best] = pair(best)
		if best > 0 {
			pairs[best-1] = pair(best - 1)
		}
	}
	for i := range pairs {
		ids = append(ids, ranks[s[starts[i]:starts[i+1]]])
	}
	return ids
}
