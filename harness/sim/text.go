package sim

import "hash/fnv"

// words are what the simulated model says, one a token.
var words = [...]string{" storage", " decides", " the", " tail", " only", " when", " a", " fetch", " is", " on", " its", " path", " and", " queue", " depth", " says"}

// word is the next token of the answer: a function of the KV that the model went on from, and so of the prompt alone as
// long as each tier serves what was put into it, whatever the stack, its block size and what was cached.
func (c *choice) word() string {
	i := c.sent
	c.sent++
	if i == 0 && c.recalls != "" && c.seq.wrong == 0 {
		return " " + c.recalls
	}
	return words[mix64(c.digest^c.seq.wrong+uint64(i))%uint64(len(words))]
}

// promptDigest names a prompt with the adapter that reads it.
func promptDigest(adapter string, tokens []uint32) uint64 {
	const prime = 1099511628211
	h := fnv.New64a()
	_, _ = h.Write([]byte(adapter)) // never fails
	digest := h.Sum64()
	for _, t := range tokens {
		digest = (digest ^ uint64(t)) * prime
	}
	return digest
}

// mix64 is the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), a bijection.
func mix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
