package record

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is not plain, or not of the layout, a codec leaves to encoding/json, which reads it.
func TestLinesThatAreNotPlain(t *testing.T) {
	for name, text := range map[string]string{"a quote": `say "a"`, "a backslash": `a\b`, "a newline": "a\nb", "not ASCII": "ä"} {
		var e encoder
		(&Request{Error: &text}).line(&e)
		assert.True(t, e.odd, name)
	}
	const rest = `"cpu":null,"mem":null,"gpu":null,"nvme":null,"psi":null,"engine":null`
	for name, tt := range map[string]struct {
		line string
		want *SysSample // nil for an error
	}{
		"empty":             {``, nil},
		"an empty number":   {`{"ts":,"dt_ms":1,"phase":"",` + rest + `}`, nil},
		"a number for text": {`{"ts":1,"dt_ms":1,"phase":2,` + rest + `}`, nil},
		"text behind it":    {`{"ts":1,"dt_ms":1,"phase":"",` + rest + `} x`, nil},
		"cut":               {`{"ts":1,"dt_ms":1,"phase":"",` + rest, nil},
		"an escape":         {`{"ts":1,"dt_ms":2,"phase":"a\n",` + rest + `}`, &SysSample{TS: 1, DtMS: 2, Phase: "a\n"}},
		"a blank":           {`{"ts": 1,"dt_ms":2,"phase":"",` + rest + `}`, &SysSample{TS: 1, DtMS: 2}},
		"a blank behind it": {`{"ts":1,"dt_ms":2,"phase":"",` + rest + `} `, &SysSample{TS: 1, DtMS: 2}},
		"another order":     {`{"dt_ms":2,"ts":1,"phase":"",` + rest + `}`, &SysSample{TS: 1, DtMS: 2}},
		"a field less":      {`{"ts":1,"phase":"",` + rest + `}`, &SysSample{TS: 1}},
		"a field more":      {`{"ts":1,"dt_ms":2,"phase":"","new":3,` + rest + `}`, &SysSample{TS: 1, DtMS: 2}},
	} {
		var d decoder
		assert.False(t, d.decode([]byte(tt.line), new(SysSample)), name)
		got, err := decodeLine[SysSample](&d, []byte(tt.line))
		if tt.want == nil {
			assert.Error(t, err, name)
			assert.Nil(t, got, name)
			continue
		}
		assert.NoError(t, err, name)
		assert.Equal(t, tt.want, got, name)
	}
}

// The decoder reads a line as encoding/json does, and refuses what that refuses.
func FuzzDecode(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i, lt := range lineTypes {
		for _, p := range []float64{0, 0.5, 1} {
			v := lt.empty()
			fill(rng, reflect.ValueOf(v).Elem(), p, oddTexts)
			f.Add(i, []byte(marshal(f, v)))
			f.Add(i, recordedLines(f, lt.file, 1)[0])
		}
	}
	var d decoder
	f.Fuzz(func(t *testing.T, i int, line []byte) {
		lt := lineTypes[uint(i)%uint(len(lineTypes))]
		want := lt.empty()
		wantErr := json.Unmarshal(line, want)
		got, err := lt.decode(&d, line)
		require.Equal(t, wantErr == nil, err == nil, "%v, %v", wantErr, err)
		if err == nil {
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
