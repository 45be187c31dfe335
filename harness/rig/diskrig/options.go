package diskrig

import (
	"errors"
	"fmt"
	"io"
	"time"

	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/sim"
)

// Options say what a storage holds. For makes them for a simulated machine.
type Options struct {
	BlockBytes int64 // of a KV block
	KVBlocks   int   // capacity of the KV tier; 0: there is none
	// ChunkBlocks is how many blocks make a file of the manager fs; 0: the KV tier is one file.
	ChunkBlocks  int
	Adapters     []sim.Adapter
	WeightsBytes int64 // that memory does not hold
	OtherBytes   int64 // of another file of the server (Bursts, IndexSearch)
	SpillBytes   int64 // of the file that KV which nobody reads is written into, round and round
	Swaps        bool  // sequences are swapped out

	// Share is the part of the free space that may be taken; 0: a fifth.
	Share float64
	// Noise is what pages are filled with, and must not compress.
	Noise io.Reader
	// Took is told of each I/O of the drive that has ended how long pread or pwrite took, from several goroutines; nil: nobody is.
	Took func(write bool, took time.Duration)
	// Tell is told in a line what takes time, or has been thrown away; nil: nobody is.
	Tell func(line string)
}

const (
	// otherBytes is the length of the server's other file where only searches read it: more than a drive's own cache.
	otherBytes = 1 << 30
	// spillBytes is after how much the file begins anew that nothing reads.
	spillBytes = 1 << 30
)

// Needed tells whether a machine stores anything.
func Needed(spec sim.Spec, p sim.Params) bool {
	m := p.Mechanisms
	return spec.Disk.CapacityBytes > 0 || len(spec.LoRA.Adapters) > 0 || m.PagedWeightsBytes > 0 || m.KVSwapToNVMe ||
		m.WriteOnlySpill || m.RequestLogBytes > 0 || m.Bursts.Every > 0 || m.IndexSearch > 0
}

// For is what a machine stores. Share, Noise and Tell are left to the caller.
func For(spec sim.Spec, p sim.Params) Options {
	m := p.Mechanisms
	o := Options{BlockBytes: spec.BlockBytes(), Adapters: spec.LoRA.Adapters, WeightsBytes: m.PagedWeightsBytes, Swaps: m.KVSwapToNVMe}
	o.KVBlocks = int(spec.Disk.CapacityBytes / o.BlockBytes)
	if spec.Offload.Manager == sim.OffloadFS {
		o.ChunkBlocks = max(1, spec.Offload.BlocksPerChunk)
		o.KVBlocks -= o.KVBlocks % o.ChunkBlocks
	}
	if m.WriteOnlySpill || m.RequestLogBytes > 0 {
		o.SpillBytes = spillBytes
	}
	if m.IndexSearch > 0 {
		o.OtherBytes = otherBytes
	}
	if m.Bursts.Every > 0 {
		o.OtherBytes = max(o.OtherBytes, m.Bursts.ReadBytes, m.Bursts.WriteBytes)
	}
	return o
}

// Check refuses options of a simulated machine that are about its modelled drive, which a real one takes the place of.
func Check(o simrig.Options) error {
	p, err := o.Physics()
	if err != nil {
		return err
	}
	name := "the default"
	if o.World != nil {
		name = o.World.World
	}
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("world %s "+format+": take another world", append([]any{name}, args...)...)
	}
	var errs []error
	if err := p.Params.Mechanisms.CheckOn(); err != nil {
		errs = append(errs, refuse("has what a real drive has not (%w)", err))
	}
	if p.Params.Mechanisms.CPUSleep.Exit > 0 {
		errs = append(errs, refuse("models how CPUs sleep, and those that wait for a real drive are real"))
	}
	if w := o.World; w != nil && w.Drive != "" {
		errs = append(errs, refuse("models the drive %s, and the drive here is a real one", w.Drive))
	}
	if w := o.World; w != nil && w.SecondDrive != "" {
		errs = append(errs, refuse("models a second drive %s, and the drives here are real ones", w.SecondDrive))
	}
	if w := o.World; w != nil && w.Load.Fio != "" && w.Load.Fio != "none" {
		errs = append(errs, refuse("has fio on the modelled drive (%s), which can be run on the directory itself", w.Load.Fio))
	}
	if o.Fio || o.Probe || len(o.Before) > 0 {
		errs = append(errs, errors.New("fio and the probe of the modelled drive are not to be had on a real one: run them on the directory"))
	}
	return errors.Join(errs...)
}
