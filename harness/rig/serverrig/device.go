package serverrig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sparkharness/harness/drive"
	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

// Where the kernel tells of itself.
const (
	procRoot = "/proc"
	sysRoot  = "/sys"
)

// device is what the servers keep their files on.
type device struct {
	named    string       // a folder, or a name
	drive    *drive.Drive // nil where only a name was given
	proof    *drive.Proof // from proveAll on
	names    []string     // whose counters are watched
	identity []record.DriveLeaf
	// maxRequest is the largest request that it takes, bytes; nil if it does not tell.
	maxRequest *float64
}

// openDevice finds the device that was named, of the tree of sysfs at root: that of a folder on it, or a name of /sys/block. It reads
// and writes nothing there.
func openDevice(root, named string) (device, error) {
	if !strings.ContainsRune(named, filepath.Separator) {
		known := telemetry.Device(root, named)
		switch {
		case known.Number == "":
			return device{}, fmt.Errorf("-device %s: no block device of /sys/block: give a folder on the drive, such as /mnt/nvme, or a name such as nvme0n1", named)
		case known.Counted != nil && !*known.Counted:
			return device{}, fmt.Errorf("-device %s: the kernel counts no I/O of it: as root, echo 1 > /sys/block/%s/queue/iostats", named, named)
		}
		return device{named: named, names: []string{named}}, nil
	}
	d, err := drive.Of(named, drive.Here())
	if err != nil {
		return device{}, fmt.Errorf("the servers' drive (-device; -dir where they are started): %w", err)
	}
	out := device{named: named, drive: d, identity: d.Leaves}
	for _, l := range d.Leaves {
		out.names = append(out.names, l.Name)
	}
	if len(d.Leaves) == 1 && d.Leaves[0].MaxSectorsKB != nil {
		out.maxRequest = new(float64(*d.Leaves[0].MaxSectorsKB) * 1024)
	}
	return out, nil
}

// proveAll reads and writes where the servers' files are, and from then on watches the counters that have moved. Of a drive of which
// only the name was given nobody can see whether they do.
func (d *device) proveAll(ctx context.Context, noise io.Reader, out io.Writer) error {
	if d.drive == nil || d.proof != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	proof, err := d.drive.Prove(ctx, drive.FullProof, noise)
	if err != nil {
		return fmt.Errorf("the servers' drive (-device; -dir where they are started): %w", err)
	}
	// More than was asked for is others' traffic, of which each cell's own gate decides; less is another device, a cache, or
	// counters that are dead.
	if shown, _ := proof.Shown(); !shown && !proof.Within() {
		return fmt.Errorf("-device %s: %s", d.named, proof.Fault+proof.Lacking)
	}
	d.proof, d.names = &proof, proof.Counters
	if proof.Fault != "" {
		fmt.Fprintf(out, "warning: the servers' drive: %s\n", proof.Fault)
	}
	return nil
}

// source reads the counters of the device.
func (d device) source() (*telemetry.Block, error) {
	if d.drive != nil {
		return d.drive.Source(d.proof)
	}
	return telemetry.NewBlock(procRoot, sysRoot, d.names...)
}

// said is what the kernel says of the device.
func (d device) said() *record.Device {
	out := telemetry.Device(sysRoot, d.names[0])
	out.Name = strings.Join(d.names, "+")
	if len(d.names) > 1 {
		out.Paths, out.Head, out.Number = nil, "", ""
	}
	return &out
}

// prove reads and writes a little where the servers' files are.
func (d device) prove(ctx context.Context, noise io.Reader) (record.CountersProof, error) {
	if d.drive == nil {
		return record.CountersProof{Lacking: "of the device only a name is known: give a folder on it with -device"}, nil
	}
	proof, err := d.drive.Prove(ctx, drive.SmallProof, noise)
	if ctx.Err() != nil {
		return proof.CountersProof, ctx.Err()
	}
	if err != nil { // telemetry that fails stops no cell
		return record.CountersProof{Lacking: err.Error()}, nil
	}
	return proof.CountersProof, nil
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
	if _, err := os.Stat(filepath.Join(procRoot, "driver/nvidia")); errors.Is(err, os.ErrNotExist) {
		return []string{record.LacksThrottling}
	}
	return nil
}
