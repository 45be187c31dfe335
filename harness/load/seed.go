package load

import "math/rand/v2"

// Domains keep streams that are drawn for different purposes apart under one seed.
const (
	domainRequest uint64 = iota + 1
	domainArrivals
	domainNonce
	domainSession
	domainTurn
	domainText
)

// hash folds parts into 64 bits with the finalizer of SplitMix64 (Steele, Lea and Flood 2014), a
// bijection, so hashes that differ in the last part only never collide.
func hash(parts ...uint64) uint64 {
	var h uint64
	for _, p := range parts {
		h = (h ^ p) + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// generator is the source of randomness that parts name.
func generator(parts ...uint64) *rand.Rand {
	h := hash(parts...)
	return rand.New(rand.NewPCG(h, hash(h)))
}
