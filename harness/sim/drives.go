package sim

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// drives are the modelled storage: one NVMe device, or two with the mechanism KVOnSecondDrive or a second of its own make.
type drives struct {
	system *NVMeDevice // the operating system's own requests, files, and the loads of other programs
	kv     *NVMeDevice // loads, tier-2 writes and swapped sequences; the system's own without the mechanism
	all    []*NVMeDevice

	systemShare float64 // of the KV tier, that lies on the system's drive although kv is another

	visitors []*visitor    // other programs on the system's drive (CronReads, CronWrites)
	shown    shownCounters // of /proc/diskstats

	underWay   []driveIO
	softwareNS float64 // CPU time of the I/Os that have ended
	moved      moved   // bytes of them
	stalls     []Stall
}

// systemShares is in how many parts the KV tier is cut where it lies on two drives: a prefix belongs to the part of its first
// block's key, which is a hash.
const systemShares = 1 << 16

// driveIO is an I/O of the engine as a transfer of a drive.
type driveIO struct {
	io       IO
	on       *NVMeDevice
	transfer int
}

// newDrives powers the drives on. No operating system works on the second.
func newDrives(p Params, seed uint64) *drives {
	d := newDevices(p, seed)
	for _, drive := range d.all {
		drive.sleep = p.Mechanisms.PowerSave
	}
	d.system.carry(p.Mechanisms.CarryOver, p.WritesBefore)
	d.systemShare = p.Mechanisms.KVSystemDriveShare
	d.visitors, d.shown = p.Mechanisms.visitors(seed), newShownCounters(p.Mechanisms)
	return d
}

// newDevices are the drives by themselves.
func newDevices(p Params, seed uint64) *drives {
	system := NewNVMeDevice(p.NVMe, seed)
	if !p.twoDrives() {
		return oneDrive(system)
	}
	quiet := cmp.Or(p.Second, p.NVMe)
	quiet.BackgroundReadsPerSec, quiet.BackgroundWritesPerSec = 0, 0
	second := NewNVMeDevice(quiet, ^seed) // pauses of its own
	d := &drives{system: system, kv: second, all: []*NVMeDevice{system, second}}
	if !p.Mechanisms.KVOnSecondDrive {
		d.kv = system
	}
	return d
}

// twoDrives says that a second drive is there, whether anything lies on it or not.
func (p Params) twoDrives() bool { return p.Mechanisms.KVOnSecondDrive || p.Second != NVMeParams{} }

func oneDrive(d *NVMeDevice) *drives {
	return &drives{system: d, kv: d, all: []*NVMeDevice{d}, shown: newShownCounters(Mechanisms{})}
}

// Submit begins a transfer on the drive of the I/O's area.
func (d *drives) Submit(now int64, io IO) {
	drive := d.of(io)
	// A query between two events may have moved the device to a later time than theirs.
	transfer := drive.Start(max(now, drive.asked), io.Stream, io.Bytes)
	d.underWay = append(d.underWay, driveIO{io: io, on: drive, transfer: transfer})
}

// of is the drive on which the bytes of an I/O lie.
func (d *drives) of(io IO) *NVMeDevice {
	switch {
	case io.Area == AreaAdapters, io.Area == AreaWeights, io.Area == AreaOther:
		return d.system
	case io.Area == AreaKV && len(io.Blocks) > 0 && float64(io.Blocks[0].Key%systemShares) < d.systemShare*systemShares:
		return d.system
	}
	return d.kv
}

// Cancel stops a transfer; the CPU time that it took stays counted.
func (d *drives) Cancel(now, id int64) {
	i := slices.IndexFunc(d.underWay, func(u driveIO) bool { return u.io.ID == id })
	if i < 0 {
		return
	}
	u := d.underWay[i]
	now = max(now, u.on.asked)
	u.on.advance(now)
	d.softwareNS += u.softwareAt(now)
	d.moved.add(u.io, u.movedAt(now))
	u.on.Stop(now, u.transfer)
	d.underWay = slices.Delete(d.underWay, i, i+1)
}

// Advance completes drive by drive what has ended by now.
func (d *drives) Advance(now int64) (next int64) {
	next = min(d.reset(now), d.visit(now))
	for _, drive := range d.all {
		for _, transfer := range drive.Advance(max(now, drive.asked)) {
			d.complete(drive, transfer)
		}
		if at, ok := drive.Next(); ok {
			next = min(next, at)
		}
		next = min(next, drive.nextEdge(), drive.changes())
	}
	return next
}

func (d *drives) complete(drive *NVMeDevice, transfer int) {
	i := slices.IndexFunc(d.underWay, func(u driveIO) bool { return u.on == drive && u.transfer == transfer })
	if i < 0 {
		return // cancelled after it had ended
	}
	io := d.underWay[i].io
	d.underWay = slices.Delete(d.underWay, i, i+1)
	d.softwareNS += io.software(math.Inf(1))
	d.moved.add(io, float64(io.Bytes))
	io.Complete(nil)
}

// Counters are those of now, or of just before a completion that is due.
func (d *drives) Counters(now int64) StorageCounters {
	for _, drive := range d.all {
		// Completions of this instant belong to the engine's own events: look only as far as they allow.
		if at, ok := drive.Next(); ok && at <= now {
			now = at - 1
		}
	}
	c := StorageCounters{AtNS: now, SoftwareNS: d.softwareNS}
	d.stalls = d.stalls[:0]
	for _, drive := range d.all {
		some, tasks := drive.StalledNS(max(now, drive.asked))
		d.stalls = append(d.stalls, Stall{SomeNS: float64(some), TasksNS: float64(tasks)})
		c.BytesPerSec += drive.bytesPerSec()
	}
	for _, u := range d.underWay {
		c.SoftwareNS += u.softwareAt(max(now, u.on.asked))
	}
	c.Stalls = d.stalls
	return c
}

// Diskstats are those of each drive, in the order of their names.
func (d *drives) Diskstats(now int64) ([]NVMeCounters, error) {
	out := make([]NVMeCounters, len(d.all))
	for i, drive := range d.all {
		out[i] = drive.Counters(max(now, drive.asked))
	}
	d.shown.show(out)
	return out, nil
}

// softwareAt is the CPU time that the I/O has taken until now, to which its drive must have been advanced.
//
// It follows the bytes moved, not the time that tasks were not blocked, so that it never falls and does
// not depend on when it is asked: the operating system's own reads block tasks too.
func (u driveIO) softwareAt(now int64) float64 { return u.io.software(u.movedAt(now)) }

// movedAt is the bytes of the I/O until now, to which its drive must have been advanced: all of them, if the drive has
// ended the transfer.
func (u driveIO) movedAt(now int64) float64 {
	for _, t := range u.on.transfers {
		if t.id == u.transfer {
			return t.movedAfter(u.on.running(now))
		}
	}
	return float64(u.io.Bytes)
}

// software is the CPU time of the first `moved` bytes of an I/O, of all of it at most.
func (io IO) software(moved float64) float64 {
	if io.Bytes == 0 || io.Stream.SoftwareNS == 0 {
		return 0
	}
	return min(moved, float64(io.Bytes)) / float64(min(io.Stream.IOBytes, io.Bytes)) * float64(io.Stream.SoftwareNS)
}

// blockDevice is the kernel's name of a drive.
func blockDevice(i int) string { return fmt.Sprintf("nvme%dn1", i) }
