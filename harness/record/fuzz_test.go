package record

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is accepted can be written and is then read alike.
func FuzzPlan(f *testing.F) {
	f.Add([]byte(`{"schema":"sparkharness.plan.v3","run_id":"h2a-sim-default-s1-01234567","hypothesis":"H2A","rig":{"max_request_bytes":524288},
		"cells":[{"cell":"ctx=256/conc=8/rep=1","stage":1,"rep":1,"rate_rps":null,"load_seed":18446744073709551615}]}`))
	f.Add([]byte(`{"cells":[{"cell":"ctx=256/rep=1"},{"cell":"ctx=256/rep=1"}]}`))
	f.Add([]byte(`{"schema":"sparkharness.plan.v2","cells":[{"cell":"ctx=../x"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePlan("plan.json", b)
		if err != nil {
			return
		}
		text, err := p.encode()
		require.NoError(t, err)
		again, err := ParsePlan("plan.json", text)
		if p.Schema == "" {
			return // a plan of the first release gets the facts of that
		}
		require.NoError(t, err)
		assert.Equal(t, p.Cells, again.Cells)
		assert.Equal(t, p.Program, again.Program)
	})
}

func FuzzCellInfo(f *testing.F) {
	f.Add([]byte(`{"run_id":"r","cell":"ctx=1/rep=1","start":946684800,"load":{"measure_start":946684810,"measure_end":946684870,
		"counts":{"measure":{"ok":3}},"itl_gaps":{"count":2,"max_ns":5,"buckets":[[5,2]]}},"coverage":{"slots":5,"sources":[{"name":"proc","samples":5}]},
		"files":[{"name":"metrics.jsonl","lines":3,"bytes":900,"sha256":"00"}]}`))
	f.Add([]byte(`{"start":-1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCellInfo("cell.json", b)
		if err != nil {
			return
		}
		text, err := json.Marshal(c)
		require.NoError(t, err)
		again, err := parseCellInfo("cell.json", text)
		require.NoError(t, err)
		assert.Equal(t, c.Load.Counts, again.Load.Counts)
		assert.Equal(t, c.Files, again.Files)
	})
}

// A log that is accepted is accepted when it goes on.
func FuzzAttempts(f *testing.F) {
	first := `{"time":"2026-01-02T03:04:05Z","attempt":1,"event":"begin","prev":""}` + "\n"
	second := `{"time":"2026-01-02T03:04:05Z","attempt":1,"event":"end","prev":"` + sumBytes([]byte(first)) + `"}` + "\n"
	f.Add([]byte(first + second))
	f.Add([]byte(first + second[:20]))
	f.Add([]byte(first + first))
	f.Add([]byte(first + second[:len(second)-1]))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAttempts("attempts.jsonl", b)
		if err != nil {
			return
		}
		next, err := json.Marshal(Attempt{Attempt: 9, Event: EventBegin, Prev: a.last, Torn: a.torn})
		require.NoError(t, err)
		if a.torn && b[len(b)-1] != '\n' {
			b = append(b, cutOff...)
		}
		more, err := parseAttempts("attempts.jsonl", append(append(b, next...), '\n'))
		require.NoError(t, err)
		assert.Len(t, more.lines, len(a.lines)+1)
	})
}

func FuzzGapHist(f *testing.F) {
	f.Add([]byte(`{"count":145,"max_ns":996679000,"buckets":[[245366784,71],[249561088,74]]}`))
	f.Add([]byte(`{"count":0,"max_ns":0,"buckets":[]}`))
	f.Add([]byte(`{"count":1,"max_ns":9223372036854775807,"buckets":[[9223372036854775807,1]]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h GapHist
		if json.Unmarshal(b, &h) != nil {
			return
		}
		text, err := json.Marshal(h)
		require.NoError(t, err)
		var again GapHist
		require.NoError(t, json.Unmarshal(text, &again))
		assert.Equal(t, h.Count(), again.Count())
		if gap, ok := h.Quantile(0.99); ok {
			assert.GreaterOrEqual(t, gap, 0*gap)
			assert.LessOrEqual(t, gap, h.Max())
		}
	})
}
