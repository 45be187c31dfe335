package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

func processChecks() []check {
	return []check{
		{id: "container-flags", class: Server, of: lookFlags,
			why: "shared memory comes out of the same 128 GB, and a private IPC or network namespace costs", source: "NVIDIA/dgx-spark-playbooks #78",
			fix: "docker run --gpus all --ipc host --network host --ulimit memlock=-1 --ulimit stack=67108864"},
		{id: "server-memlock", class: Server, of: lookMemlock,
			why: "with little locked memory cudaHostRegister fails, and the CUDA error sticks", fix: "docker run --ulimit memlock=-1, or LimitMEMLOCK=infinity of the unit"},
		{id: "cache-dir", class: Server, of: lookCacheDir,
			why: "a tier on a container's overlay is neither the drive that is watched nor kept", fix: "docker run -v <folder on the NVMe>:<folder of the tier>, writable by its user"},
		{id: "allocator", class: Server, of: lookAllocator,
			why:    "vLLM refuses expandable segments beside a KV connector; without them the allocator kept memory until the host hung",
			fix:    "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True with a build that exempts the connector, and --enable-cumem-allocator",
			source: "vllm-project/vllm PR #41237"},
		{id: "hash-seed", class: Server, of: lookHashSeed,
			why: "with another hash seed a kept tier is missed by all after a restart", fix: "start the server with PYTHONHASHSEED=0", source: "docs.vllm.ai, KV offloading"},
		{id: "shm-space", class: Server, look: lookShm,
			why: "a CPU tier with files below it is a mapping in /dev/shm", fix: "make /dev/shm as large as the tier and 1 GiB more (--shm-size, or --ipc host)",
			source: "vllm-project/vllm, vllm/v1/kv_offload"},
		{id: "shm-stale", class: Server, look: lookStale,
			why: "what a crashed server leaves in /dev/shm is memory that nobody has", fix: "remove the files while no server runs", root: true,
			source: "vllm-project/vllm, vllm/v1/kv_offload"},
		{id: "io-uring", class: Server, look: lookIOURing,
			why: "docker's default seccomp profile blocks io_uring, which NIXL's POSIX plugin may use", fix: "sysctl kernel.io_uring_disabled=0; a seccomp profile that allows it", root: true,
			source: "ai-dynamo/nixl, POSIX plugin"},
	}
}

// process is a server's process, and its container if it has one.
type process struct {
	pid       int
	container *container
	err       error // neither is known
}

// container is what docker inspect says, as far as it is looked at.
type container struct {
	State  struct{ Pid int }
	Config struct{ Env []string }
	Mounts []struct {
		Type, Source, Destination string
		RW                        bool
	}
	HostConfig struct {
		IpcMode, NetworkMode string
		ShmSize, Memory      float64
		SecurityOpt          []string
		Privileged           bool
		Runtime              string
		Ulimits              []struct {
			Name       string
			Soft, Hard float64
		}
		DeviceRequests []struct {
			Driver       string
			Capabilities [][]string
		}
	}
}

var errNoProcess = errors.New("neither its container nor its process was named")

// why is how a check sees a process that there is not.
func (p *process) why() seen {
	if errors.Is(p.err, errNoProcess) {
		return unnamed("its container or process", "--container NAME or --pid N")
	}
	return unknown("%v", p.err)
}

func (v *visit) findProcess(s *Instance) *process {
	if s.Container == "" {
		if s.PID == 0 {
			return &process{err: errNoProcess}
		}
		return &process{pid: s.PID}
	}
	text, err := v.m.Run(v.ctx, "docker", "inspect", "--type", "container", "--", s.Container)
	if absent(err) {
		return &process{err: errors.New("no docker on this machine")}
	}
	var list []container
	if jerr := json.Unmarshal([]byte(text), &list); err != nil || jerr != nil || len(list) != 1 {
		return &process{err: fmt.Errorf("docker tells nothing of container %.40q", s.Container)}
	}
	return &process{pid: list[0].State.Pid, container: &list[0]}
}

