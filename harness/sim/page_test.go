package sim

import (
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPage(t *testing.T) {
	w := httptest.NewRecorder()
	p := newPage(w)
	p.value("a_", "b", "gauge", "B of a", `c="d"`, 1.5)
	p.value("", "plain", "counter", "No label", "", 1e6)
	var h Histogram
	h.Counts[1], h.Counts[len(kvbmBuckets)] = 2, 1
	h.Count, h.Sum = 3, 40.25
	p.histogram("a_", "h", "With a label", `c="d"`, h)
	p.send()
	text := w.Body.String()
	assert.Contains(t, text, "# HELP a_b B of a\n# TYPE a_b gauge\na_b{c=\"d\"} 1.5\n# HELP plain No label\n# TYPE plain counter\nplain 1e+06\n")
	assert.Contains(t, text, "# TYPE a_h histogram\na_h_bucket{c=\"d\",le=\"0\"} 0\na_h_bucket{c=\"d\",le=\"0.0001\"} 2\n")
	assert.Contains(t, text, "a_h_bucket{c=\"d\",le=\"10\"} 2\na_h_bucket{c=\"d\",le=\"+Inf\"} 3\na_h_sum{c=\"d\"} 40.25\na_h_count{c=\"d\"} 3\n")
	assert.Equal(t, strconv.Itoa(len(text)), w.Header().Get("Content-Length"))

	w = httptest.NewRecorder()
	p = newPage(w)
	p.histogram("", "h", "Without a label", "", Histogram{})
	p.send()
	assert.Contains(t, w.Body.String(), "h_bucket{le=\"0\"} 0\n", "and nothing of a page before it")
	assert.NotContains(t, w.Body.String(), "a_b")
}

func FuzzAppendValue(f *testing.F) {
	for _, v := range []float64{0, 1, 999999, 1e6, 1234567, 0.5, -1, 1e-7, 1e21} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v float64) {
		for _, v := range []float64{v, float64(int64(v)), float64(int64(v) % 2e6)} {
			require.Equal(t, strconv.FormatFloat(v, 'g', -1, 64), string(appendValue(nil, v)))
		}
	})
}
