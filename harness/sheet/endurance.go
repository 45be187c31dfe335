package sheet

import (
	"fmt"
	"strings"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

const daySeconds = 86400

// endurance prints what the measured load writes by request, and how often a day it would fill the drive (drive writes per
// day, DWPD: JESD218B.01, bytes written a day by the capacity). asked is a capacity in bytes for where the run does not tell the
// drive's own, nil for none.
func (r *Run) endurance(b *strings.Builder, asked *float64) {
	sizes, sizeless := []string{}, false
	g := grid{heads: []string{"arm", "answered, requests/s", "KV manager, GB/1000 requests", "application, GB/1000 requests", "drive, GB/1000 requests",
		"of it fio, GB/1000 requests", "KV manager, DWPD", "drive without fio, DWPD"}, keys: 1}
	capacity := map[string]*float64{}
	for _, on := range r.arms() {
		own := r.capacity(on)
		if own == nil {
			own = asked
		}
		capacity[on] = own
		switch {
		case own == nil:
			sizeless = true
		case on == "":
			sizes = append(sizes, fmt.Sprintf("%.0f GB", *own/1e9))
		default:
			sizes = append(sizes, fmt.Sprintf("%.0f GB (drive %s)", *own/1e9, on))
		}
	}
	for _, a := range r.Arms {
		m, size := &a.Measure, capacity[a.Cells[0].Drive]
		answered, seconds := 0.0, 0.0
		for _, c := range a.Cells {
			answered += c.RPS() * c.Seconds()
			seconds += c.Seconds()
		}
		if answered == 0 || seconds == 0 {
			continue
		}
		var drive, own *float64
		if m.DeviceSeconds > 0 {
			drive = new(m.DeviceWrite.bytes)
			own = new(max(0, *drive-record.OrZero(m.FioWrite)))
		}
		each := func(v *float64) string { return opt(record.Over(v, answered), 1000/1e9) }
		dwpd := func(v *float64) string {
			if size == nil {
				return none
			}
			return opt(record.Over(v, seconds), daySeconds / *size)
		}
		g.add(a.Name(), number(answered/seconds), each(m.KVWritten), each(m.AppWrite), each(drive), each(m.FioWrite), dwpd(m.KVWritten), dwpd(own))
	}
	if len(g.rows) == 0 {
		b.WriteString("Not told by this run: no request of a measured load was answered.\n")
		return
	}
	leftOut(b, g.write(b))
	if sizeless {
		b.WriteString("\nDrive writes per day (DWPD) are not told: the run does not say how large the drive is (give --capacity).\n")
	}
	if len(sizes) > 0 {
		fmt.Fprintf(b, "\nDWPD: bytes written a day at the arm's own rate of requests, by a capacity of %s. Measured load alone: filling the tiers "+
			"(populate) comes on top, and host bytes are no flash bytes.\n", strings.Join(sizes, " and "))
	}
	if moved := r.smart(); moved != nil {
		fmt.Fprintf(b, "\nBy the drives' own count of host writes (health log) %.2f GB were written from before the first cell to after the last.\n", *moved/1e9)
	}
}

// capacity is the size of an arm's drive in bytes, of several devices together; nil where one does not tell it.
func (r *Run) capacity(arm string) *float64 {
	holds := r.drive(arm)
	if holds == nil {
		return nil
	}
	var sum *float64
	for i := range holds.Leaves {
		size := holds.Leaves[i].SizeBytes
		if size == nil || *size <= 0 {
			return nil
		}
		sum = record.SumOfKnown(sum, new(float64(*size)))
	}
	return sum
}

// smart is by how many bytes the drives' own count of host writes, which only grows, differs over the run's readings; nil
// where a drive does not tell.
func (r *Run) smart() (sum *float64) {
	var devices []string
	least, most := map[string]float64{}, map[string]float64{}
	var all []record.Health
	for _, arm := range r.arms() {
		all = append(all, r.health(arm)...)
	}
	for _, h := range all {
		for i := range h.Drives {
			d := &h.Drives[i]
			if d.WriteBytes == nil {
				return nil
			}
			if _, known := least[d.Device]; !known {
				devices = append(devices, d.Device)
				least[d.Device] = *d.WriteBytes
			}
			least[d.Device], most[d.Device] = min(least[d.Device], *d.WriteBytes), max(most[d.Device], *d.WriteBytes)
		}
	}
	for _, name := range devices {
		sum = record.SumOfKnown(sum, new(most[name]-least[name]))
	}
	return sum
}

// account prints the closed account of the drive's bytes.
func (r *Run) account(b *strings.Builder) {
	groups := make([]*evidence.Group, len(r.Arms))
	for i, a := range r.Arms {
		groups[i] = a.Group
	}
	g := grid{heads: []string{"arm", "direction", "drive, GB", "idle, GB", "fio, GB", "probe, GB", "KV manager, GB",
		"residual, GB", "residual, % of drive"}, keys: 2}
	for _, c := range r.Evidence.Accounts(groups) {
		g.add(c.Cell, c.Direction, number(c.DeviceGB), number(c.IdleGB), opt(c.FioGB, 1), opt(c.ProbeGB, 1), opt(c.KVGB, 1),
			opt(c.ResidualGB, 1), opt(c.ResidualPct, 1))
	}
	if len(g.rows) == 0 {
		b.WriteString("Not told by this run: no stack of it has a KV manager that counts.\n")
		return
	}
	leftOut(b, g.write(b))
	b.WriteString("\nDrive = idle + fio + probe + KV manager + residual, in the measured load. A residual that is not small: somebody else used the drive, " +
		"the size of a KV block is wrong, or KV traffic did not reach the drive.\n")
}
