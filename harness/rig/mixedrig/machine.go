package mixedrig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"sparkharness/harness/config"
	"sparkharness/harness/drive"
	"sparkharness/harness/health"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/telemetry"
)

// Where this machine's kernel tells of itself.
const (
	procRoot = "/proc"
	sysRoot  = "/sys"
)

// machine is a simulated machine whose drive is real, for one cell.
type machine struct {
	*simrig.Machine // nil before Begin
	rig             *Rig
	at              *place // where the cell's tier 2 lies, from Begin on
	stack           *config.Stack
	storage         *kept // nil: the stack stores nothing
	watched         []io.Closer
	around          record.Around // its state before the cell, and after it
	idleBefore      record.IdleReads
}

// Begin starts the simulated machine on the files, with empty tiers.
func (m *machine) Begin(ctx context.Context, pc record.PlannedCell) error {
	r := m.rig
	m.at = r.of(pc)
	m.around = record.Around{Before: health.Read(ctx, nil, m.devices()...)}
	tokenizer, err := r.tokenize()
	if err != nil {
		return err
	}
	o := r.options(m.stack)
	o.Seed, o.Tokenize, o.Network = pc.MachineSeed, tokenizer.IDs, newLoopback()
	if o.Dir, err = os.MkdirTemp(r.scratch.Dir(), "host-"); err != nil {
		return fmt.Errorf("scratch folder: %w", err)
	}
	if m.storage, err = r.stored(ctx, m.at, o); err != nil {
		return err
	}
	if m.storage != nil {
		o.Storage = m.storage.Storage
	}
	if m.idleBefore, err = r.idleBefore(ctx, m.at); err != nil {
		return err
	}
	m.Machine, err = simrig.OpenMachine(o)
	return err
}

func (m *machine) devices() (names []string) {
	for _, l := range m.at.drive.Leaves {
		names = append(names, l.Name)
	}
	return names
}

// health reads the state after a cell, once.
func (m *machine) health(ctx context.Context) *record.Around {
	if m.around.After.At == 0 {
		m.around.After = health.Read(ctx, &m.around.Before, m.devices()...)
	}
	return &m.around
}

// Sources are this machine's /proc and its block device, what the loader, fio and the probe moved, and the simulated GPU and
// servers.
func (m *machine) Sources() rig.Sources {
	s := m.Told()
	proc, err := telemetry.NewProc(procRoot)
	sys := []telemetry.SysSource{telemetry.OrFailed("proc", proc, err)}
	m.watched = append(m.watched, proc)
	block, err := m.at.drive.Source(m.at.proof)
	sys = append(sys, telemetry.OrFailed("block", block, err), &account{of: m.storage})
	m.watched = append(m.watched, block)
	s.Sys = append(append(sys, m.rig.treater().Sources()...), s.Sys...)
	s.Device = m.device()
	s.Storage = m.use
	s.Health = m.health
	s.Drives = m.countDrives()
	return s
}

// device is what the kernel says of the block device that is watched.
func (m *machine) device() *record.Device {
	names := m.at.proof.Counters
	if len(names) == 1 {
		return new(telemetry.Device(sysRoot, names[0]))
	}
	out := telemetry.Device(sysRoot, names[0])
	for _, name := range names[1:] {
		out.Name += "+" + name
	}
	out.Paths, out.Head, out.Number = nil, "", ""
	return &out
}

// ProveCounters reads and writes a little where the files are.
func (m *machine) ProveCounters(ctx context.Context) (record.CountersProof, error) {
	var proof drive.Proof
	var err error
	if m.storage != nil {
		proof, err = m.storage.Prove(ctx)
	} else {
		proof, err = m.at.drive.Prove(ctx, drive.SmallProof, m.rig.noise)
	}
	if ctx.Err() != nil {
		return proof.CountersProof, ctx.Err()
	}
	if err != nil { // telemetry that fails stops no cell
		return record.CountersProof{Lacking: err.Error()}, nil
	}
	return proof.CountersProof, nil
}

// Apply treats this machine with fio and the probe, and the simulated one with a restart. Page caches are emptied on both: the
// simulated host has its own.
func (m *machine) Apply(ctx context.Context, t rig.Treatment) (rig.Applied, error) {
	switch t.Kind {
	case rig.Restart:
		return m.Machine.Apply(ctx, t)
	case rig.DropCaches:
		if _, err := m.Machine.Apply(ctx, t); err != nil {
			return rig.Applied{}, err
		}
	}
	return m.rig.treater().Apply(ctx, t)
}

// Close stops the simulated machine. The files stay for the next one.
func (m *machine) Close() error {
	var errs []error
	if m.Machine != nil {
		errs = append(errs, m.Machine.Close())
	}
	for _, w := range m.watched {
		errs = append(errs, w.Close())
	}
	if m.storage != nil {
		errs = append(errs, m.at.release())
	}
	return errors.Join(errs...)
}
