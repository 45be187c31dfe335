package doctor

import "time"

var gpuWorlds = []worldOf{
	{"nvidia-driver", OK, "580.142, seen good", func(*world) {}},
	{"nvidia-driver", Warning, "nobody", file("proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64  590.11  Release")},
	{"nvidia-driver", OK, "580.142, seen good", lacksFile("proc/driver/nvidia/version")},
	{"nvidia-driver", Missing, "no NVIDIA driver", func(w *world) { w.remove("proc/driver/nvidia/version"); noGPU(w) }},
	{"nvidia-driver", Unknown, "tells no version", file("proc/driver/nvidia/version", "?")},

	{"cuda", OK, "CUDA 13.0", func(*world) {}},
	{"cuda", Warning, "CUDA 12.8: nobody", func(w *world) { w.prints("nvidia-smi --version", "13.0", "12.8") }},
	{"cuda", Unknown, "no nvidia-smi", noGPU},
	{"cuda", Unknown, "tells no CUDA version", command("nvidia-smi --version", "NVIDIA-SMI has failed", errRan)},

	{"gpu-telemetry", OK, "busy 96 %, SM clock 2418 MHz, 80.1 W", func(*world) {}},
	{"gpu-telemetry", Missing, "no nvidia-smi", noGPU},
	{"gpu-telemetry", Unknown, "[N/A] for utilization.gpu, clocks_event_reasons", smiLine("[N/A], [N/A], 80.10, 2418, [N/A]\n")},
	{"gpu-telemetry", Unknown, "couldn't communicate", command("nvidia-smi",
		"NVIDIA-SMI has failed because it couldn't communicate with the driver.", errRan)},

	{"gpu-memory", OK, "[N/A], which is null; /proc/meminfo tells 122 GiB", func(*world) {}},
	{"gpu-memory", OK, "memory of its own", smiLine("96, 40960, 80.10, 2418, 0x0000000000000000\n")},
	{"gpu-memory", Missing, "0 MiB used of a busy GPU", smiLine("96, 0, 80.10, 2418, 0x0000000000000000\n")},
	{"gpu-memory", Missing, "nobody tells memory", lacksFile("proc/meminfo")},
	{"gpu-memory", Unknown, "no nvidia-smi", noGPU},

	{"gpu-throttling", OK, "not held back (mask 0x0)", func(*world) {}},
	{"gpu-throttling", OK, "mask 0x4", smiLine("96, [N/A], 80.10, 2418, 0x0000000000000004\n")},
	{"gpu-throttling", Unknown, "the GPU is idle (mask 0x1)", smiLine(idleLine)},
	{"gpu-throttling", Unknown, "the GPU is idle (mask 0x5)", smiLine("96, [N/A], 80.10, 2418, 0x0000000000000005\n")},
	{"gpu-throttling", Unknown, "busy 50 % (mask 0x0)", smiLine("50, [N/A], 20.10, 2418, 0x0000000000000000\n")},
	{"gpu-throttling", Unknown, "[N/A] for utilization.gpu", smiLine("[N/A], [N/A], 80.10, 2418, 0x0000000000000000\n")},
	{"gpu-throttling", Missing, "hardware slowdown (mask 0x9)", smiLine("0, [N/A], 4.10, 208, 0x0000000000000009\n")},
	{"gpu-throttling", Missing, "hardware slowdown, hardware thermal slowdown (mask 0x48)",
		smiLine("96, [N/A], 80.10, 1200, 0x0000000000000048\n")},
	{"gpu-throttling", Missing, "software thermal slowdown, hardware power brake (mask 0xa0)",
		smiLine("96, [N/A], 80.10, 1200, 0x00000000000000a0\n")},
	{"gpu-throttling", Missing, "hardware power brake", func(w *world) { // idle until it is asked
		smiLine(idleLine)(w)
		w.slept = func(time.Duration) { smiLine("96, [N/A], 80.10, 1200, 0x0000000000000080\n")(w) }
	}},
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
	{"power-telemetry", Warning, "dc_input 30.0 W, syspl1 140.0 W with the GPU busy", file("sys/class/hwmon/hwmon7/power1_input", "30000000")},
	{"power-telemetry", OK, "dc_input 30.0 W", func(w *world) {
		w.set("sys/class/hwmon/hwmon7/power1_input",
			"30000000")
		smiLine(idleLine)(w)
	}},
	{"power-telemetry", Unknown, "tells no power", func(w *world) {
		w.remove("sys/class/hwmon/hwmon7/power1_input")
		w.remove("sys/class/hwmon/hwmon7/power2_input")
	}},
	{"power-telemetry", Unknown, "no hwmon spbm", file("sys/class/hwmon/hwmon7/name", "nvme")},

	{"gpu-processes", OK, "2 processes, 2 servers", func(*world) {}},
	{"gpu-processes", Warning, "2 processes, 1 servers were named: VLLM::EngineCore (4711), python3 (4712)", onlyB},
	{"gpu-processes", Unknown, "no processes but", command("nvidia-smi --query-compute-apps=pid,process_name --format=csv,noheader",
		"No devices were found\n", nil)},
	{"gpu-processes", Unknown, "no nvidia-smi", noGPU},

	{"desktop-session", OK, "no desktop", func(*world) {}},
	{"desktop-session", Warning, "Xorg, gnome-shell runs", func(w *world) {
		w.set("proc/90/comm",
			"gnome-shell\n")
		w.set("proc/91/comm", "Xorg\n")
	}},
	{"desktop-session", Unknown, "no processes", func(w *world) { w.remove("proc/1/comm"); w.remove("proc/4711/comm") }},

	{"kernel-log", OK, "0 lines of failed", func(*world) {}},
	{"kernel-log", Warning, "2 lines of failed GPU allocations, 0 of Xid", func(w *world) {
		command("dmesg", fixture(w.t,
			"dmesg-no-memory.txt"), nil)(w)
	}},
	{"kernel-log", OK, "since the boot", func(w *world) { // the ring has lost what the journal has
		command("dmesg", "[ 5668.448920] EXT4-fs (vda): mounted\n", nil)(w)
		command("journalctl", "Nov 20 09:12:31 spark kernel: Linux version 6.17.0-1014-nvidia\n", nil)(w)
	}},
	{"kernel-log", Warning, "1 lines of failed GPU allocations, 0 of Xid 31 or 119 since the boot", func(w *world) {
		command("dmesg", "[ 5668.448920] EXT4-fs (vda): mounted\n", nil)(w)
		command("journalctl", "spark kernel: Linux version 6.17.0-1014-nvidia\nspark kernel: NVRM: Out of memory [NV_ERR_NO_MEMORY]\n", nil)(w)
	}},
	{"kernel-log", Warning, "1 lines of failed GPU allocations, 0 of Xid 31 or 119 in a log whose beginning is lost", func(w *world) {
		command("dmesg", "[ 5668.448920] NVRM: Out of memory [NV_ERR_NO_MEMORY]\n", nil)(w)
		command("journalctl", "Nov 20 09:12:31 spark kernel: EXT4-fs (vda): mounted\n", nil)(w)
	}},
	{"kernel-log", Unknown, "0 of Xid 31 or 119 in a log whose beginning is lost", command("dmesg", "[ 5668.448920] EXT4-fs (vda): mounted\n", nil)},
	{"kernel-log", Missing, "1 of Xid 31 or 119", func(w *world) {
		command("dmesg", "", errRan)(w)
		command("journalctl", "NVRM: Xid (PCI:000f:01:00): 119, pid=4711, name=vllm, Timeout after 45s of waiting for RPC response from GPU0 GSP!\n", nil)(w)
	}},
	{"kernel-log", Unknown, "neither journalctl -k nor dmesg", command("dmesg", "", errRan)},
	{"kernel-log", Unknown, "neither journalctl -k nor dmesg", func(w *world) {
		command("dmesg", "", nil)(w)
		command("journalctl",
			"-- No entries --\n", nil)(w)
	}},
}
