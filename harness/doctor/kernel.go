package doctor

import (
	"bufio"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

func machineChecks() []check {
	return []check{
		{id: "kernel", class: Host, look: lookKernel,
			why: "some kernels hang, or fail allocations, under a GB10's load",
			fix: "boot a kernel that was seen good: 6.17.0-1014 to -1032-nvidia", root: true,
			source: kernelModules},
		{id: "dgx-os", class: Host, look: lookRelease,
			why: "reports of what works are of single releases",
			fix: "update to DGX OS 7.5.0, or take the reports as reports of another system", root: true,
			source: kernelModules},
		{id: "clock-sync", class: Host, look: lookClock,
			why: "a clock that is set during a run parts the server's time stamps from the client's",
			fix: "start chrony or systemd-timesyncd and wait until it has synchronised", root: true},
		{id: "cpu-clock-limit", class: Host, look: lookCPULimit,
			why: "prefill on the CPU side and the client itself get slower",
			fix: "raise scaling_max_freq to cpuinfo_max_freq, choose the performance governor", root: true,
			source: "NVIDIA developer forum, topic 362513"},
		{id: "cpu-clock-load", class: Host, look: lookCPULoad,
			why: "a firmware cap of 1.5 GHz shows under load alone", fix: "unplug both ends of the power adapter for 60 s, then look again",
			source: "NVIDIA developer forum, topic 362513"},
		{id: "psi", class: Host, needed: withPSI, look: lookPSI,
			why: "I/O and memory pressure are telemetry", fix: "boot with psi=1, on a kernel with CONFIG_PSI", root: true,
			source: "kernel Documentation/accounting/psi.rst"},
		{id: "psi-idle", class: Host, look: lookPSIIdle,
			why:    "a GB10 shows I/O pressure without I/O, so that pressure alone says nothing of a drive",
			fix:    "believe block counters (in flight, ticks) and not PSI io",
			source: "parallelArchitect/sparkview"},
	}
}

func lookKernel(v *visit) seen {
	release, err := v.m.text("proc/sys/kernel/osrelease")
	if err != nil {
		return unknown("its release cannot be read: %v", err)
	}
	return judge("kernel", short(release), kernels)
}

// assignments are the values of a file of NAME="value" lines, such as os-release(5).
func assignments(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), "="); found {
			out[name] = strings.Trim(value, `"'`)
		}
	}
	return out
}

var baseVersion = regexp.MustCompile(`\d+\.\d+(\.\d+)?`)

func lookRelease(v *visit) seen {
	base, err := v.m.text("etc/os-release")
	if err != nil {
		return unknown("/etc/os-release cannot be read: %v", err)
	}
	osr := assignments(base)
	dgx, err := v.m.text("etc/dgx-release")
	switch {
	case absent(err):
		return warning("no DGX OS: %s", short(osr["PRETTY_NAME"]))
	case err != nil:
		return unknown("/etc/dgx-release cannot be read: %v", err)
	}
	release := assignments(dgx)
	version := release["DGX_SWBUILD_VERSION"]
	if newer := release["DGX_OTA_VERSION"]; newer != "" && compare(newer, version) > 0 {
		version = newer
	}
	if version == "" {
		return unknown("/etc/dgx-release tells no version")
	}
	if s := judge("DGX OS", short(version), releases); s.status == OK {
		return s
	}
	if s := judge("", baseVersion.FindString(osr["VERSION"]), bases); s.status == OK {
		return ok("DGX OS %s on Ubuntu %s, seen good", short(version), baseVersion.FindString(osr["VERSION"])).by(s.source)
	}
	return judge("DGX OS", short(version), releases)
}

func lookClock(v *visit) seen {
	synced, most, err := v.m.Synced()
	switch {
	case err != nil:
		return unknown("the kernel does not say whether its clock is synchronised: %v", err)
	case !synced:
		return warning("the clock is not synchronised")
	}
	return ok("synchronised, off by at most %v", most.Round(time.Microsecond)).with(float64(most)/1e6, "ms")
}

func lookPSI(v *visit) seen {
	var lacking, unread []string
	for _, name := range []string{"io", "memory", "cpu"} {
		text, err := v.m.text("proc/pressure/" + name)
		switch {
		case absent(err):
			lacking = append(lacking, name)
		case err != nil:
			unread = append(unread, fmt.Sprintf("%s: %v", name, err))
		case !strings.HasPrefix(text, "some avg10="):
			unread = append(unread, name+": no line \"some\"")
		}
	}
	switch {
	case len(lacking) > 0:
		return missing("no /proc/pressure/%s", strings.Join(lacking, ", "))
	case len(unread) > 0:
		return unknown("pressure cannot be read: %s", short(strings.Join(unread, "; ")))
	}
	return ok("pressure of io, memory and cpu is told")
}

// someTotal is the time in which some task waited, of a file of PSI.
func (m *Machine) someTotal(name string) (time.Duration, error) {
	text, err := m.text("proc/pressure/" + name)
	if err != nil {
		return 0, err
	}
	var us int64
	line, _, _ := strings.Cut(text, "\n")
	i := strings.Index(line, "total=")
	if i < 0 {
		return 0, errors.New("no total in it")
	}
	if _, err := fmt.Sscanf(line[i:], "total=%d", &us); err != nil {
		return 0, fmt.Errorf("total: %w", err)
	}
	return time.Duration(us) * time.Microsecond, nil
}

// diskIOs are the reads and writes that all block devices have completed (kernel Documentation/admin-guide/iostats.rst).
func (m *Machine) diskIOs() (sum float64, err error) {
	text, err := m.text("proc/diskstats")
	if err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		var reads, writes float64
		f := strings.Fields(lines.Text())
		if len(f) < 8 {
			return 0, fmt.Errorf("/proc/diskstats: a line of %d fields", len(f))
		}
		if _, err := fmt.Sscan(f[3]+" "+f[7], &reads, &writes); err != nil {
			return 0, fmt.Errorf("/proc/diskstats: %w", err)
		}
		sum += reads + writes
	}
	return sum, lines.Err()
}

// idleLook is how long pressure is watched.
const idleLook = time.Second

func lookPSIIdle(v *visit) seen {
	look := func() (psi time.Duration, ios float64, err error) {
		if psi, err = v.m.someTotal("io"); err == nil {
			ios, err = v.m.diskIOs()
		}
		return psi, ios, err
	}
	psi, ios, err := look()
	if err != nil {
		return unknown("I/O pressure cannot be watched: %v", err)
	}
	at := v.m.Now()
	if err := v.m.Sleep(v.ctx, idleLook); err != nil {
		return unknown("the look was ended: %v", err)
	}
	psi2, ios2, err := look()
	took := v.m.Now().Sub(at)
	switch {
	case err != nil:
		return unknown("I/O pressure cannot be watched: %v", err)
	case psi2 < psi || ios2 < ios || took <= 0:
		return unknown("a counter went backwards")
	}
	share := 100 * float64(psi2-psi) / float64(took)
	said := fmt.Sprintf("PSI io %.1f %% in %.0f s with %.0f I/Os", share, took.Seconds(), ios2-ios)
	switch {
	case share < idlePSI:
		return ok("%s", said).with(share, "%")
	case ios2 > ios:
		return unknown("%s: only told while drives are idle", said).with(share, "%")
	}
	return warning("%s: pressure without I/O", said).with(share, "%")
}
