package sim

import (
	"context"
	"errors"
	"fmt"
)

// handCheck is how a program reads and writes that wants to see the counters move: around the page cache, one piece
// after another.
var handCheck = NVMeStream{IOBytes: 128 << 10, Depth: 1, Sync: true}

// ReadAndWrite has another program read and write so many bytes on a drive, 0 the system's or 1 the second, and does not wait until
// it has. No process of it is shown.
func (m *Machine) ReadAndWrite(ctx context.Context, drive int, read, written int64) error {
	if m.disk == nil {
		return errors.New("the machine's storage is not modelled: read and write on the device itself")
	}
	all := []*NVMeDevice{m.disk}
	if two, ok := m.engine.storage.(*drives); ok {
		all = two.all
	}
	if drive < 0 || drive >= len(all) {
		return fmt.Errorf("the machine has %d drives, and none of number %d", len(all), drive)
	}
	on := all[drive]
	return m.query(ctx, func() {
		now := max(m.account(), on.asked)
		s := handCheck
		s.Name, s.ReadShare = "hand check", 1
		on.Start(now, s, read)
		s.ReadShare = 0
		on.Start(now, s, written)
	})
}
