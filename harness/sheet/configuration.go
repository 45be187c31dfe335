package sheet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// untold is what a configuration says of what nobody told.
const untold = "not told"

// configuration prints what the run's I/O went to and came from, a line for each fact that a storage engineer asks for.
func (r *Run) configuration(b *strings.Builder) {
	g := grid{heads: []string{"what", "value"}, keys: 2}
	line := func(what, value string) {
		if value == "" {
			value = untold
		}
		g.add(what, value)
	}
	facts := r.Evidence.Plan.Facts
	line("measured on", fmt.Sprintf("rig %s, %s clock: %s", facts.Rig, facts.Clock, facts.Origin))
	line("system", r.System)
	line("program", r.Version)
	arms := r.arms()
	switch {
	case r.drive(arms[0]) != nil:
		for _, arm := range arms {
			of := line
			if len(arms) > 1 {
				of = func(what, value string) {
					line(strings.TrimSuffix("drive "+arm+": "+strings.TrimPrefix(what+": ", "drive: "), ": "), value)
				}
			}
			r.real(of, arm)
		}
	case facts.Clock == record.ClockVirtual:
		line("drive", "MODELLED, no real one: "+modelled(r.Evidence.Exp))
	default:
		line("drive", r.device())
		for _, what := range []string{"model", "firmware", "PCIe link", "scheduler", "write cache", "file system", "mount options", "free space"} {
			line(what, "")
		}
	}
	for _, name := range r.Evidence.Exp.StackNames() {
		line("stack "+name, stack(r.Evidence.Exp.Stacks[name]))
	}
	g.write(b)
}

// arms are the drives that are compared; one without a name where none are.
func (r *Run) arms() []string {
	for _, c := range r.Evidence.Cells {
		if c.Drive != "" {
			return []string{record.DriveA, record.DriveB}
		}
	}
	return []string{""}
}

// real tells of the real drive of an arm, and of how it was used.
func (r *Run) real(line func(what, value string), arm string) {
	use, holds, health := r.storage(arm), r.drive(arm), r.health(arm)
	if holds == nil {
		line("drive", "")
		return
	}
	drive(line, holds)
	access := ""
	if use != nil {
		access = "direct (O_DIRECT), around the page cache"
		line("KV tier", use.Layout)
		line("precondition", "none: the tier's files were written once before the run")
		line("self-test of the counters", selfTest(&use.Proof))
	}
	line("access", access)
	line("drive's temperature at the start", temperature(health))
	line("wear", wear(health))
}

// modelled is the drive of a simulated machine.
func modelled(e *config.Experiment) string {
	if e.Twin == nil || e.Twin.Drive == nil {
		return untold
	}
	return e.Twin.Drive.Drive + ", " + e.Twin.Drive.Interface
}

// storage is the real drive of an arm's cell that stored on one, if there is one of a cell that had a KV tier there; nil if none did.
func (r *Run) storage(arm string) (found *record.StorageUse) {
	for _, c := range r.Evidence.Cells {
		if u := c.Info.Storage; u != nil && c.Drive == arm && (found == nil || found.Layout == "" && u.Layout != "") {
			found = u
		}
	}
	return found
}

// drive is the real drive of an arm; nil where it is modelled, or where nobody looked.
func (r *Run) drive(arm string) *record.Drive {
	if use := r.storage(arm); use != nil {
		return &use.Drive
	}
	for _, c := range r.Evidence.Cells {
		if c.Info.Drive != nil && c.Drive == arm {
			return c.Info.Drive
		}
	}
	return nil
}

// health are the machine's states before and after an arm's cells, in the order of their times.
func (r *Run) health(arm string) (all []record.Health) {
	for _, c := range r.Evidence.Cells {
		if h := c.Info.Health; h != nil && c.Drive == arm {
			all = append(all, h.Before, h.After)
		}
	}
	slices.SortStableFunc(all, func(a, b record.Health) int { return cmp.Compare(a.At, b.At) })
	return all
}

// device is the block device that was watched, by its name.
func (r *Run) device() string {
	for _, c := range r.Evidence.Cells {
		if c.Info.Device != nil {
			return c.Info.Device.Name
		}
	}
	return ""
}

