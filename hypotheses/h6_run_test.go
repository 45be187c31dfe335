package hypotheses

import (
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// sized is what the KV manager of a cell of H6 says: the log2 of the context at which the fetch p95 is half of TTFT
// p95, and the share of the lookups that tier 2 serves.
type sized func(cell record.Cell) (knee, share float64)

// h6Base is a recording of H6 with evenly sent requests that all take a second to their first token, and blocks so
// large that the prefixes of 2048 tokens overflow the host tier at which policies are compared. What KV managers say is not told yet.
func h6Base(t *testing.T) *recording {
	t.Helper()
	return copyOf(t, h6, func(r *recording) {
		evenly(r, func(moment) float64 { return 1000 })
		r.json("cells/*/cell.json", func(v object) {
			s := v["settings"].(object)
			s["kv_block_bytes"] = 4 * s["kv_block_bytes"].(float64)
		})
		r.gates("min_samples", 80)
	})
}

// tell makes the KV managers say so.
func (of sized) tell(r *recording) {
	context := func(cell record.Cell) float64 {
		v, err := strconv.ParseFloat(cell.Level("ctx"), 64)
		require.NoError(r.t, err)
		return v
	}
	tierTwo(r, func(m moment) fetched {
		knee, _ := of(m.cell)
		return fetched{1e6, 500 * (1 + math.Log2(context(m.cell)) - knee)}
	})
	all := spans(r)
	r.lines("dynkv.jsonl", func(cell record.Cell, line object) bool {
		p := all[cell.String()]
		_, share := of(cell)
		passed := min(max(0, line["ts"].(float64)-p.start)/p.seconds, 1)
		line["tier2"].(object)["hits"] = passed * share * float64(p.requests) * context(cell) / 32
		return true
	})
}

func TestOutcomes(t *testing.T) {
	roomy := func(cell record.Cell) bool { return cell.Level("tier1") == "8GiB" }
	lfu := func(cell record.Cell) bool { return cell.Level("policy") == "LFU" }
	// knees are where they are with 4 and 8 GiB; LFU spares some of the half of the lookups that FIFO has tier 2 serve.
	knees := func(small, large, scatter, spared float64) func(*recording) {
		return sized(func(cell record.Cell) (knee, share float64) {
			knee, share = small, 0.5
			if roomy(cell) {
				knee = large
			}
			if lfu(cell) {
				share -= spared
			}
			return knee + inRep(cell, -scatter, scatter), share
		}).tell
	}
	judge(t, h6Base(t), []edited{
		{"the knee moves, policies differ",
			knees(10.3, 10.8, 0, 0.1), nil, "from 4GiB to 8GiB of host tier, LRU, the knee moves from 1261 to 1783 tokens, by 0.50 [0.50, 0.50] doublings"},
		{"the knee stays", knees(10.5, 10.5, 0, 0.1), states{"knee_moves": verdict.Undecided, "monotone": verdict.Undecided}, ""},
		{"the knee goes back", knees(10.8, 10.3, 0, 0.1), states{"knee_moves": verdict.Contradicted, "monotone": verdict.Contradicted}, ""},
		{"repetitions scatter alike", knees(10.3, 10.8, 0.15, 0.1), nil, "by 0.50 [0.50, 0.50] doublings"},
		{"LFU sends more to NVMe", knees(10.3, 10.8, 0, -0.1), states{"policies_differ": verdict.Contradicted}, "at 1 places that overflow"},
	})
}
