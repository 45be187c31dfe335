package gate

import (
	"fmt"
	"strings"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// Counters wants counters that only grow, those of the device read at both ends of every cell, and seen to move: with a small read
// and a small write before the load (record.CountersProof), those of the KV manager as long as the drive does. A counter that cannot move is not quiet,
// so one of which nobody knows whether it can fails, too: as Inconclusive, because nothing is known to be wrong. Cells of
// versions that made no such proof have none, and are judged as they were measured.
func Counters(ev *evidence.Evidence, _ Claim) Gate {
	const name = "counters"
	proved := 0
	for _, c := range ev.Cells {
		if code, why := machineCounters(c); code != "" {
			return Fail(name, Invalid, code, why)
		}
		switch {
		case c.Info.Device != nil && c.Info.Device.Counted != nil && !*c.Info.Device.Counted:
			dev := c.Info.Device.Name
			return Fail(name, Invalid, "iostats_off",
				fmt.Sprintf("%s: the kernel counts no I/O of %s: echo 1 > /sys/block/%s/queue/iostats", c.Key, dev, dev))
		case c.Info.Device != nil && c.Info.Device.Head != "" && len(c.Info.Device.Paths) > 1:
			d := c.Info.Device
			return Fail(name, Invalid, "one_path",
				fmt.Sprintf("%s: %s is one of the paths %s, and the others' I/O is not in its counters: set telemetry.device to %s",
					c.Key, d.Name, strings.Join(d.Paths, ", "), d.Head))
		case oldPage(c) != "":
			return Fail(name, Invalid, "old_page", oldPage(c))
		case c.KV != nil && c.KV.Resets:
			return Fail(name, Invalid, "kv_reset", c.Key+": a KV counter went backwards: the worker was restarted")
		case c.KV != nil && c.KV.Samples == 0:
			return Fail(name, Invalid, "kv_dead", c.Key+": the KV manager's metrics page gave nothing")
		case standsStill(c) != "":
			return Fail(name, Invalid, "kv_still", standsStill(c))
		}
		p := c.Info.Counters
		if p == nil {
			continue
		}
		switch shown, known := p.Shown(); {
		case !known:
			return Fail(name, Inconclusive, "not_proved",
				fmt.Sprintf("%s: whether the counters of %s can move is not known: %s", c.Key, device(c), unknownWhy(p)))
		case !shown:
			return Fail(name, Invalid, "counters_still",
				fmt.Sprintf("%s: %.0f B were read and %.0f B written, and the counters of %s moved by %.0f B and %.0f B: %s",
					c.Key, p.AskedReadBytes, p.AskedWriteBytes, device(c), *p.ReadBytes, *p.WriteBytes, stillWhy(c.Info.Device)))
		}
		proved++
	}
	detail := "no counter went backwards; the device's were read at both ends of every cell"
	if proved > 0 {
		detail += fmt.Sprintf("; a read and a write before the load showed in the device's counters in %d of %d cells", proved, len(ev.Cells))
	}
	return Pass(name, detail)
}

// device is the name of the watched block device, as far as the cell has it.
func device(c *evidence.Cell) string {
	if c.Info.Device == nil {
		return "the block device"
	}
	return c.Info.Device.Name
}

// unknownWhy says why a proof is none.
func unknownWhy(p *record.CountersProof) string {
	if p.Lacking != "" {
		return p.Lacking
	}
	return "they could not be read at both ends of it"
}

// stillWhy says what to look at when counters stand still.
func stillWhy(d *record.Device) string {
	if d != nil && d.Head == "" && len(d.Paths) > 0 {
		return fmt.Sprintf("it is the head of the paths %s, which have its I/O before Linux 6.4: set telemetry.device to the path in use",
			strings.Join(d.Paths, ", "))
	}
	return "see that telemetry.device is the device that holds the files, and that its counters count"
}

// machineCounters says what is wrong with the counters of a cell's machine; the code is "" if nothing is.
func machineCounters(c *evidence.Cell) (code, why string) {
	switch {
	case c.Sys.Resets > 0:
		return "reset", fmt.Sprintf("%s: a machine counter went backwards in %d samples", c.Key, c.Sys.Resets)
	case !c.Sys.AliveAtStart || !c.Sys.AliveAtEnd:
		return "source_dead", c.Key + ": no NVMe reading at an end of the measure phase"
	}
	return "", ""
}
