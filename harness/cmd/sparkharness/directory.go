package main

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"

	"sparkharness/harness/rig/diskrig"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/sim"
)

// directory is where real files take the place of the modelled drive; the zero value is nowhere.
type directory struct {
	path  string
	share float64 // of the free space that may be taken
}

// check refuses flags that mean nothing.
func (d directory) check(given, shared bool) error {
	switch {
	case given && d.path == "":
		return errors.New("--dir is empty: name a directory on a local drive, or leave it out for the modelled drive")
	case !given && shared:
		return errors.New("--dir-share is about --dir: name a directory")
	case !(d.share > 0 && d.share <= 1):
		return fmt.Errorf("--dir-share is %v: it must be above 0 and at most 1", d.share)
	}
	return nil
}

// stored is what a stack stores in the directory.
type stored struct {
	stack string
	*diskrig.Storage
}

// machine starts a stack's machine, on real files if a directory is given and the stack stores anything.
func (s *servers) machine(ctx context.Context, o simrig.Options, spec sim.Spec, p sim.Params) (*sim.Machine, error) {
	front := func(st sim.Storage) sim.Storage { return st }
	own := spec // of the machine's own
	if len(o.Adapters) > 0 {
		front, own.LoRA = s.adapters.behind, sim.LoRASpec{}
	}
	if s.dir.path == "" {
		return sim.StartBehind(spec, p, o.Seed, front)
	}
	if !diskrig.Needed(own, p) {
		fmt.Fprintf(s.out, "stack %s  stores nothing: --dir is not for it\n", o.Stack.Stack)
		return sim.StartBehind(spec, p, o.Seed, front)
	}
	if err := diskrig.Check(o); err != nil {
		return nil, fmt.Errorf("--dir, stack %s: %w", o.Stack.Stack, err)
	}
	if len(s.storages) > 0 {
		return nil, fmt.Errorf("--dir is for one stack that stores something, and both %s and %s do: serve one of them (--stack)",
			s.storages[0].stack, o.Stack.Stack)
	}
	files := diskrig.For(own, p)
	var key [32]byte
	if _, err := crand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("noise for the files: %w", err)
	}
	files.Share, files.Noise = s.dir.share, rand.NewChaCha8(key)
	files.Tell = func(line string) { fmt.Fprintf(s.out, "stack %s  %s\n", o.Stack.Stack, line) }
	storage, err := diskrig.Open(ctx, s.dir.path, files)
	if err != nil {
		return nil, fmt.Errorf("--dir, stack %s: %w", o.Stack.Stack, err)
	}
	s.storages = append(s.storages, &stored{o.Stack.Stack, storage})
	files.Tell(storage.String())
	for _, note := range storage.Drive.Notes {
		files.Tell(note)
	}
	proof, err := storage.Prove(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("--dir, stack %s: %w", o.Stack.Stack, err)
	case !proof.Within():
		files.Tell("the drive's counters are not proved: " + proof.Fault + proof.Lacking)
	}
	return sim.StartOn(spec, p, front(storage))
}

// closeStorages removes what has been stored, and says what has been moved. The machines must have been closed.
func (s *servers) closeStorages() error {
	var errs []error
	for _, st := range s.storages {
		f := st.Figures()
		fmt.Fprintf(s.out, "stack %s  read: %v\n", st.stack, f.Reads)
		fmt.Fprintf(s.out, "stack %s  written: %v\n", st.stack, f.Writes)
		errs = append(errs, st.Close())
	}
	s.storages = nil
	for _, m := range s.machines {
		errs = append(errs, m.Err())
	}
	return errors.Join(errs...)
}
