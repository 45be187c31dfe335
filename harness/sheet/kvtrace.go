package sheet

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// kvTraceHead are the columns of the I/O traces of MLPerf Storage's KV cache benchmark: mlcommons/storage,
// kv_cache_benchmark/kv_cache/tracer.py and kv_cache_benchmark/docs/io_trace_log_usage.md (--io-trace-log), commit dfe7b1f.
var kvTraceHead = []string{"Timestamp", "Operation", "Object_Size_Bytes", "Tier", "Key", "Phase"}

// kvMoves are the counters of a KV manager as operations of that trace. Its phases are Prefill (a first write), Decode (a read
// of what is cached) and Evict (into a lower tier).
var kvMoves = []struct{ counter, operation, tier, phase string }{
	{"tier1.bytes_in", "Write", "Tier-1", "Prefill"},
	{"tier1.bytes_out", "Read", "Tier-1", "Decode"},
	{"tier2.bytes_in", "Write", "Tier-2", "Evict"},
	{"tier2.bytes_out", "Read", "Tier-2", "Decode"},
}

// kvOperation is a line of the trace.
type kvOperation struct {
	at    float64 // s
	move  int     // of kvMoves
	bytes float64
}

// KVTrace writes what a cell's KV manager moved, from the first sample to the last, as a trace with the columns of MLPerf
// Storage's KV cache benchmark: a line for each KV block, which is the object that is stored. cell is the key of a cell, "" for
// the one that moved most through tier 2; the key that was taken comes back. Without tier-2 traffic the error is an ErrNoTier2.
//
// The run counts blocks and knows no names of them, so Key is empty; times inside a sampling interval are spread evenly. Device
// memory (Tier-0) is not counted in bytes and has no line.
func (r *Run) KVTrace(w io.Writer, dir, cell string) (taken string, err error) {
	c, err := r.traced(cell)
	if err != nil {
		return "", err
	}
	var all []kvOperation
	var prev *record.KVSample
	err = record.ReadComplete(filepath.Join(record.CellPath(dir, c.Cell), record.FileDynKV), func(s *record.KVSample) error {
		if s.Failed != nil {
			return nil
		}
		if prev != nil {
			all = append(all, operations(prev, s)...)
		}
		prev = s
		return nil
	})
	if err != nil {
		return "", err
	}
	out := csv.NewWriter(w)
	_ = out.Write(kvTraceHead) // the first error is kept
	for _, o := range all {
		m := kvMoves[o.move]
		_ = out.Write([]string{strconv.FormatFloat(o.at, 'f', 6, 64), m.operation, strconv.FormatFloat(o.bytes, 'f', 0, 64), m.tier, "", m.phase})
	}
	out.Flush()
	return c.Key, out.Error()
}

// traced is the cell of that key, or without a key the one that moved most through tier 2.
func (r *Run) traced(key string) (*evidence.Cell, error) {
	var best *evidence.Cell
	most := 0.0
	for _, c := range r.Evidence.Cells {
		if key != "" && c.Key != key {
			continue
		}
		moved := 0.0
		if c.KV != nil {
			moved = record.OrZero(c.KV.Tier2Written) + record.OrZero(c.KV.Tier2BytesOut)
		}
		if key != "" && moved == 0 {
			return nil, fmt.Errorf("cell %s: %w by the account of its KV manager: take another cell", key, ErrNoTier2)
		}
		if moved > most {
			best, most = c, moved
		}
	}
	switch {
	case best != nil:
		return best, nil
	case key != "":
		return nil, fmt.Errorf("run %s has no complete cell %.120q: name one as its folder is named, with / for the commas", r.Evidence.Plan.RunID, key)
	}
	return nil, fmt.Errorf("run %s: %w in any cell, by the account of a KV manager: take one of a stack with a tier 2, such as H2B or H4B",
		r.Evidence.Plan.RunID, ErrNoTier2)
}

// operations are those between two samples, in the order of their times.
func operations(prev, now *record.KVSample) (all []kvOperation) {
	for i, m := range kvMoves {
		moved := grown(prev, now, m.counter)
		if moved == nil || *moved == 0 {
			continue
		}
		block := *moved
		if b := now.BlockSizeBytes; b != nil && *b > 0 && *b < *moved {
			block = *b
		}
		n := math.Ceil(*moved / block)
		for k := 0.0; k < n; k++ {
			all = append(all, kvOperation{at: prev.TS + (now.TS-prev.TS)*(k+1)/(n+1), move: i, bytes: min(block, *moved-k*block)})
		}
	}
	slices.SortStableFunc(all, func(a, b kvOperation) int { return cmp.Compare(a.at, b.at) })
	return all
}
