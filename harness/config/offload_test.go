package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// offloadEdits make stack B one of a manager.
var offloadEdits = map[string][]string{
	OffloadKVBM:   {"  loader:\n", "  offload: {manager: kvbm}\n  loader:\n"},
	OffloadKVBMv2: {"  loader:\n", "  offload: {manager: kvbm_v2}\n  loader:\n"},
	OffloadFS: {
		"  loader:\n", "  offload: {manager: fs, blocks_per_chunk: 8, read_threads: 4, write_threads: 2}\n  loader:\n",
		"  kvbm_metrics: http://127.0.0.1:6880/metrics\n", "", "offload_min_frequency: 2", "offload_min_frequency: 1",
		"24GB, eviction_policy: FIFO", "24GB, eviction_policy: LRU", "512GiB, eviction_policy: LRU", "512GiB, eviction_policy: none",
	},
	OffloadDisk: {
		"  loader:\n", "  offload: {manager: disk, buffer_slots: 3}\n  loader:\n",
		"  kvbm_metrics: http://127.0.0.1:6880/metrics\n", "", "offload_min_frequency: 2", "offload_min_frequency: 1",
		"    tier1: {capacity_bytes: 24GB, eviction_policy: FIFO}\n", "",
	},
}

func edited(t *testing.T, edits ...string) string {
	t.Helper()
	text := stackB
	for i := 0; i < len(edits); i += 2 {
		text = edit(t, text, edits[i], edits[i+1])
	}
	return text
}

func TestOffloadHasWhatTheFileSays(t *testing.T) {
	want := map[string]Offload{
		OffloadKVBM: {Manager: "kvbm"}, OffloadKVBMv2: {Manager: "kvbm_v2"},
		OffloadFS:   {Manager: "fs", BlocksPerChunk: 8, ReadThreads: 4, WriteThreads: 2},
		OffloadDisk: {Manager: "disk", BufferSlots: 3},
	}
	for manager, edits := range offloadEdits {
		t.Run(manager, func(t *testing.T) {
			s, err := parseStack("b.yaml", []byte(edited(t, edits...)))
			require.NoError(t, err)
			assert.Equal(t, want[manager], *s.Dynamo.Offload)
			assert.Equal(t, strings.HasPrefix(manager, "kvbm"), s.KVBM())
			assert.Empty(t, s.Warnings())
			roundTrip(t, manager, s, parseStack)
		})
	}
}

// A stack that does not name a manager has KVBM, and its digest does not know that there is a choice.
func TestNoOffloadIsKVBM(t *testing.T) {
	s, err := parseStack("b.yaml", []byte(stackB))
	require.NoError(t, err)
	assert.True(t, s.KVBM())
	text, err := json.Marshal(s)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "Offload\"")
}

func TestOffloadFaults(t *testing.T) {
	for name, c := range map[string]struct {
		manager string
		edits   []string
		want    string
	}{
		"unknown":         {OffloadKVBM, []string{"manager: kvbm}", "manager: nvme}"}, `25: dynamo.offload.manager: must be kvbm, kvbm_v2, fs or disk, not "nvme"`},
		"threads of KVBM": {OffloadKVBM, []string{"manager: kvbm}", "manager: kvbm, read_threads: 4}"}, "25: dynamo.offload.read_threads: is of the manager fs, not of kvbm"},
		"slots of fs":     {OffloadFS, []string{"write_threads: 2", "buffer_slots: 2"}, "24: dynamo.offload.buffer_slots: is of the manager disk, not of fs"},
		"fewer than one":  {OffloadFS, []string{"write_threads: 2", "write_threads: -2"}, "24: dynamo.offload.write_threads: -2 is negative"},
		"too many":        {OffloadFS, []string{"write_threads: 2", "write_threads: 2000"}, "24: dynamo.offload.write_threads: is at most 1024, not 2000: no server has more threads for one drive"},
		"prefetch": {OffloadKVBMv2, []string{"prefetch_enable: false", "prefetch_enable: true", "prefetch_depth: 0", "prefetch_depth: 1"},
			"18: dynamo.prefetch_enable: must be false: the manager kvbm_v2 prefetches nothing"},
		"exclusive": {OffloadKVBMv2, []string{"  prefetch_depth: 0\n", "  prefetch_depth: 0\n  exclusive_tiers: true\n"},
			"20: dynamo.exclusive_tiers: must be false: the manager kvbm_v2 has no exclusive tiers"},
		"filter": {OffloadFS, []string{"offload_min_frequency: 1", "offload_min_frequency: 2"},
			"19: dynamo.offload_min_frequency: must be 1: the manager fs has no frequency filter"},
		"depth":  {OffloadDisk, []string{"queue_depth: 1", "queue_depth: 4"}, "25: dynamo.loader.queue_depth: must be 1: each thread of the manager disk has one read in flight"},
		"policy": {OffloadFS, []string{"24GB, eviction_policy: LRU", "24GB, eviction_policy: FIFO"}, "22: dynamo.tiers.tier1.eviction_policy: must be LRU: the manager fs evicts by nothing else"},
		"eviction of files": {OffloadFS, []string{"512GiB, eviction_policy: none", "512GiB, eviction_policy: LRU"},
			"23: dynamo.tiers.tier2.eviction_policy: must be none: the manager fs never evicts a file"},
		"none of KVBM": {OffloadKVBM, []string{"512GiB, eviction_policy: LRU", "512GiB, eviction_policy: none"},
			`24: dynamo.tiers.tier2.eviction_policy: must be LRU, FIFO, LFU or SEGMENTED, not "none"`},
		"host of disk": {OffloadDisk, []string{"    tier2:", "    tier1: {capacity_bytes: 1GiB, eviction_policy: LRU}\n    tier2:"},
			"22: dynamo.tiers.tier1: the manager disk has no host tier: leave tier1 out"},
		"no host": {OffloadKVBM, []string{"    tier1: {capacity_bytes: 24GB, eviction_policy: FIFO}\n", ""}, "21: dynamo.tiers.tier1: required field is missing"},
		"page of KVBM": {OffloadDisk, []string{"  engine_metrics:", "  kvbm_metrics: http://127.0.0.1:6880/metrics\n  engine_metrics:"},
			"7: endpoint.kvbm_metrics: does not belong to the manager disk, which counts on the worker's page (engine_metrics)"},
		"no page of KVBM": {OffloadKVBMv2, []string{"  kvbm_metrics: http://127.0.0.1:6880/metrics\n", ""}, "4: endpoint.kvbm_metrics: required field of Stack B is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseStack("b.yaml", []byte(edited(t, append(offloadEdits[c.manager], c.edits...)...)))
			require.EqualError(t, err, "b.yaml:"+c.want)
		})
	}
}
