package telemetry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sparkharness/harness/outgoing"
)

// Metric says what of a Prometheus page a figure is: the samples of one family, added up.
type Metric struct {
	// Names of the family, without _total: the first of which the page has a sample is taken, and never two of them, because
	// servers show two generations of a name side by side.
	Names []string
	// Sum are labels whose series are added up. Series that differ in another one are refused: two processes behind one page
	// would be counted together, whether they live or not.
	Sum []string
	// Where are labels that a series must have, with their values; a * at the end stands for any rest.
	Where map[string]string
	// Label is the label whose value is the figure; "" for the value of the series.
	Label string
}

// Identity says that some figures of a page sum to another one.
type Identity struct {
	Sum []string
	Is  string
}

// restarted is the family by which a process tells when it began, on most pages.
const restarted = "process_start_time_seconds"

// Page reads figures from a Prometheus page by a table. A family that the page has no sample of is not told: null and never 0.
type Page struct {
	page    scraper
	name    string
	figures map[string]Metric
	equal   []Identity
	// wanted are the names of all families, so that a page of thousands of lines costs a look-up each.
	wanted map[string]bool

	began *float64           // when the process began, of the page before; nil if it is not told
	prev  map[string]float64 // counters of the page before
	fetch histogram          // of the page before
	// fetchName is the family that it was found under.
	fetchName string
	seen      bool // that there was one
	read      moments
	told      map[string]bool    // counters that any page had, of the process that runs
	born      []string           // counters that the newest page has, and none before it
	last      map[string]float64 // figures of the newest page
	used      map[string]string  // figure to the name under which it was found
}

// NewPage makes a source for the page at url. name is what it is called where it fails.
func NewPage(client *outgoing.Client, url, name string, figures map[string]Metric, equal []Identity) *Page {
	p := &Page{page: scraper{client: client, url: url, accept: textFormat}, name: name, figures: figures, equal: equal, wanted: map[string]bool{restarted: true},
		used: map[string]string{}}
	for _, m := range figures {
		for _, n := range m.Names {
			p.wanted[n] = true
		}
	}
	return p
}

// Name is what the source is called.
func (p *Page) Name() string { return p.name }

// LastScrape is a copy of the newest page as it came, at most 4 MiB, nil before the first.
func (p *Page) LastScrape() []byte { return p.page.lastPage() }

// Names are the families that were found on the newest page, by figure.
func (p *Page) Names() map[string]string { return maps.Clone(p.used) }

// Figures are those of the newest page that was read whole.
func (p *Page) Figures() map[string]float64 { return maps.Clone(p.last) }

// series are the samples of one family.
type series struct {
	labels [][]byte
	values []float64
}

