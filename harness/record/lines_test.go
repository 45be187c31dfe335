package record

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// marshal is the line that encoding/json writes.
func marshal(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode(v))
	return b.String()
}

// lineTypes are all lines, and the files of a cell that hold them.
var lineTypes = []struct {
	file   string
	empty  func() Line
	decode func(*decoder, []byte) (Line, error)
}{
	{"metrics.jsonl", func() Line { return new(Request) }, decodeAs[Request]},
	{"sysmon.jsonl", func() Line { return new(SysSample) }, decodeAs[SysSample]},
	{"dynkv.jsonl", func() Line { return new(KVSample) }, decodeAs[KVSample]},
	{"perf.jsonl", func() Line { return new(PerfLine) }, decodeAs[PerfLine]},
}

func decodeAs[T any, P lineOf[T]](d *decoder, line []byte) (Line, error) {
	v, err := decodeLine[T, P](d, line)
	return P(v), err
}

// plainTexts and oddTexts are those that a layout writes itself, and such that it leaves to encoding/json.
var (
	plainTexts = []string{"", "measure", "a<b>&c", "tier1.bytes_in"}
	oddTexts   = append([]string{"say \"a\"", `a\b`, "a\nb\t", "ä", "\u2028", "\x01", "\x7f", "\xff", "\U0001f600"}, plainTexts...)
)

// Lines are byte for byte those of encoding/json, and read back to what encoding/json reads. Every field is
// filled in some of them, so that one that a layout does not know fails here.
func TestLinesAreThoseOfEncodingJSON(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var d decoder
	for _, lt := range lineTypes {
		for i := range 3000 {
			texts := plainTexts
			if i%10 == 0 {
				texts = oddTexts
			}
			v := lt.empty()
			fill(rng, reflect.ValueOf(v).Elem(), []float64{0, 0.5, 1}[i%3], texts)
			want := marshal(t, v)
			got, err := AppendLine([]byte("before"), v)
			require.NoError(t, err)
			require.Equal(t, "before"+want, string(got))

			line := []byte(strings.TrimSuffix(want, "\n"))
			wantBack := lt.empty()
			require.NoError(t, json.Unmarshal(line, wantBack))
			back, err := lt.decode(&d, line)
			require.NoError(t, err)
			require.Equal(t, wantBack, back)
			if i%10 > 0 {
				require.Equal(t, v, back)
				require.True(t, d.decode(line, lt.empty()), "in the fast way: %s", want)
			}
		}
	}
}

// The lines of the recorded runs are read and written in the fast way, and come back byte for byte.
func TestRecordedLines(t *testing.T) {
	for _, lt := range lineTypes {
		var d decoder
		for _, line := range recordedLines(t, lt.file, 50) {
			v := lt.empty()
			require.True(t, d.decode(line, v), "%s", line)
			var e encoder
			v.line(&e)
			require.False(t, e.odd, "%s", line)
			require.Equal(t, string(line), string(e.buf))
		}
	}
}

// recordedLines are lines of all recorded cells that have such a file, about n from each.
func recordedLines(t testing.TB, file string, n int) (lines [][]byte) {
	t.Helper()
	paths, err := filepath.Glob("../../fixtures/runs/*/cells/*/" + file)
	require.NoError(t, err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		all := bytes.Split(bytes.TrimSuffix(text, newline), newline)
		for i := 0; i < len(all); i += max(1, len(all)/n) {
			lines = append(lines, all[i])
		}
	}
	require.NotEmpty(t, lines, file)
	return lines
}

var newline = []byte{'\n'}

// A number that JSON does not have is refused wherever it stands, and the buffer stays as it was.
func TestLinesRefuseNoNumber(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	buf := append(make([]byte, 0, 1<<12), "before"...)
	for _, lt := range lineTypes {
		all := lt.empty()
		fill(rng, reflect.ValueOf(all).Elem(), 1, plainTexts)
		for i := range numbers(reflect.ValueOf(all).Elem()) {
			for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				v := lt.empty()
				fill(rng, reflect.ValueOf(v).Elem(), 1, plainTexts)
				numbers(reflect.ValueOf(v).Elem())[i].SetFloat(bad)
				got, err := AppendLine(buf, v)
				require.ErrorContains(t, err, "unsupported value", "%T, number %d", v, i)
				require.Equal(t, "before", string(got))
			}
		}
	}
}

// numbers are the numbers in v, none of which is nil.
func numbers(v reflect.Value) (out []reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			out = append(out, numbers(v.Field(i))...)
		}
	case reflect.Pointer:
		return numbers(v.Elem())
	case reflect.Float64:
		return []reflect.Value{v}
	}
	return out
}

// fill sets everything in v, texts to some of those given; what may be nil or empty with probability p.
func fill(rng *rand.Rand, v reflect.Value, p float64, texts []string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(rng, v.Field(i), p, texts)
		}
	case reflect.Pointer:
		if rng.Float64() < p {
			v.Set(reflect.New(v.Type().Elem()))
			fill(rng, v.Elem(), p, texts)
		}
	case reflect.Slice:
		for rng.Float64() < p/2 {
			e := reflect.New(v.Type().Elem()).Elem()
			fill(rng, e, p, texts)
			v.Set(reflect.Append(v, e))
		}
	case reflect.Float64:
		v.SetFloat(someNumber(rng))
	case reflect.Int:
		v.SetInt(rng.Int64N(1e6) - 1e3)
	case reflect.Bool:
		v.SetBool(rng.Float64() < p)
	case reflect.String:
		v.SetString(texts[rng.IntN(len(texts))])
	default:
		panic("no such field here yet: " + v.Type().String())
	}
}

func someNumber(rng *rand.Rand) float64 {
	switch rng.IntN(8) {
	case 0:
		return float64(rng.IntN(1000))
	case 1:
		return math.Round(rng.Float64()*1e7) / 1e4
	case 2:
		return 946684800 + math.Round(rng.Float64()*1e10)/1e6
	case 3:
		return rng.NormFloat64() * 1e-7
	case 4:
		return float64(rng.Uint64())
	case 5:
		return math.Copysign(0, -1)
	case 6:
		return math.Ldexp(rng.NormFloat64(), rng.IntN(2000)-1000)
	}
	return rng.NormFloat64() * 1e3
}

// BenchmarkLine is what a line of the recorded runs costs: by the codec, and by encoding/json.
func BenchmarkLine(b *testing.B) {
	for _, lt := range lineTypes {
		lines := recordedLines(b, lt.file, 8)
		values := make([]Line, len(lines))
		for i, line := range lines {
			values[i] = lt.empty()
			require.NoError(b, json.Unmarshal(line, values[i]))
		}
		var buf []byte
		var stdout bytes.Buffer
		enc := json.NewEncoder(&stdout)
		enc.SetEscapeHTML(false)
		var d decoder
		for _, way := range []struct {
			name string
			do   func(i int) error
		}{
			{"encode/codec", func(i int) (err error) { buf, err = AppendLine(buf[:0], values[i]); return err }},
			{"encode/encoding-json", func(i int) error { stdout.Reset(); return enc.Encode(values[i]) }},
			{"decode/codec", func(i int) error { _, err := lt.decode(&d, lines[i]); return err }},
			{"decode/encoding-json", func(i int) error { return json.Unmarshal(lines[i], lt.empty()) }},
		} {
			b.Run(reflect.TypeOf(values[0]).Elem().Name()+"/"+way.name, func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i = (i + 1) % len(lines) {
					if err := way.do(i); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