// env is a variable of the server; known is false if it cannot be told. Of the others nothing is kept: they may be secrets.
func (v *visit) env(p *process, name string) (value string, set, known bool) {
	var all []string
	if p.container != nil {
		all = p.container.Config.Env
	} else {
		text, err := v.m.text(fmt.Sprintf("proc/%d/environ", p.pid))
		if err != nil {
			return "", false, false
		}
		all = strings.Split(text, "\x00")
	}
	for _, line := range all {
		if n, v, found := strings.Cut(line, "="); found && n == name {
			return v, true, true
		}
	}
	return "", false, true
}

func lookFlags(v *visit, s *Instance) seen {
	p := v.procs[s.Stack]()
	if p.err != nil {
		return p.why()
	}
	if p.container == nil {
		return ok("it runs outside of containers")
	}
	h := p.container.HostConfig
	var odd []string
	gpus := h.Runtime == "nvidia" || slices.ContainsFunc(h.DeviceRequests, func(r struct {
		Driver       string
		Capabilities [][]string
	}) bool {
		return slices.ContainsFunc(r.Capabilities, func(c []string) bool { return slices.Contains(c, "gpu") })
	})
	if !gpus {
		odd = append(odd, "no --gpus")
	}
	if h.IpcMode != "host" {
		odd = append(odd, fmt.Sprintf("--ipc %s with %s of /dev/shm", short(h.IpcMode), size(h.ShmSize)))
	}
	if h.NetworkMode != "host" {
		odd = append(odd, "--network "+short(h.NetworkMode))
	}
	stack := slices.ContainsFunc(h.Ulimits, func(u struct {
		Name       string
		Soft, Hard float64
	}) bool {
		return u.Name == "stack" && u.Soft >= 67108864
	})
	if !stack {
		odd = append(odd, "no --ulimit stack=67108864")
	}
	if h.Memory > 0 {
		odd = append(odd, fmt.Sprintf("--memory %s, which does not count what the GPU allocates", size(h.Memory)))
	}
	if len(odd) > 0 {
		return warning("%s", strings.Join(odd, ", "))
	}
	return ok("--gpus, --ipc host, --network host, stack")
}

func lookMemlock(v *visit, s *Instance) seen {
	p := v.procs[s.Stack]()
	if p.err != nil {
		return p.why()
	}
	text, err := v.m.text(fmt.Sprintf("proc/%d/limits", p.pid))
	if err != nil {
		return unknown("/proc/%d/limits cannot be read", p.pid)
	}
	for line := range strings.Lines(text) {
		rest, found := strings.CutPrefix(line, "Max locked memory")
		f := strings.Fields(rest)
		if !found || len(f) == 0 {
			continue
		}
		if f[0] == "unlimited" {
			return ok("locked memory is unlimited")
		}
		b, err := strconv.ParseFloat(f[0], 64)
		if err != nil {
			break
		}
		return missing("at most %s of locked memory", size(b)).with(b, "B")
	}
	return unknown("/proc/%d/limits tells no limit of locked memory", p.pid)
}

func lookCacheDir(v *visit, s *Instance) seen {
	p, d := v.procs[s.Stack](), v.drive()
	switch {
	case p.err != nil:
		return p.why()
	case d.err != nil:
		return d.why()
	case p.container == nil:
		return ok("it runs outside of containers, and sees %s itself", short(d.Dir))
	}
	for _, m := range p.container.Mounts {
		if m.Source != d.Dir && !strings.HasPrefix(d.Dir, strings.TrimRight(m.Source, "/")+"/") && !strings.HasPrefix(m.Source, d.Dir+"/") {
			continue
		}
		if !m.RW {
			return missing("%s is mounted at %s, and cannot be written", short(m.Source), short(m.Destination))
		}
		return ok("%s is mounted at %s", short(m.Source), short(m.Destination))
	}
	return missing("nothing of %s is mounted into the container", short(d.Dir))
}

