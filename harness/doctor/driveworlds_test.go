package doctor

import "sparkharness/harness/drive"

var driveWorlds = []worldOf{
	{"drive-found", OK, "nvme0n1, ext4", func(*world) {}},
	{"drive-found", Missing, "on no local drive", func(w *world) { w.driveErr = drive.ErrNoDrive }},
	{"drive-found", Unknown, "was not named", noDirectory},

	{"drive-proved", OK, "nvme0n1 moved by what was written and read, 4 MiB each", func(*world) {}},
	{"drive-proved", Missing, "dead counters", func(w *world) {
		w.proof.Fault, w.proof.ReadBytes = "this looks like dead counters",
			new(0.0)
	}},
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
	{"drive-health", Warning, "12 minutes too hot", func(w *world) {
		w.prints("smartctl", `"warning_temp_time": 0`,
			`"warning_temp_time": 12`)
	}},
	{"drive-health", Missing, "critical warning 0x4", func(w *world) {
		w.prints("smartctl", `"critical_warning": 0`,
			`"critical_warning": 4`)
	}},
	{"drive-health", Unknown, "no smartctl", noCommand("smartctl")},
	{"drive-health", Unknown, "Permission denied", command("smartctl",
		`{"smartctl":{"messages":[{"string":"Smartctl open device: /dev/nvme0n1 failed: Permission denied","severity":"error"}],"exit_status":2}}`, errRan)},
	{"drive-health", Unknown, "no JSON", command("smartctl", "Segmentation fault", errRan)},

	{"free-space", OK, "81 % of 3700 GiB; the plan keeps 512 GiB", func(*world) {}},
	{"free-space", Missing, "more than a fifth", func(w *world) { w.needs.FootprintBytes = new(700. * gib) }},
	{"free-space", OK, "81 % of 3700 GiB; what the plan keeps was not named (--footprint), and is not judged", func(w *world) {
		w.needs.FootprintBytes = nil
	}},
	{"free-space", Warning, "less than a fifth", func(w *world) {
		w.needs.FootprintBytes = nil
		w.space["/mnt/nvme"] = Space{600 * gib,
			3700 * gib}
	}},
	{"free-space", Unknown, "input/output", func(w *world) { w.spaceErr = errBroken }},
	{"free-space", Unknown, "was not named", noDirectory},

	{"lora-adapters", OK, "2 in /mnt/nvme/lora, 160 MiB", func(*world) {}},
	{"lora-adapters", Missing, "1 of 2 LoRA adapters are not in /mnt/nvme/lora (b)", lacksFile("mnt/nvme/lora/b/adapter_config.json")},
	{"lora-adapters", Missing, "it has rank 64, and servers are started for 16", file("mnt/nvme/lora/b/adapter_config.json", `{"peft_type":"LORA","r":64}`)},
	{"lora-adapters", Unknown, "the folder of the LoRA adapters was not named (--adapters DIR)", func(w *world) { w.needs.Adapters = nil }},

	{"iostats", OK, "nvme0n1: queue/iostats is 1", func(*world) {}},
	{"iostats", OK, "nvme0n1: queue/iostats is 1", noDirectory},
	{"iostats", Missing, "counts nothing", file("sys/block/nvme0n1/queue/iostats", "0")},
	{"iostats", Missing, "counts nothing", func(w *world) { noDirectory(w); w.set("sys/block/nvme0n1/queue/iostats", "0") }},
	{"iostats", Unknown, "nvme0n1", lacksFile("sys/block/nvme0n1/queue/iostats")},
}
