package mixedrig

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sparkharness/harness/disk"
	"sparkharness/harness/drive"
	"sparkharness/harness/record"
	"sparkharness/harness/restore"
	"sparkharness/harness/rig/simrig"
)

const (
	// Others load the drive if they move more than this in each of these spans, bytes/s: a build or a journal pauses.
	mostOthers = 20e6
	looks      = 3
	look       = time.Second
)

// Prepare takes the turn to measure on this machine, puts right what a killed process has left, looks whether others load the drive, proves its counters, and lays out
// the files of fio and the probe. A drive whose counters do not show what is read and written is measured by nobody: the error says
// what that looks like.
func (r *Rig) Prepare(ctx context.Context) error {
	if r.journal != nil {
		return nil
	}
	err := r.prepare(ctx)
	if err != nil {
		err = errors.Join(err, r.Close())
	}
	return err
}

func (r *Rig) prepare(ctx context.Context) error {
	home := r.o.Journal
	var err error
	if home == "" {
		if home, err = restore.Home(); err != nil {
			return err
		}
	}
	if r.turn, err = restore.TakeTurn(home); err != nil {
		return err
	}
	if r.journal, err = restore.Open(home, r.o.Out); err != nil {
		return err
	}
	if left := r.journal.Left; len(left) > 0 {
		return fmt.Errorf("an earlier run has left what could not be undone, so this machine is not as it was found: %s", strings.Join(left, "; "))
	}
	for _, at := range r.places {
		if err := r.prove(ctx, at); err != nil {
			return err
		}
	}
	for i, at := range r.places {
		profiles := r.exp.Fio
		if i > 0 {
			if r.o.SameDrive {
				break
			}
			profiles = nil // fio has the first
		}
		if at.treater, err = r.newTreater(at, r.journal); err != nil {
			return err
		}
		if err := at.treater.Prepare(ctx, profiles, true); err != nil {
			return err
		}
	}
	r.scratch, err = disk.NewScratch(simrig.MemoryBacked())
	return err
}

// prove looks whether others load a drive, and sees its counters move.
func (r *Rig) prove(ctx context.Context, at *place) error {
	if err := r.others(ctx, at); err != nil {
		return err
	}
	proof, err := at.drive.Prove(ctx, drive.FullProof, r.noise)
	if err != nil {
		return fmt.Errorf("-dir: %w", err)
	}
	// More than was asked for is others' traffic, of which each cell's own gate decides.
	if shown, _ := proof.Shown(); !shown && !proof.Within() {
		return fmt.Errorf("-dir %s: the run cannot begin: %s", at.named, proof.Fault+proof.Lacking)
	}
	if proof.Fault != "" {
		fmt.Fprintf(r.o.Out, "warning: -dir: %s\n", proof.Fault)
	}
	at.proof = &proof
	fmt.Fprintf(r.o.Out, "%s: of %.0f MiB written its counters showed %s, of as many read %s\n", at.named, proof.AskedWriteBytes/(1<<20), mib(proof.WriteBytes), mib(proof.ReadBytes))
	for _, l := range at.drive.Leaves {
		if l.Backing != nil && (l.Backing.Direct == nil || !*l.Backing.Direct) {
			fmt.Fprintf(r.o.Out, "warning: -dir %s: %s\n", at.named, strings.Join(at.drive.Notes, "; "))
		}
	}
	return nil
}

func mib(bytes *float64) string {
	if bytes == nil {
		return "nothing that could be read"
	}
	return fmt.Sprintf("%.1f MiB", *bytes/(1<<20))
}

// others refuses a drive that somebody else loads all the time.
func (r *Rig) others(ctx context.Context, at *place) (err error) {
	source, err := at.drive.Source(nil)
	if err != nil {
		return fmt.Errorf("-dir: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	var rates []float64
	for i := range looks + 1 {
		if i > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(look):
			}
		}
		var s record.SysSample
		if err := source.Sample(ctx, &s); err != nil {
			return fmt.Errorf("-dir: %w", err)
		}
		if s.NVMe != nil {
			rates = append(rates, (s.NVMe.ReadBytes+s.NVMe.WriteBytes)/look.Seconds())
		}
	}
	return busy(rates, r.o.MostOthers, at.named)
}

// busy refuses rates, bytes/s, of which the least is above the most.
func busy(rates []float64, most float64, dir string) error {
	if len(rates) == 0 || slices.Min(rates) <= most {
		return nil
	}
	return fmt.Errorf("others move at least %.0f MB a second on the drive of %s: end what they do, or wait for it", slices.Min(rates)/1e6, dir)
}
