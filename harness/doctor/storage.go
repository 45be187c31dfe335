package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"sparkharness/harness/drive"
	"sparkharness/harness/lora"
)

func driveChecks() []check {
	return []check{
		{id: "drive-found", class: Drive, needed: AllHypotheses, look: lookFound,
			why: "block counters of the drive are the referee of every claim about storage",
			fix: "name a folder on the drive that the servers use with --dir"},
		{id: "drive-proved", class: Drive, needed: AllHypotheses, look: lookProved,
			why: "counters that were not seen to move may be those of another device, or dead",
			fix: "end what else uses the drive; choose a file system with direct I/O"},
		{id: "drive-identity", class: Drive, look: lookIdentity,
			why:    "drives sold with one machine differ twofold: results are of a model, a firmware and a link",
			fix:    "never pool machines; look at the slot where a link is slow",
			source: "JustVugg/colibri #136"},
		{id: "drive-mount", class: Drive, look: lookMount,
			why: "mount options decide what is written beside the KV", fix: "mount it rw,relatime, without sync and data=journal", root: true},
		{id: "drive-temperature", class: Drive, look: lookTemperature,
			why: "a hot drive slows down in steps", fix: "cool the drive, wait until it is 10 K below its limit"},
		{id: "drive-health", class: Drive, look: lookHealth, root: true,
			why:    "a worn or failing drive is slow for reasons of its own",
			fix:    "install smartctl (smartmontools) and run as root; change a failing drive",
			source: "NVM Express base specification, SMART / Health Information log"},
		{id: "free-space", class: Drive, needed: AllHypotheses, look: lookFree,
			why: "a full tier only logs errors and serves by recomputing, and a full drive collects garbage",
			fix: "free space until the plan keeps a fifth of it at most", source: "vllm-project/vllm RFC #54779"},
		{id: "lora-adapters", class: Drive, needed: withLoRA, look: lookAdapters,
			why: "requests name them, and a server reads each when its first request comes",
			fix: "fetch them, into a folder of each one's name"},
		{id: "iostats", class: Drive, needed: AllHypotheses, look: lookIostats,
			why: "with queue/iostats 0 every counter stands still", fix: "echo 1 > /sys/block/<device>/queue/iostats", root: true,
			source: "kernel Documentation/ABI/stable/sysfs-block"},
	}
}

// driveState is what --dir leads to.
type driveState struct {
	*drive.Drive
	err error
}

var errNoDir = errors.New("no folder on the drive was named")

func (v *visit) findDrive() driveState {
	if v.n.Dir == "" {
		return driveState{err: errNoDir}
	}
	d, err := v.m.Drive(v.n.Dir)
	return driveState{d, err}
}

func noDir() seen { return unnamed("a folder on the drive", "--dir DIR") }

// why is how a check sees a drive that there is not.
func (d driveState) why() seen {
	if errors.Is(d.err, errNoDir) {
		return noDir()
	}
	return unknown("no drive was found").do("mend drive-found first")
}

// names are the leaves and the file system.
func (d driveState) names() string {
	var names []string
	for _, l := range d.Leaves {
		names = append(names, l.Name)
	}
	return strings.Join(names, ", ")
}

func lookFound(v *visit) seen {
	d := v.drive()
	switch {
	case errors.Is(d.err, errNoDir):
		return noDir()
	case d.err != nil:
		return missing("%s", short(d.err.Error()))
	}
	return ok("%s, %s", d.names(), d.FileSystem)
}

func lookProved(v *visit) seen {
	d := v.drive()
	if d.err != nil {
		return d.why()
	}
	p, err := v.m.Prove(v.ctx, d.Drive)
	if err != nil {
		return missing("%s", short(err.Error()))
	}
	if p.Lacking != "" {
		return unknown("%s", short(p.Lacking))
	}
	if p.Within() {
		return ok("%s moved by what was written and read, %s each, within 2 %%", strings.Join(p.Counters, ", "), size(p.AskedReadBytes))
	}
	if shown, _ := p.Shown(); shown {
		return warning("%s", short(p.Fault))
	}
	return missing("%s", short(p.Fault))
}

func lookIdentity(v *visit) seen {
	d := v.drive()
	if d.err != nil {
		return d.why()
	}
	var said, odd []string
	untold := false
	for _, l := range d.Leaves {
		name := strings.TrimSpace(l.Model + " " + l.Firmware)
		if name == "" {
			name, untold = "a model that is not told", true
		}
		if p := l.PCIe; p != nil && p.Speed != "" {
			name += ", " + p.Speed + " x" + p.Width
		}
		said = append(said, l.Name+" "+name)
		if l.Virtual {
			odd = append(odd, l.Name+" is virtual: its figures are the hypervisor's")
		}
		if l.PCIe != nil && l.PCIe.Below() {
			odd = append(odd, fmt.Sprintf("the link of %s could do %s x%s", l.Name, l.PCIe.MaxSpeed, l.PCIe.MaxWidth))
		}
	}
	if len(d.Leaves) > 1 {
		odd = append(odd, "several devices are summed")
	}
	switch {
	case len(odd) > 0:
		return warning("%s; %s", short(strings.Join(said, "; ")), short(strings.Join(odd, "; ")))
	case untold:
		return unknown("%s", short(strings.Join(said, "; ")))
	}
	return ok("%s", short(strings.Join(said, "; ")))
}

