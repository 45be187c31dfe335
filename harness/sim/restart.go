package sim

import (
	"context"
	"fmt"
)

// Restart ends the server process and starts it again, which takes no time of the machine. It refuses
// while a request is in flight.
//
// All KV tiers are empty afterwards, the NVMe tier too: its file does not survive the process. Only the manager fs
// finds the files again that were whole. Counters, histograms, the hit window and the records of finished requests
// begin anew; transfers to and from the NVMe are dropped, LoRA slots emptied, and what they have moved stays in the
// drive's counters. The operating system goes on: its clock and its CPU, memory, pressure and disk counters know
// nothing of it.
func (m *Machine) Restart(ctx context.Context) error {
	var refused error
	if err := m.query(ctx, func() { refused = m.restart() }); err != nil {
		return err
	}
	return refused
}

// restart is for the engine's goroutine.
func (m *Machine) restart() error {
	e := m.engine
	if st, searched := e.stats, len(e.mover.lanes[laneSearch].queue); st.Running+st.Waiting+searched > 0 {
		return fmt.Errorf("the server cannot restart: %d requests are running and %d waiting; let them end first", st.Running, st.Waiting+searched)
	}
	kv, err := newKVManager(e.spec)
	if err != nil {
		return err
	}
	now := m.account()
	e.restartLoRA(now)
	e.mover.stop(now)
	m.server.restart(e.storage, now)
	kv.keepFiles(e.kv)
	e.kv = kv
	e.bufferTier()
	kv.breaks(e.mech.tierFaults())
	e.stats = EngineStats{KVMaxBlocks: kv.device.capacity}
	e.perf = nil
	e.heldUntilNS = 0
	kv.pinned(e.mech.PinnedLimit)
	e.pages()
	e.armBursts(now)
	e.loadAdapter(now) // a preload begins with the process
	m.started()
	m.latency.restart()
	return nil
}
