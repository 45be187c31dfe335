package sim

// hitWindow is the sliding window behind KVBM's hit-rate gauges: the last 1000 requests, whatever time
// they span. Both tiers share the denominator, so their rates add up to at most 1.
type hitWindow struct {
	ring              [1000]struct{ host, disk, total int }
	next              int
	host, disk, total int
}

// add takes a request of total blocks; one without a whole block is skipped.
func (w *hitWindow) add(m match, total int) {
	if total == 0 {
		return
	}
	old := &w.ring[w.next]
	w.host, w.disk, w.total = w.host-old.host+m.host, w.disk-old.disk+m.disk, w.total-old.total+total
	old.host, old.disk, old.total = m.host, m.disk, total
	w.next = (w.next + 1) % len(w.ring)
}

// rates are 0 before the first request, as the gauges are.
func (w *hitWindow) rates() (host, disk float64) {
	if w.total == 0 {
		return 0, 0
	}
	return float64(w.host) / float64(w.total), float64(w.disk) / float64(w.total)
}
