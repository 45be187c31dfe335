package config

import "time"

// Drive is a file of drives/: a block device as the queue model of the simulated machine has it: a controller, planes that
// each serve one page operation at a time, a link, and what a command takes in no queue.
type Drive struct {
	Drive     string `yaml:"drive"` // name of the file
	Note      string `yaml:"note"`
	Interface string `yaml:"interface"` // one of Interfaces

	ControllerIOPS Figure[float64]  `yaml:"controller_iops"` // commands a second that the controller takes
	Planes         Figure[int]      `yaml:"planes"`          // operations that it works on at a time, its depth
	PageBytes      Figure[Size]     `yaml:"page_bytes"`      // of an operation
	PageRead       Figure[Duration] `yaml:"page_read"`       // of an operation
	PageReadJitter float64          `yaml:"page_read_jitter,omitempty"`
	PageProgram    Figure[Duration] `yaml:"page_program"` // for which programming a page keeps reads off its plane
	Link           Figure[Rate]     `yaml:"link"`         // both directions together
	FlashWrite     Figure[Rate]     `yaml:"flash_write"`  // drain of the write cache
	WriteCache     Figure[Size]     `yaml:"write_cache"`  // memory that takes writes before they are programmed
	Fixed          Figure[Duration] `yaml:"fixed"`        // of a command, in no queue
	MaxCommand     Figure[Size]     `yaml:"max_command"`  // larger I/Os are split
	Pauses         *Pauses          `yaml:"pauses,omitempty"`
	Limits         *Limits          `yaml:"limits,omitempty" json:",omitempty"`
	Endurance      *Endurance       `yaml:"endurance,omitempty" json:",omitempty"` // absent: nothing is published
}

// Endurance is what may be written to a drive before its maker's warranty ends. It decides nothing that is measured.
type Endurance struct {
	RatedTBW float64 `yaml:"rated_tbw"` // 1e12 bytes
	Source   string  `yaml:"source"`
}

// Pauses stop the whole drive now and then: cache folding, garbage collection, heat.
type Pauses struct {
	PerS   Figure[float64]  `yaml:"per_s"`  // Poisson rate, counted from the end of the one before
	Median Figure[Duration] `yaml:"median"` // of their lognormal length
	Sigma  float64          `yaml:"sigma,omitempty"`
}

// Limits are the most that is let through to the drive: by a control group (blkio.throttle, io.max), or by the owner of a volume. What
// comes slower is not delayed, other than by ControllerIOPS and Link, which take their time of each command. Absent: no limit.
type Limits struct {
	ReadIOPS  *Figure[float64] `yaml:"read_iops,omitempty"` // commands a second
	WriteIOPS *Figure[float64] `yaml:"write_iops,omitempty"`
	Read      *Figure[Rate]    `yaml:"read,omitempty"`
	Write     *Figure[Rate]    `yaml:"write,omitempty"`
}

// Interfaces are what a drive is connected by, with the most bytes a second that cross it, 0 where it is no bus.
// PCIe: lanes x rate x coding (PCI Express base specification 3.0 to 5.0: 128b/130b); SATA 3.x: 6 Gb/s, 8b/10b.
var Interfaces = []struct {
	Name string
	Most Rate
}{
	{"PCIe-5.0-x4", 32e9 * 4 / 8 * 128 / 130}, {"PCIe-4.0-x4", 16e9 * 4 / 8 * 128 / 130}, {"PCIe-3.0-x4", 8e9 * 4 / 8 * 128 / 130},
	{"SATA-6Gb", 6e9 * 8 / 10 / 8}, {"network", 0}, {"virtual", 0},
}

// The least and the most of what the queue model has a meaning for.
const (
	leastRate  Rate = 100e3
	sector     Size = 512 // of Linux's block layer
	mostPauses      = 1000
)

func (d *Drive) check(r *reader) {
	r.plain("drive", d.Drive)
	var names []string
	var most Rate
	for _, i := range Interfaces {
		names = append(names, i.Name)
		if i.Name == d.Interface {
			most = i.Most
		}
	}
	r.oneOf("interface", d.Interface, names...)
	r.figures(d)
	for _, f := range []struct {
		name  string
		value Rate
	}{{"link", d.Link.Value}, {"flash_write", d.FlashWrite.Value}} {
		if f.value < leastRate {
			r.refuse(f.name+".value", "is %v: no drive is slower than %v; look at the unit", f.value, leastRate)
		}
	}
	switch {
	case !r.ok("interface", "link.value", "flash_write.value"):
	case most > 0 && d.Link.Value > most:
		r.refuse("link.value", "is %v, more than crosses %s (%v)", d.Link.Value, d.Interface, Rate(int64(most)))
	case d.FlashWrite.Value > d.Link.Value:
		r.refuse("flash_write.value", "is %v, more than the link's %v: nothing is written faster than it comes", d.FlashWrite.Value, d.Link.Value)
	}
	if d.ControllerIOPS.Value < 1 {
		r.refuse("controller_iops.value", "is %g: no drive takes less than one command a second", d.ControllerIOPS.Value)
	}
	if d.PageBytes.Value < sector {
		r.refuse("page_bytes.value", "is %v, less than a sector of %v", d.PageBytes.Value, sector)
	}
	if w := d.Pauses; w != nil && r.ok("pauses.median.value") && w.PerS.Value > mostPauses {
		r.refuse("pauses.per_s.value", "is %g: pauses are at least %v apart", w.PerS.Value, Duration(time.Second/mostPauses))
	}
	if l := d.Limits; l != nil {
		l.check(r)
	}
	if r.ok("page_bytes.value", "max_command.value", "write_cache.value") {
		if d.MaxCommand.Value < d.PageBytes.Value {
			r.refuse("max_command.value", "is %v, less than a page (%v)", d.MaxCommand.Value, d.PageBytes.Value)
		}
		if d.WriteCache.Value < 2*d.MaxCommand.Value {
			r.refuse("write_cache.value", "is %v, less than two commands (%v)", d.WriteCache.Value, 2*d.MaxCommand.Value)
		}
	}
	if d.PageReadJitter >= 1 {
		r.refuse("page_read_jitter", "must be a share below 1, not %g", d.PageReadJitter)
	}
}

func (l *Limits) check(r *reader) {
	for _, f := range []struct {
		name  string
		value *Figure[float64]
	}{{"read_iops", l.ReadIOPS}, {"write_iops", l.WriteIOPS}} {
		if f.value != nil && f.value.Value < 1 {
			r.refuse("limits."+f.name+".value", "is %g, less than one command a second: leave it out for no limit", f.value.Value)
		}
	}
	for _, f := range []struct {
		name  string
		value *Figure[Rate]
	}{{"read", l.Read}, {"write", l.Write}} {
		if f.value != nil && f.value.Value < leastRate {
			r.refuse("limits."+f.name+".value", "is %v: no limit is below %v; look at the unit, or leave it out for no limit", f.value.Value, leastRate)
		}
	}
}
