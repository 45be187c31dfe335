package sim

import (
	"math"
	"net/http"
	"strconv"
	"sync"
)

// page is a Prometheus text exposition, format 0.0.4. A run renders millions of them.
type page struct {
	w   http.ResponseWriter
	buf []byte
}

var pages = sync.Pool{New: func() any { return new(page) }}

// newPage is a page that send gives back.
func newPage(w http.ResponseWriter) *page {
	p := pages.Get().(*page)
	p.w, p.buf = w, p.buf[:0]
	return p
}

func (p *page) add(parts ...string) {
	for _, s := range parts {
		p.buf = append(p.buf, s...)
	}
}

func (p *page) head(space, name, kind, help string) {
	p.add("# HELP ", space, name, " ", help, "\n# TYPE ", space, name, " ", kind, "\n")
}

// line writes one series; its labels come in two parts, either of which may be empty.
func (p *page) line(space, name, suffix, labels, more string, v float64) {
	p.add(space, name, suffix)
	switch {
	case labels != "" && more != "":
		p.add("{", labels, ",", more, "}")
	case labels != "" || more != "":
		p.add("{", labels, more, "}")
	}
	p.buf = append(appendValue(append(p.buf, ' '), v), '\n')
}

// appendValue appends the shortest text of v. Most values are small counts, for which that is the count.
func appendValue(b []byte, v float64) []byte {
	if v >= 0 && v < 1e6 && !math.Signbit(v) {
		if n := int64(v); float64(n) == v {
			return strconv.AppendInt(b, n, 10)
		}
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// value writes a family with one series. Its name has two parts, the first of which is the server's.
func (p *page) value(space, name, kind, help, labels string, v float64) {
	p.head(space, name, kind, help)
	p.line(space, name, "", labels, "", v)
}

// bucketLabels are the labels of kvbmBuckets.
var bucketLabels = func() (labels [len(kvbmBuckets)]string) {
	for i, bound := range kvbmBuckets {
		labels[i] = `le="` + strconv.FormatFloat(bound, 'g', -1, 64) + `"`
	}
	return labels
}()

// histogram writes a histogram family with one series.
func (p *page) histogram(space, name, help, labels string, h Histogram) {
	p.head(space, name, "histogram", help)
	var total int64
	for i, label := range bucketLabels {
		total += h.Counts[i]
		p.line(space, name, "_bucket", labels, label, float64(total))
	}
	p.line(space, name, "_bucket", labels, `le="+Inf"`, float64(h.Count))
	p.line(space, name, "_sum", labels, "", h.Sum)
	p.line(space, name, "_count", labels, "", float64(h.Count))
}

// send writes the page, which is of no use afterwards.
func (p *page) send() {
	p.w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	p.w.Header().Set("Content-Length", strconv.Itoa(len(p.buf))) // instead of chunks
	_, _ = p.w.Write(p.buf)
	p.w = nil
	pages.Put(p)
}
