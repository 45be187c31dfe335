package hypotheses

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// probe gives a cell a probe whose reads take so many microseconds: one without fio and before the load, another beside
// it.
func probe(none, heavy float64) func(r *recording, cell string) {
	return func(r *recording, cell string) {
		r.t.Helper()
		cellInfo(r, cell, func(info object) { info["probe"] = object{"bytes": 128 << 10, "per_s": 20} })
		cellLines(r, cell, "sysmon.jsonl", "", func(_ int, s object) {
			us := none
			if s["phase"] != record.PhaseBaseline && strings.Contains(cell, "fio=heavy") {
				us = heavy
			}
			s["probe"] = object{"n": 20, "mean_us": us, "p50_us": us, "p99_us": us}
		})
	}
}

// probed gives a recorded run that compares arms of fio a probe, if none ran when it was recorded.
func probed(r *recording) {
	r.t.Helper()
	for _, cell := range planned(r) {
		b, err := os.ReadFile(filepath.Join(r.dir, cellFile(cell, "cell.json")))
		require.NoError(r.t, err)
		if !strings.Contains(string(b), `"probe"`) {
			probe(70, 250)(r, cell)
		}
	}
}
