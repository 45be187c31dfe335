package doctor

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

func memoryChecks() []check {
	return []check{
		{id: "memory-available", class: Memory, needed: AllHypotheses, look: lookAvailable,
			why: "on unified memory the GPU takes what the host has: short of it the whole host hangs, nothing is killed",
			fix: "end other programs, or give the server less (gpu_memory_utilization, kv_cache_memory_bytes)", source: "NVIDIA/dgx-spark-playbooks #116"},
		{id: "page-cache", class: Memory, look: lookPageCache,
			why:  "a server takes free memory for all there is at its start, and the page cache is not free",
			fix:  "before the server starts: sync; echo 3 > /proc/sys/vm/drop_caches; echo 1 > /proc/sys/vm/compact_memory",
			root: true, source: "tonyd2wild, report of 3 September 2026; vllm-project/vllm #35313"},
		{id: "drop-caches", class: Memory, needed: dropping, look: lookDrop,
			why:  "its cold arm drops the page cache",
			fix:  "run the plan as root: H1 alone asks for it, on servers that are started; the simulated machine needs none",
			root: true, source: "kernel Documentation/admin-guide/sysctl/vm.rst"},
		{id: "vm-watermarks", class: Memory, look: lookWatermarks,
			why: "what the kernel keeps free is missing in a server's start check",
			fix: "raise vm.min_free_kbytes after the server has started, not before", root: true,
			source: "tonyd2wild, report of 3 September 2026"},
		{id: "swap", class: Memory, needed: AllHypotheses, look: lookSwap,
			why: "swapping is storage traffic of its own: where swap is on, a run is Invalid",
			fix: "swapoff -a for the time of the plan", root: true},
		{id: "cgroup-memory", class: Memory, look: lookCgroupMemory,
			why: "a memory limit does not count what the GPU allocates, so that it guards nothing and may end the client",
			fix: "run the plan outside the limit (systemd-run --scope, docker run without --memory)", source: "gitcommit90/glm-5.3-one-spark #3"},
		{id: "earlyoom", class: Memory, look: lookEarlyOOM,
			why: "with a condition on swap it never fires here, without one it may end the server or the client",
			fix: "stop earlyoom for the time of the plan", root: true,
			source: "gitcommit90/glm-5.3-one-spark #3"},
	}
}

// meminfo are the sizes of /proc/meminfo, bytes.
func (m *Machine) meminfo() (map[string]float64, error) {
	text, err := m.text("proc/meminfo")
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if len(f) == 2 && f[1] == "kB" {
			if kb, err := strconv.ParseUint(f[0], 10, 53); err == nil {
				out[name] = float64(kb) * kib
			}
		}
	}
	return out, nil
}

// told are sizes of /proc/meminfo that must all be there.
func (m *Machine) told(names ...string) ([]float64, error) {
	all, err := m.meminfo()
	if err != nil {
		return nil, err
	}
	var out []float64
	for _, name := range names {
		b, known := all[name]
		if !known {
			return nil, errors.New("/proc/meminfo has no " + name)
		}
		out = append(out, b)
	}
	return out, nil
}

func lookAvailable(v *visit) seen {
	f, err := v.m.told("MemAvailable", "MemTotal")
	if err != nil {
		return unknown("%v", err)
	}
	beyond := ""
	if v.n.ModelBytes > 0 {
		beyond = fmt.Sprintf(", %s beyond the model's %s", size(max(0, f[0]-v.n.ModelBytes)), size(v.n.ModelBytes))
	}
	said := fmt.Sprintf("%s of %s available%s", size(f[0]), size(f[1]), beyond)
	switch left := f[0] - v.n.ModelBytes; {
	case left < leastAvailable:
		return missing("%s; %s are needed", said, size(leastAvailable)).with(f[0], "B")
	case left < wellAvailable:
		return warning("%s; %s were once not enough", said, size(wellAvailable)).with(f[0], "B")
	}
	return ok("%s", said).with(f[0], "B")
}

func lookPageCache(v *visit) seen {
	f, err := v.m.told("MemFree", "Cached")
	if err != nil {
		return unknown("%v", err)
	}
	said := fmt.Sprintf("%s free, %s in the page cache", size(f[0]), size(f[1]))
	if f[0] < v.n.ModelBytes+leastFree {
		return warning("%s; %s free are the guard", said, size(v.n.ModelBytes+leastFree)).with(f[1], "B")
	}
	return ok("%s", said).with(f[1], "B")
}

func lookDrop(v *visit) seen {
	const file = "/proc/sys/vm/drop_caches"
	can, err := v.m.Writable(file)
	switch {
	case err != nil:
		return unknown("%s: %v", file, err)
	case !can:
		return missing("%s cannot be written by this user", file)
	}
	return ok("%s can be written", file)
}

func lookWatermarks(v *visit) seen {
	least, err := v.m.number("proc/sys/vm/min_free_kbytes")
	if err != nil {
		return unknown("vm.min_free_kbytes cannot be read: %v", err)
	}
	boost, err := v.m.number("proc/sys/vm/watermark_boost_factor")
	if err != nil {
		return unknown("vm.watermark_boost_factor cannot be read: %v", err)
	}
	said := fmt.Sprintf("min_free_kbytes %s, watermark_boost_factor %.0f", size(least*kib), boost)
	if least*kib > mostMinFree {
		return warning("%s", said).with(least*kib, "B")
	}
	return ok("%s", said).with(least*kib, "B")
}

func lookSwap(v *visit) seen {
	f, err := v.m.told("SwapTotal", "SwapFree")
	if err != nil {
		return unknown("%v", err)
	}
	stat, err := v.m.text("proc/vmstat")
	if err != nil {
		return unknown("whether it swaps is not told: %v", err)
	}
	counts := map[string]string{}
	for line := range strings.Lines(stat) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), " "); found {
			counts[name] = value
		}
	}
	for _, name := range []string{"pswpin", "pswpout", "pgmajfault"} {
		if counts[name] == "" {
			return unknown("/proc/vmstat has no %s, so that nobody would see it swap", name)
		}
	}
	used := f[0] - f[1]
	said := fmt.Sprintf("%s of %s used; since the boot %s pages in, %s out, %s major faults", size(used), size(f[0]),
		short(counts["pswpin"]), short(counts["pswpout"]), short(counts["pgmajfault"]))
	if f[0] == 0 {
		said = "no swap; " + short(counts["pgmajfault"]) + " major faults since the boot"
	}
	if f[0] > 0 {
		return missing("swap is on: %s", said).with(used, "B") // a cell beside it is Invalid, whether it is used or not
	}
	return ok("%s", said).with(used, "B")
}

func lookEarlyOOM(v *visit) seen {
	found, err := v.m.running("earlyoom", "systemd-oomd")
	switch {
	case err != nil:
		return unknown("%v", err)
	case len(found) > 0:
		return warning("%s runs", strings.Join(found, ", "))
	}
	return ok("neither earlyoom nor systemd-oomd runs")
}