func lookMount(v *visit) seen {
	d := v.drive()
	if d.err != nil {
		return d.why()
	}
	text, err := v.m.text("proc/self/mountinfo")
	if err != nil {
		return unknown("mounts are not told: %v", err)
	}
	point, options := "", ""
	for line := range strings.Lines(text) {
		before, after, found := strings.Cut(line, " - ")
		f, more := strings.Fields(before), strings.Fields(after)
		if !found || len(f) < 6 || len(more) < 3 {
			continue
		}
		if f[4] == "/" || d.Dir == f[4] || strings.HasPrefix(d.Dir, f[4]+"/") {
			if len(f[4]) >= len(point) {
				point, options = f[4], f[5]+","+more[2]
			}
		}
	}
	if point == "" {
		return unknown("no mount holds %s", short(d.Dir))
	}
	has := map[string]bool{}
	for o := range strings.SplitSeq(options, ",") {
		has[o] = true
	}
	said := fmt.Sprintf("%s on %s: %s", d.FileSystem, short(point), short(options))
	switch {
	case has["ro"]:
		return missing("%s: cannot be written", said)
	case has["sync"], has["data=journal"]:
		return warning("%s: more is written than the KV", said)
	case !has["relatime"] && !has["noatime"]:
		return warning("%s: each read writes its time", said)
	}
	return ok("%s", said)
}

func lookTemperature(v *visit) seen {
	d := v.drive()
	if d.err != nil {
		return d.why()
	}
	var said []string
	out := ok("")
	for _, l := range d.Leaves {
		found, _ := fs.Glob(v.m.Files, "sys/block/"+l.Name+"/device/hwmon*/temp1_input") // the patterns are well formed
		if len(found) == 0 {
			found, _ = fs.Glob(v.m.Files, "sys/block/"+l.Name+"/device/device/hwmon/hwmon*/temp1_input")
		}
		if len(found) == 0 {
			return unknown("%s tells no temperature", l.Name)
		}
		base := strings.TrimSuffix(found[0], "input")
		now, err := v.m.number(found[0])
		most, err2 := v.m.number(base + "max")
		if err != nil || err2 != nil {
			return unknown("%s tells no temperature with a limit", l.Name)
		}
		said = append(said, fmt.Sprintf("%s %.0f of %.0f C", l.Name, now/1e3, most/1e3))
		switch {
		case now >= most:
			out.status = Missing
		case now > most-1e3*nearLimit && out.status == OK:
			out.status = Warning
		}
		out = out.with(now/1e3, "C")
	}
	out.text = strings.Join(said, ", ")
	return out
}

func lookFree(v *visit) seen {
	if v.n.Dir == "" {
		return noDir()
	}
	s, err := v.m.Space(v.n.Dir)
	if err != nil {
		return unknown("%v", err)
	}
	if s.Total <= 0 {
		return unknown("the file system tells no size")
	}
	said := fmt.Sprintf("%s free, %.0f %% of %s", size(s.Free), 100*s.Free/s.Total, size(s.Total))
	if f := v.n.FootprintBytes; f != nil {
		said += fmt.Sprintf("; the plan keeps %s", size(*f))
		if *f > footprintShare*s.Free {
			return missing("%s, more than a fifth of it", said).with(s.Free, "B")
		}
	} else {
		said += "; what the plan keeps was not named (--footprint), and is not judged"
	}
	if s.Free < footprintShare*s.Total {
		return warning("less than a fifth is free: %s", said).with(s.Free, "B")
	}
	return ok("%s", said).with(s.Free, "B")
}

func lookAdapters(v *visit) seen {
	w := v.n.Adapters
	if w == nil {
		return unnamed("the folder of the LoRA adapters", "--adapters DIR")
	}
	found, err := lora.Look(v.m.Files, *w)
	if err != nil {
		return missing("%v", err)
	}
	bytes := float64(lora.Bytes(found))
	return ok("%d in %s, %s", len(found), short(w.Dir), size(bytes)).with(bytes, "B")
}

func lookIostats(v *visit) seen {
	d := v.drive()
	var names []string
	if d.err == nil {
		for _, l := range d.Leaves {
			names = append(names, l.Name)
		}
	} else {
		found, _ := fs.Glob(v.m.Files, "sys/block/*/queue/iostats") // the pattern is well formed
		for _, f := range found {
			name := strings.Split(f, "/")[2]
			if !strings.HasPrefix(name, "loop") && !strings.HasPrefix(name, "ram") && !strings.HasPrefix(name, "zram") {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return unknown("no device tells queue/iostats")
	}
	for _, name := range names {
		text, err := v.m.text("sys/block/" + name + "/queue/iostats")
		switch {
		case err != nil:
			return unknown("%s: %v", name, err)
		case text == "0":
			return missing("%s counts nothing (queue/iostats is 0)", name)
		case text != "1":
			return unknown("%s: queue/iostats is %s", name, short(text))
		}
	}
	return ok("%s: queue/iostats is 1", strings.Join(names, ", "))
}
