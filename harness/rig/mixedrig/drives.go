package mixedrig

import (
	"context"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// countDrives begins to count what both drives move, whichever the cell is about; nil where one drive is measured.
func (m *machine) countDrives() func(context.Context) []record.ArmDrive {
	if len(m.rig.places) < 2 {
		return nil
	}
	var counted []*rig.Counted
	for _, at := range m.rig.places {
		block, err := at.drive.Source(at.proof)
		if err == nil {
			m.watched = append(m.watched, block)
		}
		counted = append(counted, rig.Count(context.Background(), at.arm, at.proof.Counters, block))
	}
	return func(ctx context.Context) []record.ArmDrive {
		var out []record.ArmDrive
		for i, c := range counted {
			d := c.Moved(ctx)
			d.LoaderReadBytes = new(float64) // nothing lies there yet
			if s := m.rig.places[i].storage; s != nil {
				*d.LoaderReadBytes = float64(s.Figures().Reads.Bytes)
			}
			out = append(out, d)
		}
		return out
	}
}
