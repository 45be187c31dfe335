package hypotheses

import (
	"bytes"
	"encoding/json"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// moment is a place in the measure phase of a cell.
type moment struct {
	cell    record.Cell
	rep     int
	seconds float64 // since the start of the phase
	window  int     // of windowSeconds, from 0; what was before the phase is in the first
}

// windowSeconds is the length of a window in the recorded runs.
const windowSeconds = 5

// span is the measure phase of a cell.
type span struct {
	cell           record.Cell
	rep            int
	start, seconds float64 // start on the clock of the lines
	requests       int     // of all phases
}

// spans are the measure phases of a recording by cell.
func spans(r *recording) map[string]span {
	r.t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.dir, "cells", "*", "cell.json"))
	require.NoError(r.t, err)
	out := map[string]span{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		require.NoError(r.t, err)
		var v struct {
			Load struct {
				Start float64 `json:"measure_start"`
				End   float64 `json:"measure_end"`
			} `json:"load"`
		}
		require.NoError(r.t, json.Unmarshal(b, &v))
		cell := cellOf(r.t, path)
		requests, err := os.ReadFile(filepath.Join(filepath.Dir(path), "metrics.jsonl"))
		require.NoError(r.t, err)
		out[cell.String()] = span{cell: cell, rep: repOf(r.t, cell), start: v.Load.Start, seconds: v.Load.End - v.Load.Start,
			requests: bytes.Count(requests, []byte("\n"))}
	}
	return out
}

// repOf is the repetition of a cell.
func repOf(t *testing.T, cell record.Cell) int {
	t.Helper()
	rep, err := strconv.Atoi(cell.Level("rep"))
	require.NoError(t, err)
	return rep
}

// at is the moment at which something happened, seconds after the start of the phase.
func (p span) at(seconds float64) moment {
	return moment{cell: p.cell, rep: p.rep, seconds: seconds, window: max(0, int(math.Floor(seconds/windowSeconds)))}
}

// during is the moment in the middle of what a sample covers, and for how many seconds it does.
func (p span) during(sample object) (m moment, seconds float64) {
	seconds = sample["dt_ms"].(float64) / 1e3
	return p.at(sample["ts"].(float64) - p.start - seconds/2), seconds
}

// evenly moves all requests of a recording, those of the warm-up too, into the measure phase, at even distances:
// every window then has a first token. ttft is the latency of each, ms, at most a second; 0 leaves the request out.
func evenly(r *recording, ttft func(m moment) float64) {
	r.t.Helper()
	of := spans(r)
	i := map[string]int{}
	r.lines("metrics.jsonl", func(cell record.Cell, q object) bool {
		key := cell.String()
		p := of[key]
		m := p.at(1.13 + float64(i[key])*(p.seconds-2.3)/float64(p.requests-1))
		i[key]++
		ms := ttft(m)
		sent := p.start + m.seconds - ms/1e3
		q["phase"], q["intended_ts"], q["ts"], q["lat_ttft_ms"], q["lat_e2e_ms"] = record.PhaseMeasure, sent, sent, ms, ms+800
		return ms > 0
	})
}

// machine edits what each sample of the machine counted, with the moment and the seconds that it covers.
func machine(r *recording, edit func(m moment, seconds float64, s object)) {
	r.t.Helper()
	of := spans(r)
	r.samples(func(cell record.Cell, s object) {
		m, seconds := of[cell.String()].during(s)
		edit(m, seconds, s)
	})
}

// fetched is what a KV manager read from tier 2 in a window: bytes/s, and one fetch that took so many ms, most of
// it waiting for the loader; 0 ms for none.
type fetched struct{ bytesPerSecond, ms float64 }

// tierTwo replaces what the KV manager counted of tier 2. A fetch ends with the third sample of its window.
func tierTwo(r *recording, fetch func(m moment) fetched) {
	r.t.Helper()
	type sums struct {
		last                         float64
		bytes, count, wait, transfer float64
		window, samples              int
	}
	of, all := spans(r), map[string]*sums{}
	r.lines("dynkv.jsonl", func(cell record.Cell, line object) bool {
		p, ts := of[cell.String()], line["ts"].(float64)
		s := all[cell.String()]
		if s == nil {
			s = &sums{last: ts}
			all[cell.String()] = s
		}
		m := p.at((ts+s.last)/2 - p.start) // like the machine's sample of the same interval
		if m.window != s.window {
			s.window, s.samples = m.window, 0
		}
		f := fetch(m)
		if ts > p.start {
			s.bytes += f.bytesPerSecond * (ts - s.last)
			if s.samples++; s.samples == 3 && f.ms > 0 {
				transfer := min(f.ms, 1)
				s.count, s.wait, s.transfer = s.count+1, s.wait+f.ms-transfer, s.transfer+transfer
			}
		}
		s.last = ts
		tier := line["tier2"].(object)
		tier["bytes_out"], tier["fetch_count"], tier["fetch_queue_ms_sum"], tier["fetch_transfer_ms_sum"] = s.bytes, s.count, s.wait, s.transfer
		return true
	})
}

// pattern is a sequence of the numbers from 0 to 10, in a disorder that repeats every eleven windows.
func pattern(window int) float64 { return float64(window * 7 % 11) }

// sign alternates in an order (Thue and Morse's) that is unrelated to octet over every eight windows.
func sign(window int) float64 {
	if bits.OnesCount(uint(window%8))%2 == 1 {
		return -1
	}
	return 1
}

// octet is a sequence of the numbers from 0 to 7, in a disorder that repeats every eight windows.
func octet(window int) float64 { return float64(window * 5 % 8) }
