package mixedrig

import (
	"context"
	"fmt"
	"reflect"

	"sparkharness/harness/record"
	"sparkharness/harness/rig/diskrig"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/telemetry"
)

// kept is a storage, and what it was opened for.
type kept struct {
	*diskrig.Storage
	of   diskrig.Options // without what is the rig's own
	took *took
}

// stored is the storage of a machine, nil for one that stores nothing: that of the cell before if it is as this one's, or a
// new one in its place.
func (r *Rig) stored(ctx context.Context, at *place, o simrig.Options) (*kept, error) {
	spec, params, err := simrig.Spec(o)
	if err != nil {
		return nil, err
	}
	if !diskrig.Needed(spec, params) {
		return nil, nil
	}
	of := diskrig.For(spec, params)
	if at.storage != nil && reflect.DeepEqual(at.storage.of, of) {
		return at.storage, nil
	}
	if err := at.closeStorage(); err != nil {
		return nil, err
	}
	files := of
	files.Share, files.Noise = share, r.noise
	files.Tell = func(line string) { fmt.Fprintln(r.o.Out, line) }
	var took took
	files.Took = took.add
	s, err := diskrig.Open(ctx, at.drive.Dir, files)
	if err != nil {
		return nil, fmt.Errorf("-dir: %w", err)
	}
	at.storage = &kept{s, of, &took}
	return at.storage, nil
}

// release has the storage ready for the next machine. One that cannot be, whose files are the machine's before, is closed.
func (p *place) release() error {
	if p.storage == nil {
		return nil
	}
	if p.storage.of.ChunkBlocks == 0 {
		if err := p.storage.Anew(); err != nil {
			return err
		}
		p.storage.took.reset() // nothing is under way any more
		return nil
	}
	return p.closeStorage()
}

// use is what the loader has moved until now, on which drive.
func (m *machine) use(ctx context.Context) *record.StorageUse {
	out := &record.StorageUse{Drive: m.at.drive.Drive, Proof: m.at.proof.CountersProof}
	// Without the second one the block is void, which says so.
	if after, err := m.rig.idleReads(ctx, m.at); err == nil {
		out.Idle = []record.IdleReads{m.idleBefore, after}
	}
	if m.storage != nil {
		f := m.storage.Figures()
		out.Layout, out.Reads, out.Writes = m.storage.String(), loader(f.Reads), loader(f.Writes)
		out.Reads.Took, out.Writes.Took = m.storage.took.now()
	}
	return out
}

func loader(d diskrig.Direction) *record.LoaderFigures {
	return &record.LoaderFigures{IOs: float64(d.IOs), Bytes: float64(d.Bytes), TookS: d.Took.Seconds(),
		ConfiguredS: d.Configured.Seconds(), MeasuredS: d.Measured.Seconds(), WaitedS: d.Slept.Seconds()}
}

// account is what the server's loader reads and writes, as the kernel would count it for a process of its own. Here that process is
// the harness, which writes its lines and reads for the probe, too. A nil storage moves nothing.
type account struct {
	of   *kept
	prev *[2]uint64
}

// Name is "server".
func (a *account) Name() string { return "server" }

// Sample fills Server from the second call on.
func (a *account) Sample(_ context.Context, s *record.SysSample) error {
	var now [2]uint64
	if a.of != nil {
		now[0], now[1] = a.of.Moved(0)
	}
	was := a.prev
	a.prev = &now
	if was == nil {
		return nil
	}
	if now[0] < was[0] || now[1] < was[1] {
		s.Reset = true
		return fmt.Errorf("the loader's account: %w", telemetry.ErrReset)
	}
	read, written := float64(now[0]-was[0]), float64(now[1]-was[1])
	s.Server = &record.ServerIO{ReadBytes: read, WriteBytes: written}
	if s.DtMS > 0 {
		s.Server.RMBs, s.Server.WMBs = read/s.DtMS/1e3, written/s.DtMS/1e3
	}
	return nil
}
