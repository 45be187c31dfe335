package doctor

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

func lookGPUProcesses(v *visit) seen {
	text, err := v.m.Run(v.ctx, smi, "--query-compute-apps=pid,process_name", "--format=csv,noheader")
	switch {
	case absent(err):
		return unknown("no nvidia-smi on this machine")
	case err != nil:
		return unknown("nvidia-smi: %v: %s", err, short(text))
	}
	var names []string
	for line := range strings.Lines(text) {
		pid, name, found := strings.Cut(strings.TrimSpace(line), ", ")
		if _, err := strconv.Atoi(pid); err != nil || !found {
			if line = strings.TrimSpace(line); line != "" {
				return unknown("nvidia-smi lists no processes but %s", short(line))
			}
			continue
		}
		names = append(names, fmt.Sprintf("%s (%s)", short(name[strings.LastIndexByte(name, '/')+1:]), pid))
	}
	if len(names) > len(v.n.Servers) {
		return warning("%d processes, %d servers were named: %s", len(names), len(v.n.Servers), short(strings.Join(names,
			", "))).with(float64(len(names)), "count")
	}
	if len(names) < len(v.n.Servers) {
		return unknown("%d processes, %d servers were named: nvidia-smi does not show all of them", len(names), len(v.n.Servers)).with(float64(len(names)), "count")
	}
	return ok("%d processes, %d servers were named", len(names), len(v.n.Servers)).with(float64(len(names)), "count")
}

func lookDesktop(v *visit) seen {
	found, err := v.m.running("Xorg", "Xwayland", "gnome-shell", "kwin_wayland", "sddm-greeter")
	switch {
	case err != nil:
		return unknown("%v", err)
	case len(found) > 0:
		return warning("%s runs", strings.Join(found, ", "))
	}
	return ok("no desktop runs")
}

// running are those of the names that processes have (/proc/<pid>/comm, 15 bytes).
func (m *Machine) running(names ...string) (found []string, err error) {
	comms, err := fs.Glob(m.Files, "proc/[0-9]*/comm")
	if err != nil || len(comms) == 0 {
		return nil, fmt.Errorf("no processes are listed in /proc")
	}
	for _, path := range comms {
		comm, err := m.text(path)
		if err == nil && slices.Contains(names, comm) && !slices.Contains(found, comm) {
			found = append(found, comm)
		}
	}
	slices.Sort(found)
	return found, nil
}