// drive tells of each whole device, and of the file system on them.
func drive(line func(what, value string), d *record.Drive) {
	for i := range d.Leaves {
		l := &d.Leaves[i]
		of := "drive"
		if len(d.Leaves) > 1 {
			of = l.Name
		}
		name := l.Name
		if l.Transport != "" {
			name += ", " + l.Transport
		}
		if l.Virtual {
			name += ", virtual: its figures are the hypervisor's"
		}
		line(of, name)
		line(of+": model", l.Model)
		line(of+": firmware", l.Firmware)
		line(of+": serial, hashed", l.SerialHash)
		line(of+": capacity", gigabytes(l.SizeBytes))
		line(of+": PCIe link", link(l.PCIe))
		line(of+": scheduler", l.Scheduler)
		line(of+": write cache", l.WriteCache)
		line(of+": logical/physical block", bytes(l.LogicalBlockBytes)+" / "+bytes(l.PhysicalBlockBytes))
		line(of+": largest request", whole(l.MaxSectorsKB, "KiB"))
		line(of+": queue (nr_requests)", whole(l.NrRequests, ""))
		line(of+": writeback throttling (wbt_lat)", whole(l.WBTLatencyUS, "us"))
	}
	fs := d.FileSystem
	if len(d.Layers) > 0 {
		fs += " on " + strings.Join(d.Layers, ", ")
	}
	line("file system", fs)
	line("mount options", d.MountOptions)
	line("free space before the run", free(d))
	for _, n := range d.Notes {
		line("note", n)
	}
}

func gigabytes(v *int64) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%.0f GB", float64(*v)/1e9)
}

func bytes(v *int64) string {
	if v == nil {
		return untold
	}
	return whole(v, "B")
}

func whole(v *int64, unit string) string {
	if v == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", *v, unit))
}

func link(l *record.PCIeLink) string {
	if l == nil {
		return ""
	}
	return fmt.Sprintf("%s x%s (could: %s x%s)", or(l.Speed), or(l.Width), or(l.MaxSpeed), or(l.MaxWidth))
}

func or(s string) string {
	if s == "" {
		return untold
	}
	return s
}

func free(d *record.Drive) string {
	if d.FreeBytes == nil || d.FSBytes == nil || *d.FSBytes == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f of %.1f GB, %.0f %%", float64(*d.FreeBytes)/1e9, float64(*d.FSBytes)/1e9, 100*float64(*d.FreeBytes)/float64(*d.FSBytes))
}

func selfTest(p *record.CountersProof) string {
	if p.ReadBytes == nil || p.WriteBytes == nil {
		return p.Lacking
	}
	const mib = 1 << 20
	return fmt.Sprintf("%.1f MiB read moved them by %.1f, %.1f MiB written by %.1f",
		p.AskedReadBytes/mib, *p.ReadBytes/mib, p.AskedWriteBytes/mib, *p.WriteBytes/mib)
}

// temperature is the drives' own before the first cell, from their health log or from hwmon.
func temperature(h []record.Health) string {
	if len(h) == 0 {
		return ""
	}
	var all []string
	for i := range h[0].Drives {
		if d := &h[0].Drives[i]; d.TemperatureC != nil {
			all = append(all, fmt.Sprintf("%s %.0f degrees Celsius", d.Device, *d.TemperatureC))
		}
	}
	for i := range h[0].Temperatures {
		if t := &h[0].Temperatures[i]; len(all) == 0 && t.Chip == "nvme" {
			all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %.0f degrees Celsius", t.Device, t.Label, t.C)))
		}
	}
	return strings.Join(all, "; ")
}

// wear is what the drives say of their age before the first cell.
func wear(h []record.Health) string {
	if len(h) == 0 {
		return ""
	}
	var all []string
	for i := range h[0].Drives {
		d := &h[0].Drives[i]
		if d.PercentageUsed != nil {
			all = append(all, fmt.Sprintf("%s %.0f %% used", d.Device, *d.PercentageUsed))
		}
		if d.WriteBytes != nil {
			all = append(all, fmt.Sprintf("%s %.2f TB written in its life", d.Device, *d.WriteBytes/1e12))
		}
	}
	return strings.Join(all, "; ")
}

// stack is how a stack's KV manager reads tier 2, as configured.
func stack(st *config.Stack) string {
	d := st.Dynamo
	if d == nil {
		return st.Name + ": no tier below the device"
	}
	manager := config.OffloadKVBM
	if d.Offload != nil {
		manager = d.Offload.Manager
	}
	return fmt.Sprintf("%s: manager %s, tier 1 %v, tier 2 %v; loader %d reads of %v in flight, %v of software time each", st.Name, manager,
		d.Tiers.Tier1.CapacityBytes, d.Tiers.Tier2.CapacityBytes, d.Loader.QueueDepth, d.Loader.IOBytes, d.Loader.SoftwareTimePerIO)
}
