package doctor

import (
	"io/fs"
	"time"
)

var toolWorlds = []worldOf{
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
	{"smartctl", Unknown, "exit status", command("smartctl --version", "", errRan)},
	{"docker", OK, "28.2.2", func(*world) {}},
	{"docker", Missing, "no docker", noCommand("docker version --format {{.Server.Version}}")},
	{"docker", Missing, "its daemon does not answer", command("docker version --format {{.Server.Version}}", "\n", errRan)},
	{"docker", Unknown, "no version of its daemon", command("docker version --format {{.Server.Version}}", "<no value>\n", nil)},
	{"nvidia-smi", OK, "580.142", func(*world) {}},
	{"nvidia-smi", Missing, "no nvidia-smi", noGPU},
	{"nvidia-smi", Unknown, "exit status", command("nvidia-smi --version", "", errRan)},

	{"client-lateness", OK, "300 sends late by p50 0.149, p99 0.296 ms", func(*world) {}},
	{"client-lateness", Warning, "p99 2.000 ms", func(w *world) { w.lags[296], w.lags[297], w.lags[298], w.lags[299] = 2e6, 2e6, 2e6, 2e6 }},
	{"client-lateness", Missing, "p99 20.000 ms", func(w *world) {
		w.lags[296], w.lags[297], w.lags[298], w.lags[299] = 20e6, 20e6,
			20e6, 20e6
	}},
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
	{"results-space", OK, "100 GiB", noResultsYet},
	{"results-space", Unknown, "file does not exist", func(w *world) { noResultsYet(w); delete(w.space, ".") }},
	{"results-space", Unknown, "input/output", func(w *world) { w.spaceErr = errBroken }},

	{"go-test-timeout", OK, "no limit, for a plan of 6.0 h", func(*world) {}},
	{"go-test-timeout", OK, "GOFLAGS' limit of 9.0 h", func(w *world) { w.needs.TestTimeout = nil; w.env["GOFLAGS"] = "-count=1 -timeout=9h" }},
	{"go-test-timeout", Missing, "go test's own limit of 0.2 h", func(w *world) { w.needs.TestTimeout = nil }},
	{"go-test-timeout", Missing, "the limit of 1.0 h", func(w *world) { w.needs.TestTimeout = new(time.Hour) }},
	{"go-test-timeout", Unknown, "was not named", func(w *world) { w.needs.Hours = 0 }},
	{"go-test-timeout", Unknown, "no duration", func(w *world) { w.needs.TestTimeout = nil; w.env["GOFLAGS"] = "-timeout=soon" }},
}

// noResultsYet is the machine before its first run, which makes the folder for results.
func noResultsYet(w *world) {
	w.needs.Results = "runs/first"
	w.spaceOf = func(path string) (Space, error) {
		if s, there := w.space[path]; there {
			return s, nil
		}
		return Space{}, &fs.PathError{Op: "statfs", Path: path, Err: fs.ErrNotExist}
	}
}
