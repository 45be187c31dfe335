package drive

import (
	"bufio"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"sparkharness/harness/regular"
)

// ControlGroups are the folders of a process's groups in the hierarchy of a controller (blkio, cpu, memory), from its own to the
// root, without /; text is its /proc/<pid>/cgroup (cgroups(7)), and v2 says that they are of the unified hierarchy.
func ControlGroups(text, controller string) (dirs []string, v2 bool, err error) {
	top, own := "", ""
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		part := strings.SplitN(lines.Text(), ":", 3)
		if len(part) != 3 {
			continue
		}
		for c := range strings.SplitSeq(part[1], ",") {
			switch {
			case c == controller:
				top, own, v2 = "sys/fs/cgroup/"+controller, part[2], false
			case part[0] == "0" && top == "":
				top, own, v2 = "sys/fs/cgroup", part[2], true
			}
		}
	}
	if top == "" {
		return nil, false, errors.New("/proc/self/cgroup names no group")
	}
	for dir := path.Clean("/" + own); ; dir = path.Dir(dir) {
		dirs = append(dirs, path.Join(top, dir))
		if dir == "/" {
			return dirs, v2, nil
		}
	}
}

// Limits are the most that the control groups of this process let through to a drive, I/Os and bytes a second; 0 for no limit.
type Limits struct{ ReadIOPS, WriteIOPS, ReadBytes, WriteBytes float64 }

// Limits are those of the drive: of all groups from the process's own to the root the least (kernel
// Documentation/admin-guide/cgroup-v1/blkio-controller.rst and cgroup-v2.rst, io.max). A drive of several devices has none that
// could be told: each device has its own.
func (d *Drive) Limits() (l Limits, err error) {
	if len(d.Leaves) != 1 || d.Leaves[0].Number == "" {
		return l, nil
	}
	m := d.machine
	text, err := regular.Read(filepath.Join(m.Proc, "self", "cgroup"), maxKernelText)
	if err != nil {
		return l, fmt.Errorf("limits of the drive: %w", err)
	}
	dirs, v2, err := ControlGroups(string(text), "blkio")
	if err != nil {
		return l, nil // without groups there is none
	}
	for _, dir := range dirs {
		l.add(filepath.Join(m.Sys, strings.TrimPrefix(dir, "sys/")), v2, d.Leaves[0].Number)
	}
	return l, nil
}

// add takes the limits of a group, where they are less. What a group does not tell it does not limit.
func (l *Limits) add(dir string, v2 bool, device string) {
	lines := func(name string) (of []string) {
		for line := range strings.Lines(text(dir, name)) {
			if words := strings.Fields(line); len(words) > 1 && words[0] == device {
				of = append(of, words[1:]...)
			}
		}
		return of
	}
	for _, limit := range []struct {
		most   *float64
		v1, v2 string
	}{
		{&l.ReadIOPS, "blkio.throttle.read_iops_device", "riops="}, {&l.WriteIOPS, "blkio.throttle.write_iops_device", "wiops="},
		{&l.ReadBytes, "blkio.throttle.read_bps_device", "rbps="}, {&l.WriteBytes, "blkio.throttle.write_bps_device", "wbps="},
	} {
		from, before := limit.v1, ""
		if v2 {
			from, before = "io.max", limit.v2
		}
		for _, word := range lines(from) {
			number, ok := strings.CutPrefix(word, before)
			if v, err := strconv.ParseFloat(number, 64); ok && err == nil && v > 0 && (*limit.most == 0 || v < *limit.most) {
				*limit.most = v
			}
		}
	}
}
