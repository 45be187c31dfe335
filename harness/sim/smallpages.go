package sim

// Memory in small pages (mechanism SmallPages). A server that starts while files fill the memory gets its own in small pages,
// because the kernel finds no large ones that are free, and its GPU walks page tables for all that it reads: each part of an
// iteration takes SmallPages times as long, for as long as the process lives. One that starts on a machine whose page cache is
// empty gets large pages. How much that costs on a GB10 has not been published; a choice.

// pages decides what pages a server gets that starts now.
func (e *engine) pages() {
	e.pageFactor = 1
	if f := e.mech.SmallPages; f > 0 && e.host.cache.other+e.host.cache.bytes > 0 {
		e.pageFactor = f
	}
}

// in is the work of an iteration where each part takes so many times as long.
func (s step) in(factor float64) step {
	s.weights, s.prompt, s.slope, s.kv = s.weights*factor, s.prompt*factor, s.slope*factor, s.kv*factor
	return s
}
