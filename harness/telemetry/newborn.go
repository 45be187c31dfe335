package telemetry

import (
	"maps"
	"slices"
)

// Born are the counters that the newest page has and none before it had, in order, though it is the same process that tells: a
// counter of Prometheus' client libraries has no series for labels that nothing was counted under yet, and begins at 0. So
// each of them has counted from 0 since the page before. The process is the same where it tells its start twice alike, or,
// where it tells none, where another counter that had counted did not fall. Else nothing is born, and what was counted
// before is not known.
func (p *Page) Born() []string { return slices.Clone(p.born) }

// same says that two pages come from one process, as far as nothing on them fell.
func same(before, began *float64, was, now map[string]float64) bool {
	if before != nil || began != nil {
		return before != nil && began != nil && *before == *began
	}
	for figure, v := range was {
		if _, still := now[figure]; still && counts(figure) && v > 0 {
			return true
		}
	}
	return false
}

// newborn are the counters of a page that none before it had, in order.
func (p *Page) newborn(figures map[string]float64, fetch bool) (out []string) {
	for _, figure := range slices.Sorted(maps.Keys(figures)) {
		if counts(figure) && !p.told[figure] {
			out = append(out, figure)
		}
	}
	if fetch && !p.told[fetchFigure] {
		out = append(out, fetchFigure)
	}
	return out
}

// note keeps which counters a page had.
func (p *Page) note(figures map[string]float64, fetch bool) {
	if p.told == nil {
		p.told = map[string]bool{}
	}
	for figure := range figures {
		p.told[figure] = true
	}
	if fetch {
		p.told[fetchFigure] = true
	}
}
