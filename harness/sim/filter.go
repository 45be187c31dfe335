package sim

// frequencyFilter decides whether a block is worth writing to tier 2. KVBM's default: the frequency of a
// block starts at 1, doubles each time the block is seen again, loses 1 per decay step of 600 s, and is
// forgotten at 0; blocks below the minimum frequency (2) stay out.
type frequencyFilter struct {
	min   int
	seen  map[uint64]*sighting // pointers, so that a sighting is one look-up
	limit int                  // entries; when full, new blocks are not remembered
}

type sighting struct {
	frequency int
	decayedNS int64 // simulated time up to which decay has been applied
}

const (
	filterDecayNS = 600e9
	filterEntries = 1_000_000
	filterMaxFreq = 1 << 20
)

func newFrequencyFilter(minFrequency int) *frequencyFilter {
	return &frequencyFilter{min: minFrequency, seen: map[uint64]*sighting{}, limit: filterEntries}
}

// passes reports whether the block would pass at time now, without counting a sighting. It is for blocks
// that have been seen.
func (f *frequencyFilter) passes(hash uint64, now int64) bool {
	s := f.seen[hash]
	if s == nil {
		return 1 >= f.min
	}
	return max(1, s.frequency-int((now-s.decayedNS)/filterDecayNS)) >= f.min
}

// see counts one sighting of the block at time now and reports whether it passes.
func (f *frequencyFilter) see(hash uint64, now int64) bool {
	s := f.seen[hash]
	if s == nil {
		if len(f.seen) < f.limit {
			f.seen[hash] = &sighting{frequency: 1, decayedNS: now}
		}
		return 1 >= f.min
	}
	if steps := (now - s.decayedNS) / filterDecayNS; steps > 0 {
		s.frequency -= int(steps)
		s.decayedNS += steps * filterDecayNS
	}
	if s.frequency <= 0 {
		*s = sighting{frequency: 1, decayedNS: now}
	} else {
		s.frequency = min(s.frequency*2, filterMaxFreq)
	}
	return s.frequency >= f.min
}
