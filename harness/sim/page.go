package sim

import (
	"net/http"
	"strconv"
)

// page is a Prometheus text exposition, format 0.0.4.
type page struct {
	w   http.ResponseWriter
	buf []byte
}

func newPage(w http.ResponseWriter) *page { return &page{w: w, buf: make([]byte, 0, 4096)} }

func (p *page) head(name, kind, help string) {
	p.buf = append(append(append(append(append(p.buf, "# HELP "...), name...), ' '), help...), '\n')
	p.buf = append(append(append(append(append(p.buf, "# TYPE "...), name...), ' '), kind...), '\n')
}

func (p *page) line(name, labels string, v float64) {
	p.buf = append(p.buf, name...)
	if labels != "" {
		p.buf = append(append(append(p.buf, '{'), labels...), '}')
	}
	p.buf = append(strconv.AppendFloat(append(p.buf, ' '), v, 'g', -1, 64), '\n')
}

// value writes a family with one series.
func (p *page) value(name, kind, help, labels string, v float64) {
	p.head(name, kind, help)
	p.line(name, labels, v)
}

// histogram writes a histogram family with one series.
func (p *page) histogram(name, help, labels string, h Histogram) {
	p.head(name, "histogram", help)
	prefix := labels
	if labels != "" {
		prefix += ","
	}
	var total int64
	for i, bound := range kvbmBuckets {
		total += h.Counts[i]
		p.line(name+"_bucket", prefix+`le="`+strconv.FormatFloat(bound, 'g', -1, 64)+`"`, float64(total))
	}
	p.line(name+"_bucket", prefix+`le="+Inf"`, float64(h.Count))
	p.line(name+"_sum", labels, h.Sum)
	p.line(name+"_count", labels, float64(h.Count))
}

func (p *page) send() {
	p.w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = p.w.Write(p.buf)
}
