package doctor

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/drive"
)

// worldOf is a world in which a check comes out so, and what it says there.
type worldOf struct {
	id     string
	status Status
	says   string
	change func(*world)
}

var errBroken = errors.New("input/output error")

func noGPU(w *world) {
	for line := range w.commands {
		if strings.HasPrefix(line, "nvidia-smi") {
			delete(w.commands, line)
		}
	}
}

func smiLine(line string) func(*world) {
	return func(w *world) { w.commands["nvidia-smi"] = reply{smiHeader + line, nil} }
}

func noServers(w *world) { w.needs.Servers = nil }
func onlyB(w *world)     { w.needs.Servers = w.needs.Servers[1:] }
func noProcess(w *world) {
	for i := range w.needs.Servers {
		w.needs.Servers[i].Container = ""
	}
}

// native is a server outside of containers.
func native(environ string) func(*world) {
	return func(w *world) {
		noProcess(w)
		w.needs.Servers[1].PID = 4711
		if environ != "" {
			w.set("proc/4711/environ", environ)
		}
	}
}

func noLogs(w *world) { w.needs.Servers[0].Log, w.needs.Servers[1].Log = nil, nil }
func logs(line string) func(*world) {
	return func(w *world) { w.needs.Servers[1].Log = new(*w.needs.Servers[1].Log + line + "\n") }
}

func lacksFile(path string) func(*world) { return func(w *world) { w.remove(path) } }
func file(path, content string) func(*world) {
	return func(w *world) { w.set(path, content) }
}
func command(line, out string, err error) func(*world) {
	return func(w *world) { w.commands[line] = reply{out, err} }
}
func noCommand(line string) func(*world) { return func(w *world) { delete(w.commands, line) } }
func noDirectory(w *world)               { w.needs.Dir = "" }
func inspected(old, new string) func(*world) {
	return func(w *world) { w.prints("docker inspect --type container -- vllm", old, new) }
}
func page(old, new string) func(*world) {
	return func(w *world) {
		require.Contains(w.t, w.b.page, old)
		w.b.page = strings.ReplaceAll(w.b.page, old, new)
	}
}
func memory(name, kb string) func(*world) {
	return func(w *world) {
		w.set("proc/meminfo", strings.Replace(string(w.files["proc/meminfo"].Data), name+":", name+": "+kb+" kB\nOld:", 1))
	}
}

