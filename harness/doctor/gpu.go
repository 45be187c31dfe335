package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

func gpuChecks() []check {
	return []check{
		{id: "nvidia-driver", class: GPU, needed: withGPU, look: lookDriver,
			why: "some drivers fail allocations on a GB10",
			fix: "install a driver that was seen good: 580.142 to 580.173.02", root: true, source: kernelModules},
		{id: "cuda", class: GPU, look: lookCUDA,
			why: "images for a GB10 are built for one", fix: "take a driver of CUDA 13.0", root: true, source: kernelModules},
		{id: "gpu-telemetry", class: GPU, needed: withGPU, look: lookTelemetry,
			why: "GPU busy and clocks are telemetry", fix: "look what nvidia-smi itself prints; on a GB10 all but memory is told"},
		{id: "gpu-memory", class: GPU, look: lookGPUMemory,
			why: "on unified memory the GPU has none of its own: [N/A] is null, never 0",
			fix: "believe /proc/meminfo", source: "leptonai/gpud PR #1170"},
		{id: "gpu-throttling", class: GPU, look: lookThrottling,
			why: "a GPU that is held back is another machine",
			fix: "cool it, unplug both ends of the power adapter for 60 s", source: "NVML, nvmlClocksEventReasons"},
		{id: "gpu-clock-load", class: GPU, look: lookGPUClock,
			why: "a power supply that negotiated too little holds the clock at 500 to 850 MHz and sets no flag; about 2,400 is healthy",
			fix: "unplug both ends of the adapter for 60 s; it may come again every half hour: return a unit held at 30 W", source: "parallelArchitect/spark-gpu-throttle-check"},
		{id: "gpu-clock-lock", class: GPU, look: lookClockLock,
			why: "a locked clock belongs to the machine that was measured",
			fix: "nvidia-smi -rgc, or report the lock with the results", root: true,
			source: "NVML, nvmlClocksEventReasons"},
		{id: "power-telemetry", class: GPU, look: lookPower,
			why: "nvidia-smi tells the GPU's power alone, not what the adapter gives",
			fix: "load antheas/spark_hwmon, if power is in question", root: true,
			source: "antheas/spark_hwmon"},
		{id: "gpu-processes", class: GPU, look: lookGPUProcesses,
			why: "others on the GPU take its time and its memory", fix: "end what is no server of the plan"},
		{id: "desktop-session", class: GPU, look: lookDesktop,
			why: "a desktop takes GPU time, and 2 GiB are carved out for a display", fix: "systemctl isolate multi-user.target", root: true,
			source: "MiaAI-Lab/GLM-5.3-Flash-EXL3-2x-DGX-Sparks PR #234"},
		{id: "kernel-log", class: GPU, look: lookKernelLog,
			why: "allocation failures and Xid errors of this boot come again under load",
			fix: "reboot before the plan, and look again after it", root: true,
			source: kernelModules},
	}
}

// smi is the command of NVIDIA's driver.
const smi = "nvidia-smi"

// gpuState is what the driver says now, by the query of the telemetry of a run.
type gpuState struct {
	record.GPU
	mask  *uint64 // clocks_event_reasons.active; nil if it is not told
	fault string  // why there is nothing, "" if there is
	none  bool    // no nvidia-smi here
}

func (v *visit) askGPU() gpuState {
	query := telemetry.GPUCommand(context.Background()).Args[1:3] // without the repetition
	text, err := v.m.Run(v.ctx, smi, query...)
	if absent(err) {
		return gpuState{none: true, fault: "no nvidia-smi on this machine"}
	}
	if err != nil {
		return gpuState{fault: fmt.Sprintf("nvidia-smi: %v: %s", err, short(text))}
	}
	return readGPU(v.ctx, text)
}

// readGPU reads what the query printed.
func readGPU(ctx context.Context, text string) (st gpuState) {
	source := telemetry.NewGPU(strings.NewReader(text))
	_ = source.Close() // a reader of a text, which is waited for
	var s record.SysSample
	if err := source.Sample(ctx, &s); err != nil {
		return gpuState{fault: short(err.Error())}
	}
	st.GPU = *s.GPU
	lines := strings.Split(strings.TrimSpace(text), "\n")
	last := strings.Split(lines[len(lines)-1], ",")
	hex, found := strings.CutPrefix(strings.TrimSpace(last[len(last)-1]), "0x")
	if mask, err := strconv.ParseUint(hex, 16, 64); found && err == nil {
		st.mask = &mask
	}
	return st
}

var (
	driverVersion = regexp.MustCompile(`\b\d{3}\.\d+(\.\d+)?\b`)
	driverSaid    = regexp.MustCompile(`DRIVER version\s*:\s*(\d{3}\.\d+(?:\.\d+)?)`)
)

func lookDriver(v *visit) seen {
	text, err := v.m.text("proc/driver/nvidia/version")
	switch {
	case absent(err):
		// Some containers have the tools and not the file.
		said, _ := v.m.Run(v.ctx, smi, "--version")
		if found := driverSaid.FindStringSubmatch(said); found != nil {
			return judge("driver", found[1], drivers)
		}
		return missing("no NVIDIA driver is loaded")
	case err != nil:
		return unknown("/proc/driver/nvidia/version: %v", err)
	}
	version := driverVersion.FindString(text)
	if version == "" {
		return unknown("/proc/driver/nvidia/version tells no version: %s", short(text))
	}
	return judge("driver", version, drivers)
}

var cudaVersion = regexp.MustCompile(`CUDA Version\s*:\s*(\d+\.\d+)`)

