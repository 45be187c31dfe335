package serverrig

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// Where the kernel tells of itself.
const (
	procRoot = "/proc"
	sysRoot  = "/sys"
)

// device is the block device whose counters are read.
type device struct {
	name       string
	identity   []string
	maxRequest *float64
	dir        string // a folder on it, "" if none was named
}

func openDevice(e *config.Experiment) (device, error) {
	for _, name := range e.StackNames() {
		return device{name: e.Stacks[name].Telemetry.Device}, nil
	}
	return device{}, nil
}

func (d device) prove(context.Context) (record.CountersProof, error) {
	return record.CountersProof{Lacking: "no folder on it was named: give one with -device"}, nil
}

// host identifies this machine as far as results depend on it: the kernel and the kind of its processors.
func host() []string {
	kernel, _ := os.ReadFile(filepath.Join(procRoot, "sys/kernel/osrelease")) // what is unknown is no part of it
	model := ""
	cpus, _ := os.ReadFile(filepath.Join(procRoot, "cpuinfo"))
	for line := range strings.Lines(string(cpus)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return []string{strings.TrimSpace(string(kernel)), model}
}

// lacks are notions that this machine does not have: without NVIDIA's driver nobody could tell whether a GPU is throttled.
func lacks() []string {
	if _, err := os.Stat(filepath.Join(procRoot, "driver/nvidia")); err != nil {
		return []string{record.LacksThrottling}
	}
	return nil
}
