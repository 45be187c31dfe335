package gate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// provedEvidence is good evidence of cells whose counters were seen to move.
func provedEvidence() *evidence.Evidence {
	ev := goodEvidence()
	for _, c := range ev.Cells {
		c.Info.Device = &record.Device{Name: "nvme0n1", Counted: ptr(true)}
		c.Info.Counters = &record.CountersProof{AskedReadBytes: 1 << 20, AskedWriteBytes: 1 << 20, ReadBytes: ptr(1064960.0), WriteBytes: ptr(1048576.0)}
	}
	return ev
}

func TestCountersProved(t *testing.T) {
	const alive = "no counter went backwards; the device's were read at both ends of every cell"
	good := func(ev *evidence.Evidence) string {
		g := gate.Counters(ev, gate.Claim{})
		assert.True(t, g.Passed, g.Detail)
		return g.Detail
	}
	assert.Equal(t, alive+"; a read and a write before the load showed in the device's counters in 3 of 3 cells", good(provedEvidence()))
	assert.Equal(t, alive, good(goodEvidence()), "cells of earlier versions are judged as they were measured")
	ev := provedEvidence()
	ev.Cells[1].Info.Device.Counted = nil
	good(ev)                      // what the kernel does not say the proof does
	ev.Cells[1].Info.Device = nil // nor does a rig have to know the device
	ev.Cells[2].Info.Device.Paths = []string{"nvme0c0n1"}
	good(ev) // a head that counts
	ev.Cells[2].Info.Device.Name, ev.Cells[2].Info.Device.Head = "nvme0c0n1", "nvme0n1"
	good(ev) // the only path has all of it
	ev.Cells[2].Info.Server = &record.ServerSeen{Pages: []record.PageSeen{{Name: "engine", First: ptr(1.0), Last: ptr(9.0)}}}
	good(ev) // a page of gauges may stand still
	ev.Cells[2].Info.Server.Pages[0].Counts, ev.Cells[2].Info.Server.Pages[0].Changed = true, ptr(8.0)
	good(ev) // and one that counts must not
}

// A counter that cannot move is not quiet, and neither is one of which nobody knows.
func TestCountersNotProved(t *testing.T) {
	for name, tc := range map[string]struct {
		break_  func(c *evidence.Cell)
		code    string
		outcome gate.Outcome
		says    string
	}{
		"reads still": {func(c *evidence.Cell) { c.Info.Counters.ReadBytes = ptr(0.0) }, "counters_still", gate.Invalid,
			"rep=2: 1048576 B were read and 1048576 B written, and the counters of nvme0n1 moved by 0 B and 1048576 B: see that telemetry.device is the device"},
		"writes still": {func(c *evidence.Cell) { c.Info.Counters.WriteBytes = ptr(16384.0) }, "counters_still", gate.Invalid, "moved by 1064960 B and 16384 B"},
		"still, and the device unknown": {func(c *evidence.Cell) { c.Info.Counters.ReadBytes, c.Info.Device = ptr(0.0), nil }, "counters_still", gate.Invalid,
			"the counters of the block device moved by"},
		"a head that does not count": {func(c *evidence.Cell) {
			c.Info.Counters.ReadBytes, c.Info.Counters.WriteBytes, c.Info.Device.Paths = ptr(0.0), ptr(0.0), []string{"nvme0c0n1", "nvme0c1n1"}
		}, "counters_still", gate.Invalid, "it is the head of the paths nvme0c0n1, nvme0c1n1, which have its I/O before Linux 6.4: set telemetry.device to the path in use"},
		"one of two paths": {func(c *evidence.Cell) {
			c.Info.Device = &record.Device{Name: "nvme0c0n1", Head: "nvme0n1", Paths: []string{"nvme0c0n1", "nvme0c1n1"}, Counted: ptr(true)}
		}, "one_path", gate.Invalid, "nvme0c0n1 is one of the paths nvme0c0n1, nvme0c1n1, and the others' I/O is not in its counters: set telemetry.device to nvme0n1"},
		"an old page": {func(c *evidence.Cell) {
			c.Requests = []evidence.Request{{RC: record.RCOK}, {RC: record.RCTimeout}}
			c.Info.Server = &record.ServerSeen{Pages: []record.PageSeen{{Name: "engine", URL: "http://127.0.0.1:1/metrics", Counts: true, First: ptr(1.0), Last: ptr(9.0)}}}
		}, "old_page", gate.Invalid, "1 requests were answered, and no figure of the page http://127.0.0.1:1/metrics changed, its counters neither: it is an old page"},
		"not counted": {func(c *evidence.Cell) { c.Info.Device.Counted = ptr(false) }, "iostats_off", gate.Invalid,
			"rep=2: the kernel counts no I/O of nvme0n1: echo 1 > /sys/block/nvme0n1/queue/iostats"},
		"not counted, by an earlier version's cell": {func(c *evidence.Cell) { c.Info.Device.Counted, c.Info.Counters = ptr(false), nil }, "iostats_off", gate.Invalid, "iostats"},
		"a rig that cannot": {func(c *evidence.Cell) { c.Info.Counters = &record.CountersProof{Lacking: "rig disk cannot"} }, "not_proved", gate.Inconclusive,
			"rep=2: whether the counters of nvme0n1 can move is not known: rig disk cannot"},
		"unknown": {func(c *evidence.Cell) { c.Info.Counters.WriteBytes = nil }, "not_proved", gate.Inconclusive, "they could not be read at both ends of it"},
	} {
		t.Run(name, func(t *testing.T) {
			ev := provedEvidence()
			tc.break_(ev.Cells[1])
			g := gate.Counters(ev, gate.Claim{})
			assert.False(t, g.Passed)
			assert.Equal(t, []any{tc.code, tc.outcome}, []any{g.Code, g.OnFailure})
			assert.Contains(t, g.Detail, tc.says)
		})
	}
}
