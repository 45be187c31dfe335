package hypotheses

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// answer is a request of the measure phase that a test makes up.
type answer struct {
	at        float64 // s after the start of the measure phase
	ttft, e2e float64 // ms; without an e2e it is four times the TTFT
	adapter   string  // "" for the base model
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

// request is the answer's line, the i-th of a cell whose measure phase begins at start.
func (a answer) request(like object, i int, start float64) object {
	q := object{}
	for k, v := range like {
		q[k] = v
	}
	if a.e2e == 0 {
		a.e2e = 4 * a.ttft
	}
	q["seq"] = 1000 + i // no line of the server's own timing has it
	q["ts"], q["intended_ts"], q["lat_ttft_ms"], q["lat_e2e_ms"] = start+a.at, start+a.at, a.ttft, a.e2e
	if a.wait > 0 {
		q["server_wait_ms"] = a.wait
	}
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
