package sim

import "fmt"

// drives are the machine's NVMe devices: one, or two with the mechanism KVOnSecondDrive.
type drives struct {
	system *NVMeDevice // the operating system's own requests, files, and the loads of other programs
	kv     *NVMeDevice // loads, tier-2 writes and swapped sequences; the system's own without the mechanism
	all    []*NVMeDevice
}

// newDrives powers the drives on. The second is of the same make, and no operating system works on it.
func newDrives(p Params, seed uint64) drives {
	system := NewNVMeDevice(p.NVMe, seed)
	if !p.Mechanisms.KVOnSecondDrive {
		return oneDrive(system)
	}
	quiet := p.NVMe
	quiet.BackgroundReadsPerSec, quiet.BackgroundWritesPerSec = 0, 0
	kv := NewNVMeDevice(quiet, ^seed) // pauses of its own
	return drives{system: system, kv: kv, all: []*NVMeDevice{system, kv}}
}

func oneDrive(d *NVMeDevice) drives { return drives{system: d, kv: d, all: []*NVMeDevice{d}} }

// next is the time of the next completion on any drive.
func (d drives) next() (at int64, ok bool) {
	at = nvmeNever
	for _, drive := range d.all {
		if t, ok := drive.Next(); ok {
			at = min(at, t)
		}
	}
	return at, at != nvmeNever
}

// driveTransfer names a transfer; each drive counts its own.
type driveTransfer struct {
	on *NVMeDevice
	id int
}

// advance moves all drives to now and returns what has completed, drive by drive.
func (d drives) advance(now int64) []driveTransfer {
	var out []driveTransfer
	for _, drive := range d.all {
		for _, id := range drive.Advance(now) {
			out = append(out, driveTransfer{on: drive, id: id})
		}
	}
	return out
}

// counters are those of each drive, in the order of their names.
func (d drives) counters(now int64) []NVMeCounters {
	out := make([]NVMeCounters, len(d.all))
	for i, drive := range d.all {
		out[i] = drive.Counters(now)
	}
	return out
}

// blockDevice is the kernel's name of a drive.
func blockDevice(i int) string { return fmt.Sprintf("nvme%dn1", i) }
