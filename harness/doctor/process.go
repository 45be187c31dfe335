package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

func processChecks() []check {
	return []check{
		{id: "container-flags", class: Server, of: lookFlags,
			why: "shared memory comes out of the same 128 GB, and a private IPC or network namespace costs", source: "NVIDIA/dgx-spark-playbooks #78",
			fix: "docker run --gpus all --ipc host --network host --ulimit memlock=-1 --ulimit stack=67108864"},
		{id: "server-memlock", class: Server, of: lookMemlock,
			why: "with little locked memory cudaHostRegister fails, and the CUDA error sticks",
			fix: "docker run --ulimit memlock=-1, or LimitMEMLOCK=infinity of the unit"},
		{id: "cache-dir", class: Server, of: lookCacheDir,
			why: "a tier on a container's overlay is neither the drive that is watched nor kept",
			fix: "docker run -v <folder on the NVMe>:<folder of the tier>, writable by its user"},
		{id: "allocator", class: Server, of: lookAllocator,
			why:    "vLLM refuses expandable segments beside a KV connector; without them the allocator kept memory until the host hung",
			fix:    "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True with a build that exempts the connector, and --enable-cumem-allocator",
			source: "vllm-project/vllm PR #41237"},
		{id: "hash-seed", class: Server, of: lookHashSeed,
			why: "with another hash seed a kept tier is missed by all after a restart",
			fix: "start the server with PYTHONHASHSEED=0", source: "docs.vllm.ai, KV offloading"},
		{id: "shm-space", class: Server, look: lookShm,
			why:    "a CPU tier with files below it is a mapping in /dev/shm",
			fix:    "make /dev/shm as large as the tier and 1 GiB more (--shm-size, or --ipc host)",
			source: "vllm-project/vllm, vllm/v1/kv_offload"},
		{id: "shm-stale", class: Server, look: lookStale,
			why: "what a crashed server leaves in /dev/shm is memory that nobody has", fix: "remove the files while no server runs", root: true,
			source: "vllm-project/vllm, vllm/v1/kv_offload"},
		{id: "io-uring", class: Server, look: lookIOURing,
			why: "docker's default seccomp profile blocks io_uring, which NIXL's POSIX plugin may use",
			fix: "sysctl kernel.io_uring_disabled=0; a seccomp profile that allows it", root: true,
			source: "ai-dynamo/nixl, POSIX plugin"},
	}
}

// process is a server's process, as it was named or as it listens, and its container if one was named.
type process struct {
	pid       int
	container *container
	err       error // neither is known
}

var errNoProcess = errors.New("neither its container nor its process is known")

// why is how a check sees a process that there is not.
func (p *process) why() seen {
	if errors.Is(p.err, errNoProcess) {
		return unknown("%v (--container, --pid)", p.err).do("name it with --container NAME or --pid N, or run as its user")
	}
	if front := errFrontend(0); errors.As(p.err, &front) {
		return unknown("%v (--container, --pid)", p.err).do("name the worker with --container NAME or --pid N")
	}
	return unknown("%v", p.err)
}

func (v *visit) findProcess(s *Instance) *process {
	if s.Container == "" {
		if s.PID != 0 {
			return &process{pid: s.PID}
		}
		pid, err := v.m.listener(s.URL)
		if errors.Is(err, errNoListener) {
			err = errNoProcess
		}
		if err == nil && s.frontend() {
			err = errFrontend(pid)
		}
		return &process{pid: pid, err: err}
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

// apart says how a check sees a process that no container was named for and that has mounts of its own, as one in a container has, or
// of which that cannot be told; nil for one that sees what is seen here.
func (v *visit) apart(p *process) *seen {
	links, linked := v.m.Files.(fs.ReadLinkFS)
	if !linked {
		return new(unknown("whether process %d is in a container cannot be told", p.pid))
	}
	own, err := links.ReadLink("proc/self/ns/mnt")
	its, err2 := links.ReadLink(fmt.Sprintf("proc/%d/ns/mnt", p.pid))
	switch {
	case err != nil || err2 != nil:
		return new(unknown("whether process %d is in a container cannot be told", p.pid).do("run as root, or as the server's user"))
	case own != its:
		return new(unknown("process %d has mounts of its own, as in a container or a unit with PrivateTmp, and no container was named", p.pid).
			do("of a container: --container NAME; of a unit: systemctl show -p PrivateTmp,ProtectSystem UNIT tells what it sees otherwise"))
	}
	return nil
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
		said := fmt.Sprintf("at most %s of locked memory", size(b))
		switch s.connector() {
		case noConnector:
			return ok("%s, and there is no KV connector", said).with(b, "B")
		case unknownConnector:
			return s.unsure(said).with(b, "B")
		}
		return missing("%s", said).with(b, "B")
	}
	return unknown("/proc/%d/limits tells no limit of locked memory", p.pid)
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
	switch has := s.connector(); {
	case has == noConnector:
		return ok("%s, and there is no KV connector", said)
	case has == unknownConnector:
		return s.unsure(said)
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
	if !s.seeded() {
		return ok("%s, of kind %s, does not name its blocks by Python's hash", s.Stack, s.Kind.Server)
	}
	value, set, known := v.env(p, "PYTHONHASHSEED")
	has := s.connector()
	fixed := set && value != "random" && value != "" // to Python an empty one is none
	switch {
	case !known:
		return unknown("the environment of process %d cannot be read", p.pid).do("run as root, or as the server's user")
	case has == noConnector:
		return ok("there is no KV tier that outlives it")
	case !fixed && has == unknownConnector:
		return s.unsure("PYTHONHASHSEED is not fixed")
	case !fixed:
		return missing("PYTHONHASHSEED is not fixed")
	}
	return ok("PYTHONHASHSEED=%s", short(value))
}
