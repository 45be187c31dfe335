package doctor

import (
	"fmt"
	"strconv"

	"sparkharness/harness/drive"
)

// cgroups are the folders of this process's groups in the hierarchy of a controller, from its own to the root, without /; v2 says
// that they are of the unified hierarchy.
func (m *Machine) cgroups(controller string) (dirs []string, v2 bool, err error) {
	text, err := m.text("proc/self/cgroup")
	if err != nil {
		return nil, false, err
	}
	return drive.ControlGroups(text, controller)
}

func lookCgroupMemory(v *visit) seen {
	dirs, v2, err := v.m.cgroups("memory")
	if err != nil {
		return unknown("%v", err)
	}
	total, err := v.m.told("MemTotal")
	if err != nil {
		return unknown("%v", err)
	}
	file := map[bool]string{true: "memory.max", false: "memory.limit_in_bytes"}[v2]
	limit, told := total[0], false
	for _, dir := range dirs {
		text, err := v.m.text(dir + "/" + file)
		if err != nil {
			continue // the root has none, nor have folders that a container does not show
		}
		if b, err := strconv.ParseFloat(text, 64); err == nil {
			told, limit = true, min(limit, b)
		} else if text == "max" {
			told = true
		}
	}
	switch {
	case limit < total[0]:
		return warning("this process may use %s of %s", size(limit), size(total[0])).with(limit, "B")
	case !told && len(dirs) > 1:
		return unknown("no %s in /%s", file, dirs[0])
	}
	return ok("no limit below the machine's %s", size(total[0]))
}

func lookCgroupCPU(v *visit) seen {
	dirs, v2, err := v.m.cgroups("cpu")
	if err != nil {
		return unknown("%v", err)
	}
	least, told := 0.0, false
	for _, dir := range dirs {
		var quota, period float64
		if v2 {
			text, err := v.m.text(dir + "/cpu.max")
			if err != nil {
				continue // the root has none, nor have folders that a container does not show
			}
			told = true
			if _, err := fmt.Sscan(text, &quota, &period); err != nil {
				continue // "max 100000"
			}
		} else {
			var err, err2 error
			quota, err = v.m.number(dir + "/cpu.cfs_quota_us")
			period, err2 = v.m.number(dir + "/cpu.cfs_period_us")
			if err != nil || err2 != nil {
				continue
			}
			told = true
		}
		if quota > 0 && period > 0 && (least == 0 || quota/period < least) {
			least = quota / period
		}
	}
	switch {
	case least > 0:
		return warning("a quota of %.2f processors", least).with(least, "processors")
	case !told && len(dirs) > 1:
		return unknown("no quota is told in /%s", dirs[0])
	}
	return ok("no CPU quota")
}
