package telemetry

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type sample struct {
	name, labels string
	value        float64
}

func samplesOf(page []byte) ([]sample, error) {
	var got []sample
	err := parseExposition(page, func(name, labels []byte, v float64) error {
		got = append(got, sample{string(name), string(labels), v})
		return nil
	})
	return got, err
}

// The example page of the format's specification (prometheus.io, Exposition formats, text-based format).
func TestExpositionSpecificationExample(t *testing.T) {
	const page = `# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# A histogram, which has a pretty complex representation in the text format:
# HELP http_request_duration_seconds A histogram of the request duration.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_sum 53423
`
	got, err := samplesOf([]byte(page))
	require.NoError(t, err)
	assert.Equal(t, []sample{
		{"http_requests_total", `method="post",code="200"`, 1027},
		{"http_requests_total", `method="post",code="400"`, 3},
		{"msdos_file_access_time_seconds", `path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""`, 1.458255915e9},
		{"metric_without_timestamp_and_labels", "", 12.47},
		{"something_weird", `problem="division by zero"`, math.Inf(1)},
		{"http_request_duration_seconds_bucket", `le="0.05"`, 24054},
		{"http_request_duration_seconds_sum", "", 53423},
	}, got)
}

func TestExpositionRefuses(t *testing.T) {
	tests := map[string]struct{ page, want string }{
		"cut inside a number":  {"a 1\nb 12", "line 2: the page ends inside a line"},
		"cut inside a comment": {"a 1\n# HELP b wha", "line 2: the page ends inside a line"},
		"HTML":                 {"<html>\n", `line 1: not a sample of the Prometheus text format: "<html>"`},
		"JSON":                 {"[]\n", "line 1: not a sample"},
		"plain words":          {"404 page not found\n", "line 1: not a sample"},
		"one word":             {"Unauthorized\n", "line 1: not a sample"},
		"no value":             {"a{b=\"c\"}\n", "line 1: not a sample"},
		"value is a word":      {"a 1\n\na b\n", "line 3: not a sample"},
		"hexadecimal value":    {"a 0x1p-2\n", "line 1: not a sample"},
		"underscored value":    {"a 1_000\n", "line 1: not a sample"},
		"open label value":     {"a{b=\"c} 1\n", "line 1: not a sample"},
		"open label list":      {"a{b=\"c\" 1\n", "line 1: not a sample"},
		"label without quotes": {"a{b=c} 1\n", "line 1: not a sample"},
		"text after the value": {"a 1 yesterday\n", "line 1: not a sample"},
		"CRLF":                 {"a 1\r\n", "line 1: not a sample"},
		"name inside braces":   {"{\"a\"} 1\n", "line 1: not a sample"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := samplesOf([]byte(tt.page))
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestExpositionStopsAtYieldError(t *testing.T) {
	stop := errors.New("enough")
	err := parseExposition([]byte("a 1\nb 2\n"), func(name, _ []byte, _ float64) error {
		require.Equal(t, "a", string(name))
		return stop
	})
	require.ErrorIs(t, err, stop)
	assert.ErrorContains(t, err, "line 1")
}

func TestExpositionBlanks(t *testing.T) {
	got, err := samplesOf([]byte(" \t a \t{\t b = \"c\" \t} \t1 \t12 \t \n\t \nd \t2 \t \n"))
	require.NoError(t, err)
	assert.Equal(t, []sample{{"a", "\t b = \"c\" \t", 1}, {"d", "", 2}}, got)
}

func TestLabelValue(t *testing.T) {
	labels := []byte(`worker_id="le=\"9\"", le = "0.1",`)
	assert.Equal(t, "0.1", string(labelValue(labels, "le")))
	assert.Nil(t, labelValue(labels, "l"))
	assert.Nil(t, labelValue(nil, "le"))
}

// Whatever expfmt.TextParser reads, parseExposition reads alike. Comments are left out because they
// change how expfmt groups samples, and names inside braces because parseExposition refuses them.
func FuzzExposition(f *testing.F) {
	for _, name := range []string{"kvbm_mainline.prom", "kvbm_histograms.prom", "trtllm_engine.prom"} {
		f.Add(fixture(f, name))
	}
	f.Add([]byte("a{b=\"c\\\"}\\n\",d=\"e\",} -1.5e-7 12\n x\t2\n\n\t\n:y{} NaN\na -Inf\n"))
	f.Fuzz(func(t *testing.T, page []byte) {
		var lines [][]byte
		for line := range bytes.Lines(page) {
			start := bytes.TrimLeft(line, " \t")
			if bytes.HasPrefix(start, []byte("#")) {
				continue
			}
			if bytes.HasPrefix(start, []byte("{")) {
				return
			}
			lines = append(lines, line)
		}
		// Blanks after the last newline are nothing to expfmt and a line that was cut to parseExposition.
		page = bytes.TrimRight(bytes.Join(lines, nil), " \t")
		got, err := samplesOf(page)
		p := expfmt.NewTextParser(model.LegacyValidation)
		families, wantErr := p.TextToMetricFamilies(bytes.NewReader(page))
		if wantErr != nil {
			return
		}
		require.NoError(t, err, "expfmt reads %q", page)
		require.Equal(t, flat(families), normal(got))
	})
}

// flat lists expfmt's samples, sorted.
func flat(families map[string]*dto.MetricFamily) []string {
	var out []string
	for name, mf := range families {
		for _, m := range mf.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			out = append(out, line(name, labels, m.GetUntyped().GetValue()))
		}
	}
	sort.Strings(out)
	return out
}

func normal(got []sample) []string {
	unescape := strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\"`, `"`)
	var out []string
	for _, s := range got {
		var labels []string
		for rest := trimBlanks([]byte(s.labels)); len(rest) > 0; rest = trimBlanks(rest) {
			var name, value []byte
			name, value, rest, _ = cutLabel(rest)
			labels = append(labels, string(name)+"="+unescape.Replace(string(value)))
		}
		out = append(out, line(s.name, labels, s.value))
	}
	sort.Strings(out)
	return out
}

func line(name string, labels []string, v float64) string {
	slices.Sort(labels)
	return name + " " + strings.Join(labels, ",") + " " + strconv.FormatFloat(v, 'g', -1, 64)
}

func BenchmarkExposition(b *testing.B) {
	page := fixture(b, "kvbm_histograms.prom")
	b.Run("parseExposition", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := parseExposition(page, func(_, _ []byte, _ float64) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("expfmt", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p := expfmt.NewTextParser(model.LegacyValidation)
			if _, err := p.TextToMetricFamilies(bytes.NewReader(page)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
