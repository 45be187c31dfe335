package drive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/record"
)

// Sizes of a proof, bytes: before each cell, and at the start of a study.
const (
	SmallProof = 4 << 20
	FullProof  = 64 << 20
)

// chunk is one read or write, bytes.
const chunk = 1 << 20

const (
	// tolerance is by how much the counters may move otherwise than asked, as a share.
	tolerance = 0.02
	// mostTries is how often more than asked is tried again: other programs use the drive too.
	mostTries = 6
	// firstPause is waited after the first try, and twice as long after each next one.
	firstPause = 20 * time.Millisecond
)

// Proof is what the counters of a drive showed of bytes that were written to it and read from it past the page cache.
type Proof struct {
	record.CountersProof
	// Counters are the devices whose counters showed it: the leaves, or for a multipath head that stands still its paths.
	Counters []string
	Tries    int // windows that it took, of writing and reading together
	// Fault says what it looks like where the counters moved otherwise than by the bytes asked for, within 2 %; empty if
	// they did not.
	Fault string
}

// Within says whether the counters moved by what was asked for: so the reads and writes were direct, the devices are the
// right ones, and nothing cached in between.
func (p *Proof) Within() bool { return p.Fault == "" && p.Lacking == "" }

// toucher writes and reads a number of bytes in a drive's directory.
type toucher interface {
	write(context.Context) error
	read(context.Context) error
	close() error
}

// Prove writes a file of so many bytes, a multiple of 2 MiB, into the drive's directory and reads as many, both with
// O_DIRECT, and compares with the movement of the drive's counters. The file has no name: whatever ends the process
// removes it. Noise is what is written, and must not compress. An error says that it could not write or read; what the
// counters lack is told in the proof.
func (d *Drive) Prove(ctx context.Context, size int64, noise io.Reader) (Proof, error) {
	if size <= 0 || size%(2*chunk) != 0 {
		return Proof{}, fmt.Errorf("a proof of %d bytes: it must be a multiple of %d", size, 2*chunk)
	}
	least := int64(4096)
	for _, l := range d.Leaves {
		if l.LogicalBlockBytes != nil {
			least = max(least, *l.LogicalBlockBytes)
		}
	}
	file, err := newDirectFile(ctx, d.Dir, size, least, noise)
	if err != nil {
		return Proof{}, fmt.Errorf("prove the counters of %s: %w", strings.Join(d.names(), ", "), err)
	}
	p, err := d.prove(ctx, float64(size), file)
	if err = errors.Join(err, file.close()); err != nil {
		return p, fmt.Errorf("prove the counters of %s: %w", strings.Join(d.names(), ", "), err)
	}
	return p, nil
}

func (d *Drive) prove(ctx context.Context, size float64, by toucher) (Proof, error) {
	p := Proof{CountersProof: record.CountersProof{AskedReadBytes: size, AskedWriteBytes: size}}
	var faults []string
	for _, step := range []struct {
		dir   direction
		do    func(context.Context) error
		moved **float64
	}{{writing, by.write, &p.WriteBytes}, {reading, by.read, &p.ReadBytes}} {
		best, tries, err := d.windows(ctx, step.dir, size, step.do)
		p.Tries += tries
		if errors.Is(err, errUncounted) {
			p.Lacking = err.Error()
			return p, nil
		} else if err != nil {
			return p, err
		}
		*step.moved = &best.bytes
		if fault := d.fault(best, step.dir, size, tries); fault != "" {
			faults = append(faults, fault)
		}
		for _, name := range best.counters {
			if !slices.Contains(p.Counters, name) {
				p.Counters = append(p.Counters, name)
			}
		}
	}
	p.Counters = d.withoutBoth(p.Counters)
	p.Fault = strings.Join(faults, "; ")
	return p, nil
}

// withoutBoth leaves out the paths of a head that is there too: its counters have theirs.
func (d *Drive) withoutBoth(names []string) (out []string) {
	for _, name := range names {
		ofHead := func(l record.DriveLeaf) bool { return slices.Contains(names, l.Name) && slices.Contains(l.Paths, name) }
		if !slices.ContainsFunc(d.Leaves, ofHead) {
			out = append(out, name)
		}
	}
	return out
}

var errUncounted = errors.New("whether the counters move is not known")

// window is one try.
type window struct {
	bytes    float64 // by which the drive's counters moved
	counters []string
	all      traffic // of every device
}

// windows tries until the counters moved by what was asked for, or by less: others can only add to it. Of the rest it
// keeps the try to which others added least.
func (d *Drive) windows(ctx context.Context, dir direction, size float64, do func(context.Context) error) (best window, tries int, err error) {
	best.bytes = math.Inf(1)
	for pause := firstPause; ; pause *= 2 {
		w, err := d.window(ctx, dir, do)
		if err != nil {
			return best, tries, err
		}
		if tries++; w.bytes < best.bytes {
			best = w
		}
		if best.bytes <= d.most(dir, size) || tries == mostTries {
			return best, tries, nil
		}
		select {
		case <-ctx.Done():
			return best, tries, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (d *Drive) window(ctx context.Context, dir direction, do func(context.Context) error) (w window, err error) {
	before, err := d.machine.snapshot()
	if err != nil {
		return w, fmt.Errorf("%w: %w", errUncounted, err)
	}
	if err := do(ctx); err != nil {
		return w, err
	}
	after, err := d.machine.snapshot()
	if err != nil {
		return w, fmt.Errorf("%w: %w", errUncounted, err)
	}
	w.all = after.since(before)
	if w.bytes, w.counters, err = d.moved(w.all, dir); err != nil {
		return w, fmt.Errorf("%w: %w", errUncounted, err)
	}
	return w, nil
}

// most is up to where the counters have moved by what was asked for. Mirrors and parity write more than they are given.
func (d *Drive) most(dir direction, size float64) float64 {
	if dir == writing && d.copies {
		return math.Inf(1)
	}
	return (1 + tolerance) * size
}

// fault says what the best window looks like; "" if it is as it must be.
func (d *Drive) fault(w window, dir direction, size float64, tries int) string {
	const mib = 1 << 20
	names := strings.Join(w.counters, ", ")
	least := (1 - tolerance) * size
	if w.bytes > d.most(dir, size) {
		return fmt.Sprintf("%.1f MiB were %v, and the counters of %s moved by %.1f MiB at least, in %d tries: this looks like other programs "+
			"that use the drive, which must end, or a layer that moves more than it is asked to", size/mib, dir, names, w.bytes/mib, tries)
	}
	if w.bytes >= least {
		return ""
	}
	moved := fmt.Sprintf("%.1f MiB were %v, and the counters of %s moved by %.1f MiB: this looks like ", size/mib, dir, names, w.bytes/mib)
	if others := d.elsewhere(w.all, dir, least); len(others) > 0 {
		return moved + "the wrong device, for those of " + strings.Join(others, ", ") + " moved by as much: watch that"
	}
	for _, name := range w.counters {
		if text(d.machine.Sys, "block", name, "queue", "iostats") == "0" {
			return moved + fmt.Sprintf("dead counters, for queue/iostats is 0: as root, echo 1 > /sys/block/%s/queue/iostats", name)
		}
	}
	if dir == reading && w.bytes > 0 {
		return moved + "a cache that answered the rest: O_DIRECT is not direct here, so choose another file system"
	}
	if dir == reading {
		return moved + "a cache that answered all of it, or dead counters"
	}
	return moved + "dead counters, or the wrong device"
}
