package doctor

import "time"

var hostWorlds = []worldOf{
	{"kernel", OK, "seen good", func(*world) {}},
	{"kernel", OK, "6.17.0-1032-nvidia, seen good", file("proc/sys/kernel/osrelease", "6.17.0-1032-nvidia")},
	{"kernel", Warning, "6.17.0-1033-nvidia: nobody", file("proc/sys/kernel/osrelease", "6.17.0-1033-nvidia")},
	{"kernel", Warning, "6.17.0-1020-oem: nobody", file("proc/sys/kernel/osrelease", "6.17.0-1020-oem")},
	{"kernel", Warning, "6.17.0-1020-generic-nvidia: nobody", file("proc/sys/kernel/osrelease", "6.17.0-1020-generic-nvidia")},
	{"kernel", Warning, "6.17.0-1020-nvidia-64k: nobody", file("proc/sys/kernel/osrelease", "6.17.0-1020-nvidia-64k")},
	{"kernel", Warning, "6.17.0-1032-nvidia-64k: nobody", file("proc/sys/kernel/osrelease", "6.17.0-1032-nvidia-64k")},
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
	{"cpu-clock-limit", Warning, "policy5 is limited to 1.50 of 3.90 GHz",
		file("sys/devices/system/cpu/cpufreq/policy5/scaling_max_freq", "1500000")},
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

	{"swap", OK, "no swap; 12345 major faults since the boot", func(*world) {}},
	{"swap", Missing, "swap is on: 0 KiB of 16 GiB used", func(w *world) { memory("SwapTotal", "16777212")(w); memory("SwapFree", "16777212")(w) }},
	{"swap", Missing, "of 16 GiB used; since the boot 0 pages in, 0 out", func(w *world) { memory("SwapTotal", "16777212")(w); memory("SwapFree", "9000000")(w) }},
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
}
