package gate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// What was read of a server that somebody else has started, and of which process, stands where a reader looks.
func TestTreatmentTellsThePages(t *testing.T) {
	seen := func(build string, began *float64, changed *float64) *record.ServerSeen {
		return &record.ServerSeen{URL: "http://127.0.0.1:8000", Kind: "vllm", Build: build, Pages: []record.PageSeen{{Name: "engine", URL: "http://127.0.0.1:8000/metrics",
			Names: map[string]string{"running": "vllm:num_requests_running", "waiting": "vllm:num_requests_waiting"}, Missing: []string{"kv_usage"},
			Began: began, First: ptr(1000.0), Last: ptr(1300.0), Changed: changed}}}
	}
	for name, tc := range map[string]struct {
		of   [3]*record.ServerSeen
		want string
	}{
		"one process": {[3]*record.ServerSeen{seen("0.31.0", ptr(100.0), ptr(1300.0)), seen("0.31.0", ptr(100.0), ptr(1300.0)), seen("0.31.0", ptr(100.0), ptr(1300.0))},
			"; A: vllm 0.31.0 at http://127.0.0.1:8000, page engine (http://127.0.0.1:8000/metrics) with 2 of 3 figures (not kv_usage) of a process that began 900 s before the first cell"},
		"another one": {[3]*record.ServerSeen{seen("0.31.0", ptr(100.0), ptr(1300.0)), seen("0.31.0", ptr(1100.0), ptr(1300.0)), seen("0.31.0", ptr(1100.0), ptr(1300.0))},
			" of 2 processes, one after another: the server was started anew between cells"},
		"an old page": {[3]*record.ServerSeen{seen("", nil, nil), seen("", nil, ptr(1300.0)), seen("", nil, nil)},
			"vllm of a build that it does not tell at http://127.0.0.1:8000, page engine (http://127.0.0.1:8000/metrics) with 2 of 3 figures (not kv_usage) " +
				"of a process that does not tell when it began; its figures never changed in 2 of 3 cells"},
		"cells of an earlier version": {[3]*record.ServerSeen{}, "model m in all 3 cells"},
	} {
		t.Run(name, func(t *testing.T) {
			ev := goodEvidence()
			for i, c := range ev.Cells {
				c.Info.Settings, c.Info.Server, c.Info.Start = record.Settings{Unasked: true, Model: "m"}, tc.of[i], 1000
			}
			g := gate.Treatment(ev, gate.Claim{})
			assert.True(t, g.Passed)
			assert.Contains(t, g.Detail, tc.want)
		})
	}
}
