package telemetry

import (
	"maps"
	"math"
	"slices"
	"time"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// moments are when a page was read.
type moments struct{ first, last, changed time.Time }

// note takes a page that was read whole; changed says that its figures are not those of the one before.
func (m *moments) note(changed bool) {
	m.last = time.Now()
	if m.first.IsZero() {
		m.first = m.last
	}
	if changed {
		m.changed = m.last
	}
}

// Seen is what the pages were, up to the newest. A page whose figures never change may be a copy, or another server's.
func (p *Page) Seen() record.PageSeen {
	out := record.PageSeen{Name: p.name, URL: outgoing.Shown(p.page.url), Names: p.Names(), Missing: []string{},
		First: unix(p.read.first), Last: unix(p.read.last), Changed: unix(p.read.changed)}
	if p.began != nil && counted(*p.began) {
		out.Began = new(*p.began)
	}
	for _, figure := range slices.Sorted(maps.Keys(p.figures)) {
		_, found := p.used[figure]
		switch {
		case figure == fetchFigure && p.fetch.seen:
			out.Names[figure] = p.fetchName
			out.Counts = true
		case !found:
			out.Missing = append(out.Missing, figure)
		case counts(figure):
			out.Counts = true
		}
	}
	return out
}

// unix is a time in seconds, to the millisecond; nil for none.
func unix(t time.Time) *float64 {
	if t.IsZero() {
		return nil
	}
	return new(math.Round(float64(t.UnixMicro())/1e3) / 1e3)
}
