package record

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
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

// lineTypes are those that have a layout.
var lineTypes = []func() any{
	func() any { return new(Request) }, func() any { return new(SysSample) }, func() any { return new(KVSample) },
}

// Lines are byte for byte those of encoding/json, and read back the same. Every field is filled in some of
// them, so that one that a layout does not know fails here.
func TestLinesAreThoseOfEncodingJSON(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var d decoder
	for _, make := range lineTypes {
		for i := range 3000 {
			v := make()
			fill(rng, reflect.ValueOf(v).Elem(), []float64{0, 0.5, 1}[i%3])
			want := marshal(t, v)
			got, ok := appendLine(nil, v)
			require.True(t, ok, want)
			require.Equal(t, want, string(got))

			back := make()
			require.True(t, d.decode(bytes.TrimSuffix(got, []byte("\n")), back), want)
			require.Equal(t, v, back)
		}
	}
}

// fill sets everything in v; what may be nil or empty with the given probability.
func fill(rng *rand.Rand, v reflect.Value, p float64) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(rng, v.Field(i), p)
		}
	case reflect.Pointer:
		if rng.Float64() < p {
			v.Set(reflect.New(v.Type().Elem()))
			fill(rng, v.Elem(), p)
		}
	case reflect.Slice:
		for rng.Float64() < p/2 {
			e := reflect.New(v.Type().Elem()).Elem()
			fill(rng, e, p)
			v.Set(reflect.Append(v, e))
		}
	case reflect.Float64:
		v.SetFloat(someNumber(rng))
	case reflect.Int:
		v.SetInt(rng.Int64N(1e6) - 1e3)
	case reflect.Bool:
		v.SetBool(rng.Float64() < p)
	case reflect.String:
		v.SetString([]string{"", "measure", "a<b>&c", "tier1.bytes_in"}[rng.IntN(4)])
	default:
		panic("no such field here yet: " + v.Type().String())
	}
}

func someNumber(rng *rand.Rand) float64 {
	switch rng.IntN(6) {
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
	}
	return rng.NormFloat64() * 1e3
}

// What is not plain goes through encoding/json.
func TestLinesThatAreNotPlain(t *testing.T) {
	for name, v := range map[string]any{
		"no layout":   map[string]int{"a": 1},
		"a quote":     &Request{Error: new(`say "a"`)},
		"a backslash": &Request{Error: new(`a\b`)},
		"a newline":   &Request{Error: new("a\nb")},
		"not ASCII":   &Request{Error: new("ä")},
		"infinite":    &SysSample{TS: math.Inf(1)},
		"no number":   &KVSample{Evictions: new(math.NaN())},
	} {
		_, ok := appendLine(nil, v)
		assert.False(t, ok, name)
	}
	var d decoder
	for name, line := range map[string]string{
		"empty":           ``,
		"an empty number": `{"ts":,"dt_ms":1,"phase":"","cpu":null,"mem":null,"gpu":null,"nvme":null,"psi":null,"engine":null}`,
		"an escape":       `{"ts":1,"dt_ms":1,"phase":"a\n","cpu":null,"mem":null,"gpu":null,"nvme":null,"psi":null,"engine":null}`,
		"a blank":         `{"ts": 1,"dt_ms":1,"phase":"","cpu":null,"mem":null,"gpu":null,"nvme":null,"psi":null,"engine":null}`,
		"another order":   `{"dt_ms":1,"ts":1,"phase":"","cpu":null,"mem":null,"gpu":null,"nvme":null,"psi":null,"engine":null}`,
		"more behind it":  `{"ts":1,"dt_ms":1,"phase":"","cpu":null,"mem":null,"gpu":null,"nvme":null,"psi":null,"engine":null} `,
	} {
		assert.False(t, d.decode([]byte(line), new(SysSample)), name)
	}
}

// A line that the decoder takes is one that encoding/json reads alike.
func FuzzDecode(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i, make := range lineTypes {
		for _, p := range []float64{0, 0.5, 1} {
			v := make()
			fill(rng, reflect.ValueOf(v).Elem(), p)
			f.Add(i, []byte(marshal(f, v)))
		}
	}
	var d decoder
	f.Fuzz(func(t *testing.T, i int, line []byte) {
		got, want := lineTypes[uint(i)%3](), lineTypes[uint(i)%3]()
		if d.decode(line, got) {
			require.NoError(t, json.Unmarshal(line, want))
			require.Equal(t, want, got)
		}
	})
}

func FuzzAppendNumber(f *testing.F) {
	for _, v := range []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 123.4567, 1e-6, 9.999e-7, 1e15, 1e21, 946684800.2000005, -0.25, 999999999999.999, 5e-324, math.MaxFloat64} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v float64) {
		// A number of few decimals beside the one given, which has many.
		for _, v := range []float64{v, math.Round(v), math.Round(v*1e4) / 1e4, math.Round(v*1e6) / 1e6, math.Nextafter(math.Round(v*1e4)/1e4, 0)} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				continue
			}
			want, err := json.Marshal(v)
			require.NoError(t, err)
			require.Equal(t, string(want), string(appendNumber(nil, v)))
			back, ok := parseNumber(want)
			require.True(t, ok)
			require.Equal(t, math.Float64bits(v), math.Float64bits(back))
		}
	})
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"0", "-0", "-", "1.", ".5", "01", "1e5", "1E+05", "0x1", "1_0", "Inf", "123456789012345", "1234567890123456", "0.00000000000000001", "1e999"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := parseNumber(b)
		if !ok {
			return
		}
		require.True(t, json.Valid(b), "%q", b)
		want, err := strconv.ParseFloat(string(b), 64)
		require.NoError(t, err)
		require.Equal(t, math.Float64bits(want), math.Float64bits(got), "%q", b)
	})
}

func BenchmarkLine(b *testing.B) {
	var s SysSample
	fill(rand.New(rand.NewPCG(5, 6)), reflect.ValueOf(&s).Elem(), 1)
	line, _ := appendLine(nil, &s)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			line, _ = appendLine(line[:0], &s)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		var d decoder
		for b.Loop() {
			if !d.decode(line[:len(line)-1], new(SysSample)) {
				b.Fatal("odd")
			}
		}
	})
}
