package doctor

import (
	"regexp"
	"slices"
	"strings"
)

func toolChecks() []check {
	return []check{
		{id: "fio", class: Tools, needed: withFio, look: lookFio,
			why: "degraded drives are made by it", fix: "apt install fio", root: true, source: "configs/fio"},
		{id: "fio-engines", class: Tools, needed: withFio, look: lookEngines,
			why: "the job files name ioengine psync and libaio",
			fix: "install a fio with libaio and psync, or change ioengine of the job files to io_uring", root: true,
			source: "configs/fio"},
		{id: "smartctl", class: Tools, look: tool("smartctl", "--version"),
			why: "wear and heat of a drive are told by it", fix: "apt install smartmontools", root: true},
		{id: "docker", class: Tools, look: lookDocker,
			why: "flags and environment of servers in containers are told by it", fix: "install it where servers run in containers", root: true},
		{id: "nvidia-smi", class: Tools, needed: withGPU, look: tool(smi, "--version"),
			why: "the GPU's telemetry is its output", fix: "install NVIDIA's driver with its tools", root: true},
	}
}

// tool looks whether a command is there and runs.
func tool(name string, args ...string) func(*visit) seen {
	return func(v *visit) seen {
		text, err := v.m.Run(v.ctx, name, args...)
		first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
		switch {
		case absent(err):
			return missing("no %s on this machine", name)
		case err != nil:
			return unknown("%s: %s", name, short(err.Error()))
		}
		return ok("%s", short(first))
	}
}

// dockerVersion is a version that docker's daemon told; its client has one without a daemon, too.
var dockerVersion = regexp.MustCompile(`^\d+\.\d+\S*$`)

func lookDocker(v *visit) seen {
	text, err := v.m.Run(v.ctx, "docker", "version", "--format", "{{.Server.Version}}")
	text = strings.TrimSpace(text)
	switch {
	case absent(err):
		return missing("no docker on this machine")
	case err != nil:
		return missing("docker is installed, and its daemon does not answer this user: %s", short(err.Error())).
			do("systemctl start docker; usermod -aG docker USER for one who may not ask it, and log in again")
	case !dockerVersion.MatchString(text):
		return unknown("docker tells no version of its daemon: %q", short(text))
	}
	return ok("docker %s, whose daemon answers", text)
}

var fioVersion = regexp.MustCompile(`^fio-\d+\.\d+`)

func lookFio(v *visit) seen {
	s := tool("fio", "--version")(v)
	if s.status == OK && !fioVersion.MatchString(s.text) {
		return unknown("fio is none: %s", s.text)
	}
	return s
}

func lookEngines(v *visit) seen {
	text, err := v.m.Run(v.ctx, "fio", "--enghelp")
	switch {
	case absent(err):
		return missing("no fio on this machine")
	case err != nil:
		return unknown("fio --enghelp: %s", short(err.Error()))
	}
	has := strings.Fields(text)
	if !slices.Contains(has, "psync") && !slices.Contains(has, "libaio") && !slices.Contains(has, "io_uring") {
		return unknown("fio --enghelp lists no engine that is known")
	}
	want := []string{"psync"}
	if len(v.n.chosen(withLibaio)) > 0 {
		want = append(want, "libaio")
	}
	lacking := slices.DeleteFunc(want, func(e string) bool { return slices.Contains(has, e) })
	switch {
	case slices.Equal(lacking, []string{"libaio"}) && slices.Contains(has, "io_uring"):
		return warning("io_uring, and no libaio")
	case len(lacking) > 0:
		return missing("fio has no %s", strings.Join(lacking, ", "))
	}
	var known []string
	for _, e := range []string{"psync", "libaio", "io_uring"} {
		if slices.Contains(has, e) {
			known = append(known, e)
		}
	}
	return ok("%s", strings.Join(known, ", "))
}