func lookCUDA(v *visit) seen {
	text, err := v.m.Run(v.ctx, smi, "--version")
	if absent(err) {
		return unknown("no nvidia-smi on this machine")
	}
	m := cudaVersion.FindStringSubmatch(text)
	if m == nil {
		return unknown("nvidia-smi --version tells no CUDA version: %s", short(text))
	}
	return judge("CUDA", m[1], cudas)
}

func lookTelemetry(v *visit) seen {
	st := v.gpu()
	switch {
	case st.none:
		return missing("%s", st.fault)
	case st.fault != "":
		return unknown("%s", st.fault)
	}
	var untold []string
	for _, f := range []struct {
		name string
		told bool
	}{{"utilization.gpu", st.Util != nil}, {"clocks.sm", st.SMClockMHz != nil}, {"power.draw",
		st.PowerW != nil}, {"clocks_event_reasons", st.mask != nil}} {
		if !f.told {
			untold = append(untold, f.name)
		}
	}
	if len(untold) > 0 {
		return unknown("nvidia-smi has [N/A] for %s", strings.Join(untold, ", "))
	}
	return ok("busy %.0f %%, SM clock %.0f MHz, %.1f W", *st.Util, *st.SMClockMHz, *st.PowerW)
}

func lookGPUMemory(v *visit) seen {
	st := v.gpu()
	if st.fault != "" {
		return unknown("%s", st.fault)
	}
	f, err := v.m.told("MemTotal")
	switch used := st.MemUsedBytes; {
	case used == nil && err != nil:
		return missing("nvidia-smi has [N/A], and %v: nobody tells memory", err)
	case used == nil:
		return ok("nvidia-smi has [N/A], which is null; /proc/meminfo tells %s", size(f[0]))
	case *used == 0 && st.Util != nil && *st.Util > 0:
		return missing("nvidia-smi tells 0 MiB used of a busy GPU")
	default:
		return ok("nvidia-smi tells %s used: memory of its own", size(*used))
	}
}

// heldBack names the bits of clocks_event_reasons that mean throttled; lockedBit says that clocks are as an application set them.
var heldBack = []struct {
	bit  uint64
	name string
}{{0x08, "hardware slowdown"}, {0x20, "software thermal slowdown"}, {0x40, "hardware thermal slowdown"}, {0x80, "hardware power brake"}}

const (
	idleBit   = 0x01
	lockedBit = 0x02
)

func lookThrottling(v *visit) seen {
	st := v.loaded()
	switch {
	case st.fault != "":
		return unknown("%s", st.fault)
	case st.mask == nil:
		return unknown("nvidia-smi has [N/A] for clocks_event_reasons.active")
	}
	var names []string
	for _, h := range heldBack {
		if *st.mask&h.bit != 0 {
			names = append(names, h.name)
		}
	}
	if len(names) > 0 {
		return missing("held back: %s (mask 0x%x)", strings.Join(names, ", "), *st.mask)
	}
	// A GPU that does nothing is held back by nothing.
	switch {
	case *st.mask&idleBit != 0:
		return unknown("the GPU is idle (mask 0x%x): %s", *st.mask, underLoad).do(loadIt)
	case st.Util == nil:
		return unknown("nvidia-smi has [N/A] for utilization.gpu (mask 0x%x)", *st.mask)
	case *st.Util <= busyPercent:
		return unknown("busy %.0f %% (mask 0x%x): %s", *st.Util, *st.mask, underLoad).do(loadIt)
	}
	return ok("not held back (mask 0x%x)", *st.mask)
}

func lookClockLock(v *visit) seen {
	st := v.loaded()
	switch {
	case st.fault != "":
		return unknown("%s", st.fault)
	case st.mask == nil:
		return unknown("nvidia-smi has [N/A] for clocks_event_reasons.active")
	case *st.mask&lockedBit != 0:
		return warning("clocks are locked, or set by an application (mask 0x%x)", *st.mask)
	case *st.mask&idleBit != 0:
		return unknown("the GPU is idle, and shows no lock (mask 0x%x)", *st.mask)
	}
	return ok("clocks are not locked (mask 0x%x)", *st.mask)
}

func lookPower(v *visit) seen {
	names, _ := fs.Glob(v.m.Files, "sys/class/hwmon/hwmon*/name") // the pattern is well formed
	for _, name := range names {
		if text, err := v.m.text(name); err != nil || text != "spbm" {
			continue
		}
		dir := strings.TrimSuffix(name, "/name")
		labels, _ := fs.Glob(v.m.Files, dir+"/power*_label")
		var said []string
		var input *float64
		for _, l := range labels {
			label, err := v.m.text(l)
			uw, err2 := v.m.number(strings.TrimSuffix(l, "_label") + "_input")
			if err == nil && err2 == nil {
				said = append(said, fmt.Sprintf("%s %.1f W", short(label), uw/1e6))
				if label == "dc_input" {
					input = new(uw / 1e6)
				}
			}
		}
		if len(said) == 0 {
			return unknown("spbm is loaded and tells no power")
		}
		st := v.loaded()
		if input != nil && *input < cappedW && st.Util != nil && *st.Util > busyPercent {
			return warning("%s with the GPU busy: the adapter gives too little", strings.Join(said, ", ")).with(*input, "W").
				do("unplug both ends of the adapter for 60 s; return a unit that is held at 30 W again").by("ai-muninn.com, GB10 power")
		}
		return ok("%s", strings.Join(said, ", "))
	}
	return unknown("no hwmon spbm: the power of the adapter is not told")
}
