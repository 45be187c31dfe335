package evidence

import "sparkharness/harness/stats"

// FirstTouches are the TTFT of the first request for each adapter.
func (g *Group) FirstTouches() []stats.Rep { return g.touches(true) }

// LaterTouches are the TTFT of all other requests.
func (g *Group) LaterTouches() []stats.Rep { return g.touches(false) }

func (g *Group) touches(first bool) []stats.Rep {
	out := make([]stats.Rep, 0, len(g.Cells))
	for _, c := range g.Cells {
		out = append(out, c.touches(first))
	}
	return out
}

// LaterTouches are the TTFT of all requests but the first for each adapter.
func (c *Cell) LaterTouches() stats.Rep { return c.touches(false) }

func (c *Cell) touches(first bool) stats.Rep {
	var rep stats.Rep
	for i := range c.Requests {
		if r := &c.Requests[i]; r.HasTTFT && r.FirstTouch == first {
			rep = append(rep, stats.Point{T: r.At, V: r.TTFT, Censored: r.Censored})
		}
	}
	return rep
}
