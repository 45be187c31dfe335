package sim

import (
	"context"
	"errors"
)

// handCheck is how a program reads and writes that wants to see the counters move: around the page cache, one piece
// after another.
var handCheck = NVMeStream{IOBytes: 128 << 10, Depth: 1, Sync: true}

// ReadAndWrite has another program read and write so many bytes on the system's drive, and does not wait until it has. No
// process of it is shown.
func (m *Machine) ReadAndWrite(ctx context.Context, read, written int64) error {
	if m.disk == nil {
		return errors.New("the machine's storage is not modelled: read and write on the device itself")
	}
	return m.query(ctx, func() {
		now := max(m.account(), m.disk.asked)
		s := handCheck
		s.Name, s.ReadShare = "hand check", 1
		m.disk.Start(now, s, read)
		s.ReadShare = 0
		m.disk.Start(now, s, written)
	})
}
