package gate

import (
	"fmt"
	"slices"
	"strings"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// Drives is the manipulation check of a comparison of two drives: in every cell the counters of the arm's own drive moved by at
// least the share own of what the KV manager says that it loaded from tier 2 while the load was measured, and those of the other
// drive by at most the share other of it. An arm is the same device in all cells, and the other arm another one. In an A/A control
// both are one drive, whose counters tell no arms apart: there the loader's account of the arm's folder does.
func Drives(ev *evidence.Evidence, own, other float64) Gate {
	const name = "drives"
	same := ev.Plan.Facts.SameDrive
	devices := map[string]string{}
	least, most := worst{}, worst{}
	for _, c := range ev.Cells {
		if c.KV == nil || record.OrZero(c.KV.Tier2BytesOut) <= 0 {
			return Fail(name, Invalid, "not_told", c.Key+": the KV manager told of no load from tier 2, so that nothing says which drive was used")
		}
		loaded := *c.KV.Tier2BytesOut
		at := slices.IndexFunc(c.Info.Drives, func(d record.ArmDrive) bool { return d.Arm == c.Drive })
		if at < 0 || len(c.Info.Drives) != 2 {
			return Fail(name, Invalid, "not_read_back", fmt.Sprintf("%s: nothing tells what drive %s did there", c.Key, c.Drive))
		}
		for i := range c.Info.Drives {
			d := &c.Info.Drives[i]
			named := strings.Join(d.Devices, "+")
			if before, known := devices[d.Arm]; known && before != named {
				return Fail(name, Invalid, "device_changed", fmt.Sprintf("%s: drive %s is %s, and in another cell it was %s", c.Key, d.Arm, named, before))
			}
			devices[d.Arm] = named
			moved := d.ReadBytes
			if same {
				moved = d.LoaderReadBytes
			}
			if moved == nil {
				return Fail(name, Invalid, "not_read_back", fmt.Sprintf("%s: what drive %s (%s) read is not known", c.Key, d.Arm, named))
			}
			of := fmt.Sprintf("drive %s, %s, in %s", d.Arm, named, c.Key)
			if i == at {
				least.high(-*moved/loaded, of)
			} else {
				most.high(*moved/loaded, of)
			}
		}
	}
	what := "of what the KV manager loaded"
	switch {
	case !least.seen || len(devices) != 2:
		return Fail(name, Invalid, "arm_missing", "no cell has both drives")
	case (devices[record.DriveA] == devices[record.DriveB]) != same:
		return Fail(name, Invalid, "one_device", fmt.Sprintf("drive A is %s, and drive B is %s", devices[record.DriveA], devices[record.DriveB]))
	case -least.value < own:
		return Fail(name, Invalid, "not_on_its_drive", fmt.Sprintf("an arm is a label there, and not a drive: %s, read %.3f %s (need %.2f)", least.where, -least.value, what, own))
	case most.value > other:
		return Fail(name, Invalid, "on_the_other_drive", fmt.Sprintf("the drive that is not under test was read: %s, by %.3f %s (at most %.2f)", most.where, most.value, what, other))
	}
	if same {
		return Pass(name, fmt.Sprintf("both folders lie on %s; the loader read at least %.2f %s in the arm's own (need %.2f; %s), and at most %.3f in the other",
			devices[record.DriveA], -least.value, what, own, least.where, most.value))
	}
	return Pass(name, fmt.Sprintf("A is %s, B is %s: an arm's own read at least %.2f %s (need %.2f; %s), the other at most %.3f (at most %.2f; %s)",
		devices[record.DriveA], devices[record.DriveB], -least.value, what, own, least.where, most.value, other, most.where))
}