// Read gets the page and returns its figures. A process that was started anew since the page before is ErrReset; a page that
// cannot be had, two series of which one would have to be chosen, and a page that contradicts itself, wrap ErrScrape.
func (p *Page) Read(ctx context.Context) (map[string]float64, error) {
	families := map[string]*series{}
	var buckets []func(*histogram) error
	err := p.page.samples(ctx, func(name, labels []byte, v float64) error {
		family := p.family(string(name))
		if family == "" {
			return nil
		}
		if part, ok := strings.CutPrefix(string(name), family); ok && (part == "_bucket" || part == "_sum" || part == "_count") {
			if m := p.figures[fetchFigure]; slices.Contains(m.Names, family) && m.matches(labels) {
				labels := slices.Clone(labels)
				p.fetchName = family
				buckets = append(buckets, func(h *histogram) error { return h.add(part, labels, v) })
			}
			return nil
		}
		f := families[family]
		if f == nil {
			f = &series{}
			families[family] = f
		}
		f.labels, f.values = append(f.labels, slices.Clone(labels)), append(f.values, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out, used := map[string]float64{}, map[string]string{}
	for _, figure := range slices.Sorted(maps.Keys(p.figures)) {
		m := p.figures[figure]
		for _, name := range m.Names {
			if families[name] == nil {
				continue
			}
			v, ok, err := m.of(families[name])
			if err != nil {
				return nil, p.page.failed(fmt.Errorf("%s: %w", name, err))
			}
			if ok {
				out[figure], used[figure] = v, name
				break
			}
		}
	}
	var began *float64
	if s := families[restarted]; s != nil && len(s.values) == 1 {
		began = &s.values[0]
	}
	var fetch histogram
	for _, add := range buckets {
		if err := add(&fetch); err != nil {
			return nil, p.page.failed(err)
		}
	}
	before, was, had, prevFetch := p.began, p.prev, p.seen, p.fetch
	p.began, p.prev, p.seen, p.fetch, p.last, p.used, p.born = began, maps.Clone(out), true, fetch, out, used, nil
	p.read.note(had && (!maps.Equal(was, out) || fetch.count != prevFetch.count))
	switch {
	case had && before != nil && began != nil && *before != *began:
		p.told = nil
		p.note(out, fetch.seen)
		return nil, p.page.failed(fmt.Errorf("the server was started anew: %w", ErrReset))
	case had:
		for _, figure := range slices.Sorted(maps.Keys(out)) {
			if prev, ok := was[figure]; ok && out[figure] < prev && counts(figure) {
				p.told = nil
				p.note(out, fetch.seen)
				return nil, p.page.failed(fmt.Errorf("%s: %w", used[figure], ErrReset))
			}
		}
	}
	if had && same(before, began, was, out) {
		p.born = p.newborn(out, fetch.seen)
	}
	p.note(out, fetch.seen)
	if fetch.seen {
		d, err := fetch.minus(&prevFetch)
		if err != nil {
			return nil, p.page.failed(fmt.Errorf("%s: %w", p.figures[fetchFigure].Names[0], err))
		}
		for q, name := range map[float64]string{0.50: "tier2_fetch_p50", 0.95: "tier2_fetch_p95", 0.99: "tier2_fetch_p99"} {
			if v, ok := d.quantile(q); ok && had && lasted(v) {
				out[name] = v
			}
		}
		out["tier2_fetch_count"], out["tier2_fetch_sum"] = fetch.count, fetch.sum
	}
	return out, p.contradiction(out)
}

// fetchFigure is the histogram of a KV page.
const fetchFigure = "tier2_fetch"

// gauges are figures that fall, too.
var gauges = []string{"running", "waiting", "context", "kv_used_blocks", "kv_max_blocks", "kv_usage", "block_tokens", "iteration_seconds"}

// counts says whether a figure only grows.
func counts(figure string) bool { return !slices.Contains(gauges, figure) }

// family is the family of a sample's name that the table asks for, "" for others.
func (p *Page) family(name string) string {
	if p.wanted[name] {
		return name
	}
	for _, suffix := range []string{"_total", "_bucket", "_sum", "_count"} {
		if family, ok := strings.CutSuffix(name, suffix); ok && p.wanted[family] {
			return family
		}
	}
	return ""
}

// contradiction says which sum of the page is not what the server keeps it equal to.
func (p *Page) contradiction(figures map[string]float64) error {
	for _, e := range p.equal {
		is, ok := figures[e.Is]
		sum := 0.0
		for _, figure := range e.Sum {
			v, known := figures[figure]
			ok = ok && known
			sum += v
		}
		if ok && sum != is {
			return p.page.failed(fmt.Errorf("the page contradicts itself: %s is %.0f, and %s sum to %.0f: nothing of it is taken", e.Is, is, strings.Join(e.Sum, ", "), sum))
		}
	}
	return nil
}

// matches says whether a series is one of the figure.
func (m *Metric) matches(labels []byte) bool {
	for label, want := range m.Where {
		got := string(labelValue(labels, label))
		if rest, any := strings.CutSuffix(want, "*"); got != want && (!any || !strings.HasPrefix(got, rest)) {
			return false
		}
	}
	return true
}

// of is the figure of a family, false if it has no series of it.
func (m *Metric) of(f *series) (v float64, ok bool, err error) {
	var first []byte
	sum := 0.0
	for i, labels := range f.labels {
		if !m.matches(labels) {
			continue
		}
		value := f.values[i]
		if m.Label != "" {
			text := labelValue(labels, m.Label)
			if text == nil || string(text) == "None" {
				continue
			}
			if value, err = strconv.ParseFloat(string(text), 64); err != nil {
				return 0, false, fmt.Errorf("label %s is %.40q, and no number", m.Label, text)
			}
		}
		if !counted(value) {
			continue
		}
		switch label := m.differs(first, labels); {
		case first == nil:
			first = labels
		case label != "":
			return 0, false, fmt.Errorf("two series differ in the label %s (%.40q and %.40q), which is not declared to be summed: name it in sum, or choose one in where",
				label, labelValue(first, label), labelValue(labels, label))
		}
		if first == nil {
			first = []byte{} // a series without labels
		}
		sum += value
		if m.Label != "" {
			sum = value
		}
		ok = true
	}
	return sum, ok, nil
}

// differs is a label in which two series of the figure differ and that is not declared, "" if there is none.
func (m *Metric) differs(a, b []byte) string {
	if a == nil {
		return ""
	}
	names := append(labelNames(a), labelNames(b)...)
	for _, name := range names {
		if slices.Contains(m.Sum, name) || m.Where[name] != "" {
			continue
		}
		if string(labelValue(a, name)) != string(labelValue(b, name)) {
			return name
		}
	}
	if len(names) == 0 || string(a) == string(b) {
		return "" // the same series twice is the parser's business
	}
	return ""
}

// labelNames are those of a list that parseExposition yielded.
func labelNames(labels []byte) (out []string) {
	for {
		name, _, rest, ok := cutLabel(trimBlanks(labels))
		if !ok {
			return out
		}
		out = append(out, string(name))
		labels = rest
	}
}