// worlds have, for each check, one in which it is well beside those of TestWell, one in which it is not, and one in which it
// cannot be told.
var worlds = []worldOf{
	{"kernel", OK, "seen good", func(*world) {}},
	{"kernel", Warning, "makes an allocation fail", file("proc/sys/kernel/osrelease", "7.0.0-1019-nvidia")},
	{"kernel", Warning, "hangs or panics", file("proc/sys/kernel/osrelease", "6.17.0-1008-nvidia")},
	{"kernel", Warning, "hangs or panics", file("proc/sys/kernel/osrelease", "6.14.0-1013-nvidia")},
	{"kernel", Warning, "nobody has said", file("proc/sys/kernel/osrelease", "6.17.0-1033-nvidia")},
	{"kernel", Unknown, "cannot be read", lacksFile("proc/sys/kernel/osrelease")},

	{"dgx-os", OK, "DGX OS 7.5.0, seen good", func(*world) {}},
	{"dgx-os", OK, "DGX OS 7.2.3 on Ubuntu 24.04.4", func(w *world) { w.instead("etc/dgx-release", "7.5.0", "7.1.0") }},
	{"dgx-os", Warning, "no DGX OS: Ubuntu", lacksFile("etc/dgx-release")},
	{"dgx-os", Unknown, "tells no version", file("etc/dgx-release", "DGX_NAME=x")},

	{"clock-sync", OK, "off by at most 1.5ms", func(*world) {}},
	{"clock-sync", Warning, "not synchronised", func(w *world) { w.synced = false }},
	{"clock-sync", Unknown, "input/output", func(w *world) { w.syncErr = errBroken }},

	{"cpu-clock-limit", OK, "2 clock domains", func(*world) {}},
	{"cpu-clock-limit", Warning, "policy5 is limited to 1.50 of 3.90 GHz", file("sys/devices/system/cpu/cpufreq/policy5/scaling_max_freq", "1500000")},
	{"cpu-clock-limit", Unknown, "cannot be read", lacksFile("sys/devices/system/cpu/cpufreq/policy5/cpuinfo_max_freq")},

	{"cpu-clock-load", OK, "3.90 GHz", func(*world) {}},
	{"cpu-clock-load", Missing, "1.50 GHz", func(w *world) {
		w.set("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1500000")
		w.set("sys/devices/system/cpu/cpufreq/policy5/scaling_cur_freq", "1500000")
	}},
	{"cpu-clock-load", Unknown, "only told under load", func(w *world) { w.needs.Probe = false }},

	{"psi", OK, "is told", func(*world) {}},
	{"psi", Missing, "no /proc/pressure/io", lacksFile("proc/pressure/io")},
	{"psi", Unknown, "no line", file("proc/pressure/io", "full avg10=0.00")},

	{"psi-idle", OK, "PSI io 0.0 %", func(*world) {}},
	{"psi-idle", Warning, "pressure without I/O", func(w *world) {
		w.slept = func(time.Duration) { w.instead("proc/pressure/io", "total=81234567", "total=81734567") }
	}},
	{"psi-idle", Unknown, "only told while drives are idle", func(w *world) {
		w.slept = func(time.Duration) {
			w.instead("proc/pressure/io", "total=81234567", "total=81734567")
			w.instead("proc/diskstats", "1200345", "1200399")
		}
	}},
	{"psi-idle", Unknown, "no total", file("proc/pressure/io", "some avg10=0.00")},
	{"psi-idle", Unknown, "backwards", func(w *world) {
		w.slept = func(time.Duration) { w.instead("proc/diskstats", "1200345", "1") }
	}},

	{"memory-available", OK, "107 GiB of 122 GiB", func(*world) {}},
	{"memory-available", OK, "beyond the model's 80 GiB", func(w *world) { w.needs.ModelBytes = 80 * gib }},
	{"memory-available", Warning, "were once not enough", func(w *world) { w.needs.ModelBytes = 95 * gib }},
	{"memory-available", Missing, "10 GiB are needed", memory("MemAvailable", "9000000")},
	{"memory-available", Unknown, "no MemAvailable", func(w *world) { w.instead("proc/meminfo", "MemAvailable", "Mem") }},

	{"page-cache", OK, "94 GiB free", func(*world) {}},
	{"page-cache", Warning, "are the guard", memory("MemFree", "8000000")},
	{"page-cache", Unknown, "no Cached", func(w *world) { w.instead("proc/meminfo", "Cached", "Catched") }},

	{"drop-caches", OK, "can be written", func(*world) {}},
	{"drop-caches", Missing, "cannot be written", func(w *world) { w.canWrite = false }},
	{"drop-caches", Unknown, "input/output", func(w *world) { w.writeErr = errBroken }},

	{"vm-watermarks", OK, "44 MiB", func(*world) {}},
	{"vm-watermarks", Warning, "6.2 GiB", file("proc/sys/vm/min_free_kbytes", "6501171")},
	{"vm-watermarks", Unknown, "watermark_boost_factor", lacksFile("proc/sys/vm/watermark_boost_factor")},

	{"swap", OK, "0 KiB of 16 GiB used", func(*world) {}},
	{"swap", OK, "no swap", func(w *world) { memory("SwapTotal", "0")(w); memory("SwapFree", "0")(w) }},
	{"swap", Warning, "of 16 GiB used", memory("SwapFree", "9000000")},
	{"swap", Unknown, "no pswpin", func(w *world) { w.instead("proc/vmstat", "pswpin", "x") }},
	{"swap", Unknown, "no SwapFree", func(w *world) { w.instead("proc/meminfo", "SwapFree", "x") }},

	{"cgroup-memory", OK, "no limit", func(*world) {}},
	{"cgroup-memory", OK, "no limit", func(w *world) {
		w.set("proc/self/cgroup", "4:memory:/run\n0::/\n")
		w.set("sys/fs/cgroup/memory/run/memory.limit_in_bytes", "9223372036854771712")
	}},
	{"cgroup-memory", Warning, "may use 16 GiB", file("sys/fs/cgroup/user.slice/memory.max", "17179869184")},
	{"cgroup-memory", Warning, "may use 16 GiB", func(w *world) {
		w.set("proc/self/cgroup", "4:memory:/run\n0::/\n")
		w.set("sys/fs/cgroup/memory/run/memory.limit_in_bytes", "17179869184")
	}},
	{"cgroup-memory", Unknown, "names no group", file("proc/self/cgroup", "")},
	{"cgroup-memory", Unknown, "no memory.max", file("proc/self/cgroup", "0::/elsewhere")},

	{"earlyoom", OK, "neither", func(*world) {}},
	{"earlyoom", Warning, "earlyoom runs", file("proc/77/comm", "earlyoom")},
	{"earlyoom", Unknown, "no processes", func(w *world) { w.remove("proc/1/comm"); w.remove("proc/4711/comm") }},

	{"nvidia-driver", OK, "580.142, seen good", func(*world) {}},
	{"nvidia-driver", Warning, "nobody", file("proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64  590.11  Release")},
	{"nvidia-driver", Missing, "no NVIDIA driver", lacksFile("proc/driver/nvidia/version")},
	{"nvidia-driver", Unknown, "tells no version", file("proc/driver/nvidia/version", "?")},

	{"cuda", OK, "CUDA 13.0", func(*world) {}},
	{"cuda", Warning, "CUDA 12.8: nobody", func(w *world) { w.prints("nvidia-smi --version", "13.0", "12.8") }},
	{"cuda", Unknown, "no nvidia-smi", noGPU},
	{"cuda", Unknown, "tells no CUDA version", command("nvidia-smi --version", "NVIDIA-SMI has failed", asItRan)},

	{"gpu-telemetry", OK, "busy 96 %, SM clock 2418 MHz, 80.1 W", func(*world) {}},
	{"gpu-telemetry", Missing, "no nvidia-smi", noGPU},
	{"gpu-telemetry", Unknown, "[N/A] for utilization.gpu, clocks_event_reasons", smiLine("[N/A], [N/A], 80.10, 2418, [N/A]\n")},
	{"gpu-telemetry", Unknown, "couldn't communicate", command("nvidia-smi", "NVIDIA-SMI has failed because it couldn't communicate with the driver.", asItRan)},

	{"gpu-memory", OK, "[N/A], which is null; /proc/meminfo tells 122 GiB", func(*world) {}},
	{"gpu-memory", OK, "memory of its own", smiLine("96, 40960, 80.10, 2418, 0x0000000000000000\n")},
	{"gpu-memory", Missing, "0 MiB used of a busy GPU", smiLine("96, 0, 80.10, 2418, 0x0000000000000000\n")},
	{"gpu-memory", Missing, "nobody tells memory", lacksFile("proc/meminfo")},
	{"gpu-memory", Unknown, "no nvidia-smi", noGPU},

	{"gpu-throttling", OK, "not held back (mask 0x0)", func(*world) {}},
	{"gpu-throttling", OK, "mask 0x5", smiLine("96, [N/A], 80.10, 2418, 0x0000000000000005\n")},
	{"gpu-throttling", Missing, "hardware slowdown, hardware thermal slowdown (mask 0x48)", smiLine("96, [N/A], 80.10, 1200, 0x0000000000000048\n")},
	{"gpu-throttling", Missing, "software thermal slowdown, hardware power brake (mask 0xa0)", smiLine("96, [N/A], 80.10, 1200, 0x00000000000000a0\n")},
	{"gpu-throttling", Unknown, "[N/A]", smiLine("96, [N/A], 80.10, 2418, [N/A]\n")},

	{"gpu-clock-load", OK, "SM clock 2418 MHz at 96 % busy", func(*world) {}},
	{"gpu-clock-load", Missing, "SM clock 513 MHz at 96 % busy, 17 W: below 1400", smiLine(slowLine)},
	{"gpu-clock-load", Missing, "SM clock 513 MHz", func(w *world) {
		w.needs.Probe = false // whoever loads it
		smiLine(slowLine)(w)
	}},
	{"gpu-clock-load", Missing, "SM clock 513 MHz", func(w *world) { // idle until it is asked
		smiLine(idleLine)(w)
		w.slept = func(time.Duration) { smiLine(slowLine)(w) }
	}},
	{"gpu-clock-load", Unknown, "busy 0 %: only told under load", func(w *world) { w.needs.Probe = false; smiLine(idleLine)(w) }},
	{"gpu-clock-load", Unknown, "busy 0 % is no load", smiLine(idleLine)},
	{"gpu-clock-load", Unknown, "[N/A]", smiLine("[N/A], [N/A], 80.10, 2418, 0x0\n")},

	{"gpu-clock-lock", OK, "not locked", func(*world) {}},
	{"gpu-clock-lock", Warning, "locked, or set", smiLine("96, [N/A], 80.10, 1800, 0x0000000000000002\n")},
	{"gpu-clock-lock", Unknown, "idle", smiLine(idleLine)},

	{"power-telemetry", OK, "dc_input 61.2 W, syspl1 140.0 W", func(*world) {}},
	{"power-telemetry", Warning, "tells no power", func(w *world) {
		w.remove("sys/class/hwmon/hwmon7/power1_input")
		w.remove("sys/class/hwmon/hwmon7/power2_input")
	}},
	{"power-telemetry", Unknown, "no hwmon spbm", file("sys/class/hwmon/hwmon7/name", "nvme")},

	{"gpu-processes", OK, "2 processes, 2 servers", func(*world) {}},
	{"gpu-processes", Warning, "2 processes, 1 servers were named: VLLM::EngineCore (4711), python3 (4712)", onlyB},
	{"gpu-processes", Unknown, "no processes but", command("nvidia-smi --query-compute-apps=pid,process_name --format=csv,noheader", "No devices were found\n", nil)},
	{"gpu-processes", Unknown, "no nvidia-smi", noGPU},

	{"desktop-session", OK, "no desktop", func(*world) {}},
	{"desktop-session", Warning, "Xorg, gnome-shell runs", func(w *world) { w.set("proc/90/comm", "gnome-shell\n"); w.set("proc/91/comm", "Xorg\n") }},
	{"desktop-session", Unknown, "no processes", func(w *world) { w.remove("proc/1/comm"); w.remove("proc/4711/comm") }},

	{"kernel-log", OK, "0 lines of failed", func(*world) {}},
	{"kernel-log", Warning, "2 lines of failed GPU allocations, 0 of Xid", func(w *world) { command("dmesg", fixture(w.t, "dmesg-no-memory.txt"), nil)(w) }},
	{"kernel-log", Missing, "1 of Xid 31 or 119", func(w *world) {
		command("dmesg", "", asItRan)(w)
		command("journalctl", "NVRM: Xid (PCI:000f:01:00): 119, pid=4711, name=vllm, Timeout after 45s of waiting for RPC response from GPU0 GSP!\n", nil)(w)
	}},
	{"kernel-log", Unknown, "neither dmesg nor journalctl", command("dmesg", "", asItRan)},
	{"kernel-log", Unknown, "neither dmesg nor journalctl", func(w *world) { command("dmesg", "", nil)(w); command("journalctl", "-- No entries --\n", nil)(w) }},

	{"drive-found", OK, "nvme0n1, ext4", func(*world) {}},
	{"drive-found", Missing, "on no local drive", func(w *world) { w.driveErr = drive.ErrNoDrive }},
	{"drive-found", Unknown, "was not named", noDirectory},

	{"drive-proved", OK, "nvme0n1 moved by what was written and read, 4 MiB each", func(*world) {}},
	{"drive-proved", Missing, "dead counters", func(w *world) { w.proof.Fault, w.proof.ReadBytes = "this looks like dead counters", new(0.0) }},
	{"drive-proved", Missing, "input/output", func(w *world) { w.proveErr = errBroken }},
	{"drive-proved", Warning, "other programs", func(w *world) { w.proof.Fault, w.proof.ReadBytes = "other programs use it", new(9e9) }},
	{"drive-proved", Unknown, "not known", func(w *world) { w.proof.Lacking = "whether the counters move is not known" }},

	{"drive-identity", OK, "SAMSUNG MZALC4T0HBL1-00B07 NXHB202Q, 32.0 GT/s PCIe x4", func(*world) {}},
	{"drive-identity", Warning, "could do 32.0 GT/s PCIe x4", func(w *world) { w.drive.Leaves[0].PCIe.Speed = "16.0 GT/s PCIe" }},
	{"drive-identity", Warning, "is virtual", func(w *world) { w.drive.Leaves[0].Virtual = true }},
	{"drive-identity", Warning, "several devices", func(w *world) { w.drive.Leaves = append(w.drive.Leaves, w.drive.Leaves[0]) }},
	{"drive-identity", Unknown, "not told", func(w *world) { w.drive.Leaves[0].Model, w.drive.Leaves[0].Firmware = "", "" }},

	{"drive-mount", OK, "ext4 on /: rw,relatime", func(*world) {}},
	{"drive-mount", Warning, "more is written", func(w *world) { w.instead("proc/self/mountinfo", "rw,errors", "rw,data=journal,errors") }},
	{"drive-mount", Warning, "each read writes", func(w *world) { w.instead("proc/self/mountinfo", "rw,relatime", "rw") }},
	{"drive-mount", Missing, "cannot be written", func(w *world) {
		w.instead("proc/self/mountinfo", "40 29", "30 29 259:3 / /mnt ro,relatime - ext4 /dev/nvme0n1p3 rw\n40 29")
	}},
	{"drive-mount", Unknown, "not told", lacksFile("proc/self/mountinfo")},
	{"drive-mount", Unknown, "no mount holds", file("proc/self/mountinfo", "40 29 0:26 / /dev/shm rw - tmpfs tmpfs rw")},

	{"drive-temperature", OK, "nvme0n1 42 of 82 C", func(*world) {}},
	{"drive-temperature", Warning, "74 of 82 C", file("sys/block/nvme0n1/device/hwmon3/temp1_input", "74000")},
	{"drive-temperature", Missing, "82 of 82 C", file("sys/block/nvme0n1/device/hwmon3/temp1_input", "82000")},
	{"drive-temperature", Unknown, "no temperature", lacksFile("sys/block/nvme0n1/device/hwmon3/temp1_input")},
	{"drive-temperature", Unknown, "with a limit", lacksFile("sys/block/nvme0n1/device/hwmon3/temp1_max")},

	{"drive-health", OK, "2 % of its rated writes used, 0 media errors", func(*world) {}},
	{"drive-health", Warning, "85 %", func(w *world) { w.prints("smartctl", `"percentage_used": 2`, `"percentage_used": 85`) }},
	{"drive-health", Warning, "3 media errors", func(w *world) { w.prints("smartctl", `"media_errors": 0`, `"media_errors": 3`) }},
	{"drive-health", Warning, "12 minutes too hot", func(w *world) { w.prints("smartctl", `"warning_temp_time": 0`, `"warning_temp_time": 12`) }},
	{"drive-health", Missing, "critical warning 0x4", func(w *world) { w.prints("smartctl", `"critical_warning": 0`, `"critical_warning": 4`) }},
	{"drive-health", Unknown, "no smartctl", noCommand("smartctl")},
	{"drive-health", Unknown, "Permission denied", command("smartctl", `{"smartctl":{"messages":[{"string":"Smartctl open device: /dev/nvme0n1 failed: Permission denied","severity":"error"}],"exit_status":2}}`, asItRan)},
	{"drive-health", Unknown, "no JSON", command("smartctl", "Segmentation fault", asItRan)},

	{"free-space", OK, "81 % of 3700 GiB; the plan keeps 512 GiB", func(*world) {}},
	{"free-space", Missing, "more than a fifth", func(w *world) { w.needs.FootprintBytes = new(700. * gib) }},
	{"free-space", Warning, "less than a fifth", func(w *world) { w.needs.FootprintBytes = nil; w.space["/mnt/nvme"] = Space{600 * gib, 3700 * gib} }},
	{"free-space", Unknown, "input/output", func(w *world) { w.spaceErr = errBroken }},
	{"free-space", Unknown, "was not named", noDirectory},

	{"iostats", OK, "nvme0n1: queue/iostats is 1", func(*world) {}},
	{"iostats", OK, "nvme0n1: queue/iostats is 1", noDirectory},
	{"iostats", Missing, "counts nothing", file("sys/block/nvme0n1/queue/iostats", "0")},
	{"iostats", Missing, "counts nothing", func(w *world) { noDirectory(w); w.set("sys/block/nvme0n1/queue/iostats", "0") }},
	{"iostats", Unknown, "nvme0n1", lacksFile("sys/block/nvme0n1/queue/iostats")},

	{"server-answers", OK, "m answers", func(*world) {}},
	{"server-answers", Missing, "no server at", func(w *world) { w.b.down = true }},
	{"server-answers", Missing, "lists no model", func(w *world) { w.b.model = "" }},
	{"server-answers", Unknown, "was not named", noServers},

	{"server-model", OK, "m", func(*world) {}},
	{"server-model", Missing, "two models: m, other", func(w *world) { w.b.model = "other" }},
	{"server-model", Unknown, "B does not answer", func(w *world) { w.b.down = true }},

	{"server-metrics", OK, "all 9 figures", func(*world) {}},
	{"server-metrics", Warning, "lacks waiting", page("vllm:num_requests_waiting", "other")},
	{"server-metrics", Missing, "none of the figures", func(w *world) { w.b.page = "x 1\n" }},
	{"server-metrics", Missing, "501", func(w *world) { w.b.page = "" }},
	{"server-metrics", Unknown, "kind openai", func(w *world) { w.needs.Servers[1].Kind = kind(w.t, "openai") }},
	{"server-metrics", Unknown, "does not answer", func(w *world) { w.b.down = true }},

	{"server-tiers", OK, "tier2_bytes_in, tier2_bytes_out", func(*world) {}},
	{"server-tiers", OK, "; disk 64 GiB", logs("kvbm: tier=disk blocks=6553 bytes_per_block=10485760")},
	{"server-tiers", Warning, "nothing of tier 2 yet", page("kv_offload_tiering", "other")},
	{"server-tiers", Missing, "kind vllm has no page", func(w *world) { w.needs.Servers[1].Kind = kind(w.t, "vllm") }},
	{"server-tiers", Unknown, "was not named", noServers},

	{"gpu-memory-share", OK, "0.75", func(*world) {}},
	{"gpu-memory-share", OK, "fixed at 26 GiB", page(`kv_cache_memory_bytes="None"`, `kv_cache_memory_bytes="27917287424"`)},
	{"gpu-memory-share", Warning, "0.84, above 0.80", page(`utilization="0.75"`, `utilization="0.84"`)},
	{"gpu-memory-share", Missing, "0.90, above 0.85", page(`utilization="0.75"`, `utilization="0.90"`)},
	{"gpu-memory-share", Unknown, "does not tell", page(`gpu_memory_utilization="0.75",`, "")},

	{"kv-pool-equal", OK, "A 196608 and B 196608 tokens", func(*world) {}},
	{"kv-pool-equal", Warning, "A 196608 and B 131072", page(`num_gpu_blocks="12288"`, `num_gpu_blocks="8192"`)},
	{"kv-pool-equal", Missing, "A 196608 and B 48000", page(`num_gpu_blocks="12288"`, `num_gpu_blocks="3000"`)},
	{"kv-pool-equal", Unknown, "B does not tell", page(`num_gpu_blocks="12288"`, `num_gpu_blocks="None"`)},
	{"kv-pool-equal", Unknown, "stack A was not named", onlyB},

	{"container-flags", OK, "--gpus, --ipc host", func(*world) {}},
	{"container-flags", OK, "outside of containers", native("")},
	{"container-flags", Warning, "no --gpus", inspected(`"gpu"`, `"compute"`)},
	{"container-flags", Warning, "--ipc private with 64 GiB", func(w *world) {
		inspected(`"IpcMode": "host"`, `"IpcMode": "private"`)(w)
		inspected("67108864, \"Memory\"", "68719476736, \"Memory\"")(w)
	}},
	{"container-flags", Warning, "--network bridge", inspected(`"NetworkMode": "host"`, `"NetworkMode": "bridge"`)},
	{"container-flags", Warning, "no --ulimit stack", inspected(`"stack"`, `"nofile"`)},
	{"container-flags", Warning, "does not count what the GPU", inspected(`"Memory": 0`, `"Memory": 68719476736`)},
	{"container-flags", Unknown, "was not named", noProcess},
	{"container-flags", Unknown, "docker tells nothing", command("docker inspect --type container -- vllm", "[]", asItRan)},

	{"server-memlock", OK, "unlimited", func(*world) {}},
	{"server-memlock", Missing, "at most 8 MiB", func(w *world) { w.instead("proc/4711/limits", "unlimited", "8388608") }},
	{"server-memlock", Unknown, "cannot be read", lacksFile("proc/4711/limits")},

	{"cache-dir", OK, "/mnt/nvme/kv is mounted at /kv", func(*world) {}},
	{"cache-dir", OK, "outside of containers", native("")},
	{"cache-dir", Missing, "cannot be written", inspected(`"RW": true`, `"RW": false`)},
	{"cache-dir", Missing, "nothing of /mnt/nvme", inspected("/mnt/nvme/kv", "/mnt/other/kv")},
	{"cache-dir", Missing, "nothing of /mnt/nvme", inspected("/mnt/nvme/kv", "/mnt/nvme2/kv")},
	{"cache-dir", Unknown, "was not named", noDirectory},

	{"allocator", OK, "is exempted", func(*world) {}},
	{"allocator", OK, "no KV connector", func(w *world) { w.needs.Servers[1].Kind = kind(w.t, "vllm") }},
	{"allocator", Warning, "is not set beside a KV connector", native("PATH=/bin\x00SECRET=sekret\x00")},
	{"allocator", Warning, "expandable_segments:False beside", inspected("expandable_segments:True", "expandable_segments:False")},
	{"allocator", Unknown, "environment of process 4711", native("")},

	{"hash-seed", OK, "PYTHONHASHSEED=0", func(*world) {}},
	{"hash-seed", OK, "PYTHONHASHSEED=7", native("A=b\x00PYTHONHASHSEED=7\x00")},
	{"hash-seed", Warning, "not fixed", inspected("PYTHONHASHSEED=0", "PYTHONHASHSEED=random")},
	{"hash-seed", Warning, "not fixed", inspected("PYTHONHASHSEED=0", "OTHER=0")},
	{"hash-seed", Unknown, "cannot be read", native("")},

	{"shm-space", OK, "60 GiB free in /dev/shm for a tier of 16 GiB", func(*world) {}},
	{"shm-space", Missing, "and 1 GiB", func(w *world) { w.needs.CPUTierBytes = new(59.5 * gib) }},
	{"shm-space", Unknown, "was not named", func(w *world) { w.needs.CPUTierBytes = nil }},

	{"shm-stale", OK, "no files", func(*world) {}},
	{"shm-stale", Warning, "vllm_offload_0.mmap", file("dev/shm/vllm_offload_0.mmap", "x")},
	{"shm-stale", Unknown, "/dev/shm", lacksFile("dev/shm/sem.x")},

	{"io-uring", OK, "is allowed", func(w *world) { w.needs.IOURing = true }},
	{"io-uring", OK, "no loader was named", inspected("seccomp=unconfined", "label=disable")},
	{"io-uring", Missing, "default seccomp profile", func(w *world) { w.needs.IOURing = true; inspected("seccomp=unconfined", "label=disable")(w) }},
	{"io-uring", Missing, "io_uring_disabled is 2", func(w *world) { w.needs.IOURing = true; w.set("proc/sys/kernel/io_uring_disabled", "2") }},
	{"io-uring", Unknown, "cannot be read", lacksFile("proc/sys/kernel/io_uring_disabled")},

	{"log-direct-io", OK, "no line", func(*world) {}},
	{"log-direct-io", Missing, "1 lines", logs("WARNING O_DIRECT is not supported on /kv, falling back to buffered I/O")},
	{"log-direct-io", Unknown, "was not named", noLogs},
	{"log-hybrid-cache", OK, "no line", func(*world) {}},
	{"log-hybrid-cache", Warning, "1 lines", logs("WARNING HMA is disabled: the connector does not support it")},
	{"log-hybrid-cache", Warning, "1 lines", logs("Turning off hybrid kv cache manager: disabling hybrid KV cache manager")},
	{"log-hybrid-cache", Unknown, "was not named", noLogs},
	{"log-kv-pool", OK, "196608 tokens", func(*world) {}},
	{"log-kv-pool", Warning, "GPU KV cache size 49152 tokens, and 196608 at another start", logs("GPU KV cache size: 49,152 tokens")},
	{"log-kv-pool", Unknown, "no line tells", func(w *world) { w.needs.Servers[1].Log = new("x\n") }},
	{"log-connector", OK, "OffloadingConnector", func(*world) {}},
	{"log-connector", Warning, "A has a KV connector, SimpleCPUOffloadConnector", func(w *world) {
		w.needs.Servers = w.needs.Servers[:1]
		w.needs.Servers[0].Log = new("Creating v1 connector with name: SimpleCPUOffloadConnector\n")
	}},
	{"log-connector", Unknown, "no line names", func(w *world) { w.needs.Servers[1].Log = new("x\n") }},
	{"log-load-errors", OK, "no failed load", func(*world) {}},
	{"log-load-errors", Missing, "1 lines: GDS_MT: failed", logs("GDS_MT: failed to register file")},
	{"log-load-errors", Missing, "1 lines", logs("ERROR promotion of 12 chunks failed: allocation")},
	{"log-load-errors", Missing, "1 lines", logs("OSError: [Errno 28] No space left on device")},
	{"log-load-errors", Unknown, "was not named", noLogs},

	{"prefix-cache", OK, "1184 of 1203 tokens cached", func(*world) {}},
	{"prefix-cache", Missing, "had 0 cached tokens", func(w *world) { w.b.cached = 0 }},
	{"prefix-cache", Unknown, "do not tell cached tokens", func(w *world) { w.b.tells = false }},
	{"prefix-cache", Unknown, "was not named", noServers},

	{"outputs-equal", OK, "answer alike", func(*world) {}},
	{"outputs-equal", Missing, "5 of 5 answers of B differ when its KV is cached", func(w *world) {
		w.b.says = func(prompt string, again bool) string { return begin(prompt) + map[bool]string{true: "garbage"}[again] }
	}},
	{"outputs-equal", Missing, "5 of 5 answers of A and B differ", func(w *world) { w.b.says = func(prompt string, _ bool) string { return begin(prompt) } }},
	{"outputs-equal", Warning, "so do their engines", func(w *world) {
		w.b.says = func(prompt string, _ bool) string { return begin(prompt) }
		w.needs.Servers[0].Kind = kind(w.t, "trtllm")
	}},
	{"outputs-equal", Warning, "tells nothing", func(w *world) {
		same := func(string, bool) string { return "yes" }
		w.a.says, w.b.says = same, same
	}},
	{"outputs-equal", Warning, "A was not named", onlyB},
	{"outputs-equal", Unknown, "A does not answer", func(w *world) { w.a.down = true }},

	{"fio", OK, "fio-3.41", func(*world) {}},
	{"fio", Missing, "no fio", noCommand("fio --version")},
	{"fio", Unknown, "fio is none", command("fio --version", "figlet 2", nil)},
	{"fio-engines", OK, "psync, libaio, io_uring", func(*world) {}},
	{"fio-engines", OK, "psync, io_uring", func(w *world) {
		w.needs.Hypotheses = []string{"H3"}
		w.prints("fio --enghelp", "\tlibaio\n", "")
	}},
	{"fio-engines", Warning, "io_uring, and no libaio", func(w *world) { w.prints("fio --enghelp", "\tlibaio\n", "") }},
	{"fio-engines", Missing, "no psync", func(w *world) { w.prints("fio --enghelp", "\tpsync\n", "") }},
	{"fio-engines", Unknown, "no engine that is known", command("fio --enghelp", "usage: fio", nil)},

	{"smartctl", OK, "smartctl 7.4", func(*world) {}},
	{"smartctl", Missing, "no smartctl", func(w *world) { noCommand("smartctl")(w); noCommand("smartctl --version")(w) }},
	{"smartctl", Unknown, "exit status", command("smartctl --version", "", asItRan)},
	{"docker", OK, "28.2.2", func(*world) {}},
	{"docker", Missing, "no docker", noCommand("docker --version")},
	{"docker", Unknown, "exit status", command("docker --version", "", asItRan)},
	{"nvidia-smi", OK, "580.142", func(*world) {}},
	{"nvidia-smi", Missing, "no nvidia-smi", noGPU},
	{"nvidia-smi", Unknown, "exit status", command("nvidia-smi --version", "", asItRan)},

	{"client-lateness", OK, "300 sends late by p50 0.149, p99 0.296 ms", func(*world) {}},
	{"client-lateness", Warning, "p99 2.000 ms", func(w *world) { w.lags[296], w.lags[297], w.lags[298], w.lags[299] = 2e6, 2e6, 2e6, 2e6 }},
	{"client-lateness", Missing, "p99 20.000 ms", func(w *world) { w.lags[296], w.lags[297], w.lags[298], w.lags[299] = 20e6, 20e6, 20e6, 20e6 }},
	{"client-lateness", Unknown, "too few", func(w *world) { w.lags = w.lags[:9] }},
	{"client-lateness", Unknown, "input/output", func(w *world) { w.lagErr = errBroken }},

	{"cgroup-cpu", OK, "no CPU quota", func(*world) {}},
	{"cgroup-cpu", Warning, "1.50 processors", file("sys/fs/cgroup/user.slice/cpu.max", "150000 100000")},
	{"cgroup-cpu", Warning, "0.50 processors", func(w *world) {
		w.set("proc/self/cgroup", "2:cpu,cpuacct:/run\n")
		w.set("sys/fs/cgroup/cpu/run/cpu.cfs_quota_us", "50000")
		w.set("sys/fs/cgroup/cpu/run/cpu.cfs_period_us", "100000")
	}},
	{"cgroup-cpu", OK, "no CPU quota", func(w *world) {
		w.set("proc/self/cgroup", "2:cpu,cpuacct:/run\n")
		w.set("sys/fs/cgroup/cpu/run/cpu.cfs_quota_us", "-1")
		w.set("sys/fs/cgroup/cpu/run/cpu.cfs_period_us", "100000")
	}},
	{"cgroup-cpu", Unknown, "names no group", file("proc/self/cgroup", "")},
	{"cgroup-cpu", Unknown, "no quota is told", file("proc/self/cgroup", "0::/elsewhere")},

	{"results-space", OK, "100 GiB", func(*world) {}},
	{"results-space", Missing, "1.0 GiB free", func(w *world) { w.space["."] = Space{gib, 200 * gib} }},
	{"results-space", Unknown, "input/output", func(w *world) { w.spaceErr = errBroken }},

	{"go-test-timeout", OK, "no limit, for a plan of 6.0 h", func(*world) {}},
	{"go-test-timeout", OK, "GOFLAGS' limit of 9.0 h", func(w *world) { w.needs.TestTimeout = nil; w.env["GOFLAGS"] = "-count=1 -timeout=9h" }},
	{"go-test-timeout", Missing, "go test's own limit of 0.2 h", func(w *world) { w.needs.TestTimeout = nil }},
	{"go-test-timeout", Missing, "the limit of 1.0 h", func(w *world) { w.needs.TestTimeout = new(time.Hour) }},
	{"go-test-timeout", Unknown, "was not named", func(w *world) { w.needs.Hours = 0 }},
	{"go-test-timeout", Unknown, "no duration", func(w *world) { w.needs.TestTimeout = nil; w.env["GOFLAGS"] = "-timeout=soon" }},
}