func lookAllocator(v *visit, s *Instance) seen {
	p := v.procs[s.Stack]()
	if p.err != nil {
		return p.why()
	}
	value, set, known := v.env(p, "PYTORCH_CUDA_ALLOC_CONF")
	if !known {
		return unknown("the environment of process %d cannot be read", p.pid).do("run as root, or as the server's user")
	}
	said := "PYTORCH_CUDA_ALLOC_CONF is not set"
	if set {
		said = "PYTORCH_CUDA_ALLOC_CONF=" + short(value)
	}
	expands := strings.Contains(value, "expandable_segments:True")
	switch {
	case s.Kind.KV == nil:
		return ok("%s, and there is no KV connector", said)
	case expands:
		return ok("%s: the server started with it, so its connector is exempted", said)
	}
	return warning("%s beside a KV connector", said)
}

func lookHashSeed(v *visit, s *Instance) seen {
	p := v.procs[s.Stack]()
	if p.err != nil {
		return p.why()
	}
	value, set, known := v.env(p, "PYTHONHASHSEED")
	switch {
	case !known:
		return unknown("the environment of process %d cannot be read", p.pid).do("run as root, or as the server's user")
	case s.Kind.KV == nil:
		return ok("there is no KV tier that outlives it")
	case !set || value == "random":
		return warning("PYTHONHASHSEED is not fixed")
	}
	return ok("PYTHONHASHSEED=%s", short(value))
}

func lookShm(v *visit) seen {
	s, err := v.m.Space("/dev/shm")
	if err != nil {
		return unknown("/dev/shm: %v", err)
	}
	if v.n.CPUTierBytes == nil {
		return unnamed("a tier in shared memory", "--cpu-tier GiB").with(s.Free, "B")
	}
	said := fmt.Sprintf("%s free in /dev/shm for a tier of %s", size(s.Free), size(*v.n.CPUTierBytes))
	if s.Free < *v.n.CPUTierBytes+shmBeyond {
		return missing("%s and 1 GiB", said).with(s.Free, "B")
	}
	return ok("%s", said).with(s.Free, "B")
}

// staleBytes is from where on a file in shared memory is worth a line.
const staleBytes = 256 * mib

func lookStale(v *visit) seen {
	entries, err := fs.ReadDir(v.m.Files, "dev/shm")
	if err != nil {
		return unknown("/dev/shm: %v", err)
	}
	var names []string
	sum := 0.0
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && (info.Size() >= staleBytes || strings.Contains(e.Name(), "vllm") || strings.Contains(e.Name(), "offload")) {
			names = append(names, e.Name())
			sum += float64(info.Size())
		}
	}
	if len(names) > 0 {
		return warning("%s in %s: is a server running that has them?", size(sum), short(strings.Join(names, ", "))).with(sum, "B")
	}
	return ok("no files of servers in /dev/shm").with(0, "B")
}

func lookIOURing(v *visit) seen {
	off, err := v.m.number("proc/sys/kernel/io_uring_disabled")
	if err != nil {
		return unknown("kernel.io_uring_disabled cannot be read: %v", err)
	}
	var blocked []string
	if off != 0 {
		blocked = append(blocked, fmt.Sprintf("kernel.io_uring_disabled is %.0f", off))
	}
	for _, s := range v.n.Servers {
		p := v.procs[s.Stack]()
		if p.container != nil && !p.container.HostConfig.Privileged && !slices.Contains(p.container.HostConfig.SecurityOpt, "seccomp=unconfined") {
			blocked = append(blocked, s.Stack+" has docker's default seccomp profile, or one of its own")
		}
	}
	switch {
	case len(blocked) == 0:
		return ok("io_uring is allowed")
	case v.n.IOURing:
		return missing("%s", strings.Join(blocked, "; "))
	}
	return ok("%s; no loader was named that needs io_uring", strings.Join(blocked, "; "))
}
