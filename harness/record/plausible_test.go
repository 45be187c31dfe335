package record

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLinesThatNobodyMeasures(t *testing.T) {
	request := func(edit func(r *Request)) Line {
		r := &Request{Phase: PhaseMeasure, RC: RCOK, TS: 1.7e9, IntendedTS: 1.7e9, TTFTms: new(100.0), PromptTokens: new(256)}
		edit(r)
		return r
	}
	sample := func(edit func(s *SysSample)) Line {
		s := &SysSample{Phase: PhaseDrain, TS: 1.7e9, DtMS: 200, NVMe: &NVMe{ReadBytes: 1e12, WeightedMS: 5e9}}
		edit(s)
		return s
	}
	for _, tc := range []struct {
		line Line
		says string // "" for a line that can be
	}{
		{request(func(*Request) {}), ""},
		{request(func(r *Request) { r.Phase = PhaseDrain }), `phase is "drain": there are warmup, measure`},
		{request(func(r *Request) { r.Phase = "" }), `phase is ""`},
		{request(func(r *Request) { r.RC = "fine" }), `rc is "fine"`},
		{request(func(r *Request) { r.RC = RCUnanswered }), ""},
		{request(func(r *Request) { r.ChunkGapMaxMS = new(3e9) }), "chunk_gap_max_ms is 3e+09: longer than a month"},
		{request(func(r *Request) { r.TTFTms = new(-5.0) }), "lat_ttft_ms is -5: it cannot be negative"},
		{request(func(r *Request) { r.TTFTms = new(30 * 24 * 3600e3) }), ""},
		{request(func(r *Request) { r.TTFTms = new(30*24*3600e3 + 1) }), "lat_ttft_ms is 2.592000001e+09: longer than a month"},
		{request(func(r *Request) { r.E2Ems = new(1e308) }), "lat_e2e_ms is 1e+308: longer than a month"},
		{request(func(r *Request) { r.E2Ems = new(math.NaN()) }), "lat_e2e_ms is NaN"},
		{request(func(r *Request) { r.TS = math.Inf(1) }), "ts is +Inf"},
		{request(func(r *Request) { r.SendLagMS = -1 }), ""},
		{request(func(r *Request) { r.SendLagMS = -1.01 }), "send_lag_ms is -1.01: it cannot be negative"},
		{request(func(r *Request) { r.ServerWaitMS = new(-0.002) }), ""},
		{request(func(r *Request) { r.PromptTokens = new(1_000_000_000) }), ""},
		{request(func(r *Request) { r.PromptTokens = new(1_000_000_001) }), "prompt_tokens is 1000000001: no such count"},
		{request(func(r *Request) { r.OutputTokens = new(math.MaxInt64) }), "output_tokens is 9223372036854775807"},
		{request(func(r *Request) { r.Seq = -1 }), "seq is -1"},
		{request(func(r *Request) { r.Session = new(5_000_000_000) }), ""},
		{sample(func(*SysSample) {}), ""},
		{sample(func(s *SysSample) { s.Phase = "rest" }), `phase is "rest": there are prepare, treat, baseline`},
		{sample(func(s *SysSample) { s.NVMe.Reads = -1 }), "reads is -1"},
		{sample(func(s *SysSample) { s.NVMe.ReadBytes = 1.1e18 }), "read_bytes is 1.1e+18: no such number"},
		{sample(func(s *SysSample) { s.Mem = &Mem{Available: new(-1.0)} }), "MemAvailable is -1"},
		{&KVSample{Phase: PhaseTreat, Tier2: KVTier{FetchP95ms: new(3e9)}}, "fetch_p95_ms is 3e+09"},
		{&KVSample{Phase: PhaseTreat, Tier2: KVTier{FetchTransferMS: new(3e9)}}, ""},
		{&PerfLine{WaitMS: new(-2.0)}, "wait_ms is -2"},
		{&PerfLine{WaitMS: new(0.0), PrefillMS: nil}, ""},
	} {
		err := checkLine(tc.line)
		if tc.says == "" {
			assert.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tc.says)
	}
}
