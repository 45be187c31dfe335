package price

import (
	"fmt"
	"math"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/fio"
	"sparkharness/harness/load"
	"sparkharness/harness/record"
)

// FioWatch is how long a drive is watched before and after fio is started, in all.
const FioWatch = 10 * time.Second

// Cell is the price of a cell of an experiment whose machine is made of the given parts, under a load. The time is that
// of baseline, treatments, warm-up, measure and drain; the bytes are those that fio, the KV tier and the operating
// system write. Adapters are read and never written.
func Cell(e *config.Experiment, parts *config.Twin, pc record.PlannedCell, spec load.Spec) (record.Price, error) {
	st := e.StackOf(pc)
	m, engineOf := parts.Models[st.Model], parts.Engines[st.Engine]
	if m == nil || engineOf == nil {
		return record.Price{}, fmt.Errorf("cell %s: nothing is known of model %s and engine %s together", pc.Key, st.Model, st.Engine)
	}
	figures, err := newModel(m, engineOf, st.Runtime.KVDtype)
	if err != nil {
		return record.Price{}, fmt.Errorf("cell %s: %w", pc.Key, err)
	}
	d := newDrive(parts.Drive, parts.Machine)
	jobs, err := fio.Parse(pc.Fio, []byte(e.Fio[pc.Fio]))
	if err != nil {
		return record.Price{}, fmt.Errorf("cell %s: %w", pc.Key, err)
	}
	beside := d.under(jobs)
	server := newEngine(st, figures, d, beside, float64(parts.Machine.Memory.Copy.Value), load.Nonce(e.Hypothesis.Load.Nonce))
	went, err := load.Rehearse(spec, server)
	if err != nil {
		return record.Price{}, fmt.Errorf("cell %s: %w", pc.Key, err)
	}
	seconds := went.Total().Seconds() + time.Duration(e.Hypothesis.Run.Baseline).Seconds()
	written := 0.0
	if pc.Fio != "" {
		seconds += FioWatch.Seconds()
		written += beside.writes * (went.Total() + FioWatch/2).Seconds()
	}
	if pc.Phase != "" && spec.Adapters != nil { // each is asked for one token
		seconds += float64(len(spec.Adapters.Names)) * figures.step(figures.prefill(0, spec.ContextTokens), 1, 0, 1, 0)
	}
	written += server.written()
	return record.Price{Seconds: seconds, WrittenBytes: written + d.backgroundWrites*seconds}, nil
}

// NoFio says that no arm of the cell's plan has fio: none has to take as long as another.
func NoFio(e *config.Experiment, pc record.PlannedCell) bool {
	jobs, err := fio.Parse(pc.Fio, []byte(e.Fio[pc.Fio]))
	return !e.Hypothesis.Sweep.Probed() && err == nil && len(jobs) == 0
}

// newEngine is the stack's engine, beside a load of the drive, in a memory that copies so many bytes a second.
func newEngine(st *config.Stack, m model, d drive, beside driveLoad, copies float64, nonce load.Nonce) *engine {
	e := &engine{model: m, slots: st.Runtime.MaxBatchSize, budget: st.Runtime.MaxNumTokens, nonce: nonce, step: math.Inf(1),
		pool: int(float64(st.KVPool()) / m.kvToken), loader: math.Inf(1), copied: copies}
	dyn := st.Dynamo
	if dyn == nil || st.Runtime.EnableBlockReuse == nil || !*st.Runtime.EnableBlockReuse {
		return e
	}
	t := dyn.Tiers
	e.tiers = &tiers{device: newTier(float64(t.Tier0.CapacityBytes)/m.kvToken, t.Tier0.EvictionPolicy), block: dyn.KVBlockSize,
		filter: dyn.OffloadMinFrequency > 1, disk: t.Tier2.CapacityBytes > 0, seen: map[int]int{}, stored: map[int]int{}}
	if t.Tier1.CapacityBytes > 0 {
		e.tiers.host = newTier(float64(t.Tier1.CapacityBytes)/m.kvToken, t.Tier1.EvictionPolicy)
	}
	e.loader = d.reading(float64(dyn.Loader.IOBytes), dyn.Loader.QueueDepth, time.Duration(dyn.Loader.SoftwareTimePerIO).Seconds(), beside)
	return e
}

// written is the KV that has been written to the NVMe, bytes.
func (e *engine) written() float64 {
	if e.tiers == nil {
		return 0
	}
	return float64(e.tiers.written) * e.model.kvToken
}