func TestChecks(t *testing.T) {
	for _, tt := range worlds {
		t.Run(tt.id+" "+string(tt.status)+" "+tt.says, func(t *testing.T) {
			w := well(t)
			tt.change(w)
			f := w.see(tt.id)
			assert.Equal(t, tt.status, f.Status, f.Seen)
			assert.Contains(t, f.Seen, tt.says)
			assert.NotContains(t, f.Seen+f.Fix+f.Why, "sekret")
			assert.NotContains(t, f.Seen, "\n")
		})
	}
}

// Each check has a world for each of the three: well, not well, and not told.
func TestEachCheckCanComeOutEachWay(t *testing.T) {
	seen := map[string]map[Status]bool{}
	for _, tt := range worlds {
		if seen[tt.id] == nil {
			seen[tt.id] = map[Status]bool{}
		}
		seen[tt.id][tt.status] = true
	}
	for _, c := range checks() {
		of := seen[c.id]
		assert.True(t, of[OK], "%s: no world in which it is ok", c.id)
		assert.True(t, of[Warning] || of[Missing], "%s: no world in which it is not", c.id)
		assert.True(t, of[Unknown], "%s: no world in which it is unknown", c.id)
		delete(seen, c.id)
	}
	assert.Empty(t, seen, "worlds of checks that there are not")
}

// In a world without anything nothing is ok: what cannot be told is unknown.
func TestNothingIsOKUnseen(t *testing.T) {
	w := well(t)
	clear(w.files)
	clear(w.commands)
	w.spaceErr, w.syncErr, w.writeErr, w.driveErr, w.lagErr = errBroken, errBroken, errBroken, errBroken, errBroken
	w.a.down, w.b.down = true, true
	noLogs(w)
	for _, f := range Run(t.Context(), w.needs) {
		if f.ID != "go-test-timeout" { // of which everything was told
			assert.NotEqual(t, OK, f.Status, "%s: %s", f.ID, f.Seen)
		}
	}
}

// A file that is there and cannot be read is not one that is not there.
func TestUnreadableIsUnknown(t *testing.T) {
	w := well(t)
	w.needs.Machine.Files = unreadable{w.files}
	for _, id := range []string{"psi", "nvidia-driver", "dgx-os", "kernel", "swap"} {
		assert.Equal(t, Unknown, w.see(id).Status, id)
	}
}

type unreadable struct{ fs.FS }

func (unreadable) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}
