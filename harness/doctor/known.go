package doctor

import "strings"

// Thresholds: published ones with their source, of which single reports by owners are single observations. nearLimit, mostWorn and
// idlePSI are choices of this program.
const (
	// leastAvailable is what must be available beyond a model: below it a host was wedged; wellAvailable survives a fall of 16 GiB
	// while a model loads (a fall of 21 GiB in 1.5 s was seen). NVIDIA/dgx-spark-playbooks #116.
	leastAvailable = 10 * gib
	wellAvailable  = 16 * gib
	// leastFree is the guard of free memory (without the page cache) while a model loads (tonyd2wild, report of 3 September 2026):
	// cudaMemGetInfo does not count what can be reclaimed (vllm-project/vllm #35313).
	leastFree = 8 * gib
	// mostGPUShare is the largest gpu_memory_utilization that left the host enough; 0.90 leaves about 6 GB
	// (gitcommit90/glm-5.3-one-spark #3).
	wellGPUShare = 0.80
	mostGPUShare = 0.85
	// mostMinFree is up to where vm.min_free_kbytes takes nothing worth mentioning from what a server finds free at its start;
	// raised ones took 6.2 GiB (tonyd2wild, report of 3 September 2026).
	mostMinFree = 1 * gib
	// throttledMHz: a busy GB10 below it is held back; a healthy one runs at about 2,400 (parallelArchitect/spark-gpu-throttle-check).
	throttledMHz = 1400
	busyPercent  = 50
	// cappedW: an adapter that negotiated too little gives a busy GB10 about 30 W in all (ai-muninn.com).
	cappedW = 35
	// cappedCPUkHz: processors held at 1.5 GHz (NVIDIA developer forum, topic 362513).
	cappedCPUkHz = 1_600_000
	// idlePSI is the share of the time, percent, in which an idle machine may wait for I/O without any: a GB10 shows more
	// (sparkview took the row away for that).
	idlePSI = 1.0
	// nearLimit is how close to its limit a drive's temperature is told apart from heat, K.
	nearLimit = 10.0
	// mostWorn is the share of its rated writes, percent, that a drive may have taken.
	mostWorn = 80
	// footprintShare of the free space is the most that a plan may keep: the rest is what the drive folds and collects in.
	footprintShare = 0.2
	// shmBeyond is what shared memory needs beyond a server's tier in it.
	shmBeyond = 1 * gib
	// wellLag and mostLag are a client's 99th percentile of send lags, ms: configs/gates.yaml, max_send_lag, and a hundredth of a TTFT
	// of a second, max_send_lag_share.
	wellLag = 1.0
	mostLag = 10.0
	// poolsApart is the factor between two KV pools beyond which a connector has taken one away: 2.09 M tokens became 49,152.
	poolsApart = 4.0
	// runBytes is what a plan leaves behind: make run 1.3 GB.
	runBytes = 2 * gib
)

// version is one that owners have reported.
type version struct {
	matches func(string) bool
	good    bool
	what    string
	source  string
}

const (
	kernelModules = "NVIDIA/open-gpu-kernel-modules #1358"
	pytorchHang   = "pytorch/pytorch #174358"
)

// kernels are those on a GB10, by uname -r. The first that matches counts.
var kernels = []version{
	{prefix("7.0.0-1019-nvidia"), false, "makes an allocation fail each time", kernelModules},
	{prefix("6.17.0-1008-"), false, "hangs or panics", pytorchHang},
	{flavour("nvidia", between("6.17.0-1014", "6.17.0-1032", "6.17.0-")), true, "", kernelModules},
	{prefix("6.14."), false, "hangs or panics", pytorchHang},
	{prefix("6.11."), false, "hangs or panics", pytorchHang},
}

var (
	drivers  = []version{{between("580.142", "580.173.02", "580."), true, "", kernelModules}}
	cudas    = []version{{prefix("13.0"), true, "", kernelModules}}
	releases = []version{{prefix("7.5.0"), true, "", kernelModules}}
	bases    = []version{{prefix("24.04.4"), true, "", kernelModules}, {prefix("24.04.5"), true, "", kernelModules}}
)

func prefix(p string) func(string) bool {
	return func(s string) bool { return strings.HasPrefix(s, p) }
}

// flavour is for kernels of one, which is what stands behind the last number of an Ubuntu release: a generic or oem kernel, and
// one with pages of 64 KiB, are others.
func flavour(name string, matches func(string) bool) func(string) bool {
	return func(s string) bool {
		number, found := strings.CutSuffix(s, "-"+name)
		return found && strings.Trim(number, "0123456789.-") == "" && matches(number)
	}
}

// between is for versions of one series, which have their numbers in the same places.
func between(least, most, series string) func(string) bool {
	return func(s string) bool {
		return strings.HasPrefix(s, series) && compare(s, least) >= 0 && compare(s, most) <= 0
	}
}

// compare compares versions number by number; what is no digit parts them.
func compare(a, b string) int {
	x, y := numbers(a), numbers(b)
	for i := range max(len(x), len(y)) {
		var p, q int
		if i < len(x) {
			p = x[i]
		}
		if i < len(y) {
			q = y[i]
		}
		if p != q {
			return p - q
		}
	}
	return 0
}

func numbers(s string) (out []int) {
	in := false
	for _, c := range s {
		digit := c >= '0' && c <= '9'
		if digit && !in {
			out = append(out, 0)
		}
		if digit && out[len(out)-1] < 1e8 {
			out[len(out)-1] = 10*out[len(out)-1] + int(c-'0')
		}
		in = digit
	}
	return out
}

// judge says of a version what owners said.
func judge(name, v string, of []version) seen {
	for _, k := range of {
		if !k.matches(v) {
			continue
		}
		if k.good {
			return ok("%s %s, seen good", name, v).by(k.source)
		}
		return warning("%s %s: %s", name, v, k.what).by(k.source)
	}
	return warning("%s %s: nobody has said that it is good", name, v)
}
