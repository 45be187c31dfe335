package doctor

import (
	"fmt"
	"slices"
	"strings"
)

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

func lookFlags(v *visit, s *Instance) seen {
	p := v.procs[s.Stack]()
	if p.err != nil {
		return p.why()
	}
	if p.container == nil {
		if odd := v.apart(p); odd != nil {
			return *odd
		}
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

func lookCacheDir(v *visit, s *Instance) seen {
	p, d := v.procs[s.Stack](), v.drive()
	switch {
	case p.err != nil:
		return p.why()
	case s.connector() == noConnector:
		return ok("%s, of kind %s, has no tier of files", s.Stack, s.Kind.Server)
	case d.err != nil:
		return d.why()
	case p.container == nil:
		if odd := v.apart(p); odd != nil {
			return *odd
		}
		return ok("it runs outside of containers, and sees %s itself", short(d.Dir))
	}
	out := p.container.holds(d.Dir)
	if out.status == Missing && s.connector() == unknownConnector {
		return s.unsure(out.text)
	}
	return out
}

// holds is whether a container can write to a folder of this machine. Of all of / at another place nobody says that the tier lies
// below it, and of a folder inside of the one that was named nobody says that it is the tier's.
func (c *container) holds(dir string) seen {
	none := missing("nothing of %s is mounted into the container", short(dir))
	for _, m := range c.Mounts {
		if m.Source == "" { // a tmpfs has none, and holds nothing of this machine's
			continue
		}
		said := fmt.Sprintf("%s is mounted at %s", short(m.Source), short(m.Destination))
		source := strings.TrimRight(m.Source, "/")
		switch {
		case source == "":
			none = unknown("all of %s; whether its tier is below that is not told", said).do("mount the tier's own folder, docker run -v DIR:DIR")
		case source == dir || strings.HasPrefix(dir, source+"/"):
			if m.RW {
				return ok("%s", said)
			}
			if none.status != Unknown { // one inside of it may be written all the same
				none = missing("%s, and cannot be written", said)
			}
		case strings.HasPrefix(source, strings.TrimRight(dir, "/")+"/") && none.status != Unknown:
			none = unknown("of %s only %s; whether that is its tier is not told", short(dir), said).do("name the tier's own folder with --dir")
		}
	}
	return none
}

func lookIOURing(v *visit) seen {
	off, err := v.m.number("proc/sys/kernel/io_uring_disabled")
	if err != nil {
		return unknown("kernel.io_uring_disabled cannot be read: %v", err)
	}
	var blocked, untold []string
	if off != 0 {
		blocked = append(blocked, fmt.Sprintf("kernel.io_uring_disabled is %.0f", off))
	}
	for _, s := range v.n.Servers {
		p := v.procs[s.Stack]()
		if p.err != nil || p.container == nil && v.filtered(p) {
			untold = append(untold, s.Stack)
		}
		if p.container != nil && !p.container.HostConfig.Privileged && !slices.Contains(p.container.HostConfig.SecurityOpt,
			"seccomp=unconfined") {
			blocked = append(blocked, s.Stack+" has docker's default seccomp profile, or one of its own")
		}
	}
	switch {
	case v.n.IOURing && len(blocked) > 0:
		return missing("%s", strings.Join(blocked, "; "))
	case v.n.IOURing && len(v.n.Servers) == 0:
		return unknown("the kernel allows io_uring; whether a server may use it is not known, because none was named")
	case v.n.IOURing && len(untold) > 0:
		return unknown("the kernel allows io_uring; whether a seccomp profile of %s does is not known", strings.Join(untold, " and "))
	case len(blocked) == 0:
		return ok("io_uring is allowed")
	}
	return ok("%s; no loader was named that needs io_uring", strings.Join(blocked, "; "))
}

// filtered says that a process may be under a seccomp profile, of which the kernel tells no more (proc_pid_status(5): 0 is none).
func (v *visit) filtered(p *process) bool {
	text, err := v.m.text(fmt.Sprintf("proc/%d/status", p.pid))
	if err != nil {
		return true
	}
	for line := range strings.Lines(text) {
		if mode, found := strings.CutPrefix(line, "Seccomp:"); found {
			return strings.TrimSpace(mode) != "0"
		}
	}
	return true
}
