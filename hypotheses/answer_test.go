package hypotheses

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// answer is a request of the measure phase that a test makes up.
type answer struct {
	at        float64 // s after the start of the measure phase
	ttft, e2e float64 // ms; without an e2e it is four times the TTFT
	adapter   string  // "" for the base model
	first     bool    // the first touch of its adapter: evidence that reads lines finds that by itself
	wait      float64 // ms before admission, as the server tells it; 0 leaves it untold
	timeout   bool    // after so long a time the client gave up
}

// measured is the length of the measure phase of recorded cells, s; some last longer.
const measured = 60

// answers replaces the requests of the measure phase of every cell. Prompts are as long as the cell says; all else
// of a request is as in the first recorded one.
func (r *recording) answers(of func(cell record.Cell) []answer) *recording {
	r.t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.dir, "cells", "*", "metrics.jsonl"))
	require.NoError(r.t, err)
	require.NotEmpty(r.t, paths)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		require.NoError(r.t, err)
		var out strings.Builder
		var like object
		for line := range strings.Lines(string(b)) {
			if !strings.Contains(line, `"phase":"`+record.PhaseMeasure+`"`) {
				out.WriteString(line)
				continue
			}
			if like == nil {
				require.NoError(r.t, json.Unmarshal([]byte(line), &like))
			}
		}
		require.NotNil(r.t, like, path)
		start := r.start(filepath.Dir(path))
		cell := cellOf(r.t, path)
		like["context_tokens"], like["prompt_tokens"] = cell.Int("ctx"), cell.Int("ctx")
		for i, a := range of(cell) {
			b, err := json.Marshal(a.request(like, i, start))
			require.NoError(r.t, err)
			out.Write(append(b, '\n'))
		}
		require.NoError(r.t, os.WriteFile(path, []byte(out.String()), 0o644))
	}
	return r
}

// answered gives evidence these answers in place of its requests, as if their lines had been read. It is much
// faster than to write them.
func answered(ev *evidence.Evidence, of func(cell record.Cell) []answer) {
	for _, c := range ev.Cells {
		c.Requests = nil
		for _, a := range of(c.Cell) {
			c.Requests = append(c.Requests, a.data())
		}
	}
}

// data is the answer as evidence has it.
func (a answer) data() evidence.Request {
	r := evidence.Request{At: a.at, TTFT: a.ttft, HasTTFT: true, E2E: cmp.Or(a.e2e, 4*a.ttft), HasE2E: true, RC: record.RCOK,
		Adapter: a.adapter, FirstTouch: a.first}
	if a.wait > 0 {
		r.WaitMS = &a.wait
	}
	if a.timeout {
		r.RC, r.Censored, r.E2E = record.RCTimeout, true, a.ttft
	}
	return r
}

// request is the answer's line, the i-th of a cell whose measure phase begins at start.
func (a answer) request(like object, i int, start float64) object {
	q := object{}
	for k, v := range like {
		q[k] = v
	}
	q["seq"] = 1000 + i // no line of the server's own timing has it
	q["ts"], q["intended_ts"], q["lat_ttft_ms"], q["lat_e2e_ms"] = start+a.at, start+a.at, a.ttft, cmp.Or(a.e2e, 4*a.ttft)
	if a.wait > 0 {
		q["server_wait_ms"] = a.wait
	}
	q["rc"], q["censored"] = record.RCOK, false
	if a.timeout {
		q["rc"], q["censored"], q["lat_ttft_ms"], q["lat_e2e_ms"] = record.RCTimeout, true, nil, a.ttft
	}
	q["adapter"] = nil
	if a.adapter != "" {
		q["adapter"] = a.adapter
	}
	return q
}

// start is when the measure phase of a cell began, s.
func (r *recording) start(folder string) float64 {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(folder, "cell.json"))
	require.NoError(r.t, err)
	var info struct {
		Load struct {
			MeasureStart float64 `json:"measure_start"`
		} `json:"load"`
	}
	require.NoError(r.t, json.Unmarshal(b, &info))
	return info.Load.MeasureStart
}

// even are n answers evenly over the measure phase whose TTFT spread evenly from 1 to 2 s, the same in every cell:
// a percentile of theirs times a factor is that factor times the percentile, in every draw of a bootstrap that
// pairs cells, so that an interval of their ratio is a point.
func even(n int, factor float64) []answer {
	out := make([]answer, n)
	for i := range out {
		// A stride that has no divisor in common with n puts them in no order in time.
		out[i] = answer{at: measured * (float64(i) + 0.5) / float64(n), ttft: factor * 1000 * (1 + float64(i*37%n)/float64(n))}
	}
	return out
}
