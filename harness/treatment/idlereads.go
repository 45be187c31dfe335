package treatment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"sparkharness/harness/fio"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// Reads of the idle drive count for a second, which gives their mean to a hundredth on a drive that answers within a millisecond, and
// until there are so many, on a slow one for so long at most. Those of the first half second do not count: a control group that limits
// a drive saves up what was not used of it, which lets through some tenth of a second's worth at once, and a drive may have to wake.
const (
	idleLead  = time.Second / 2
	idleSpan  = time.Second
	idleLeast = 100
	idleMost  = 10 * time.Second
)

// IdleReads reads the probe's file for some one and a half seconds, as the probe reads but without pauses, as a KV loader does. Nothing else of the
// run may use the drive meanwhile.
func (t *Treater) IdleReads(ctx context.Context) (out record.IdleReads, err error) {
	if err := t.layOut(ctx, []fio.File{{Name: probeName, Bytes: t.o.ProbeFile}}); err != nil {
		return out, err
	}
	f, err := os.OpenFile(t.path(probeName), os.O_RDONLY|unix.O_DIRECT|unix.O_NOFOLLOW, 0)
	if err != nil {
		return out, fmt.Errorf("read the idle drive: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buf, err := unix.Mmap(-1, 0, rig.ProbeBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE) // aligned to pages
	if err != nil {
		return out, fmt.Errorf("read the idle drive: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Munmap(buf)) }()
	places := t.o.ProbeFile / rig.ProbeBytes
	var took []time.Duration
	for begun := time.Now().Add(idleLead); ; {
		before := time.Now()
		past := before.Sub(begun) // negative at first
		if len(took) > 0 && (past > idleMost || past > idleSpan && len(took) >= idleLeast) {
			break
		}
		if err := ctx.Err(); err != nil {
			return out, err
		}
		if _, err := f.ReadAt(buf, t.o.Rng.Int64N(places)*rig.ProbeBytes); err != nil {
			return out, fmt.Errorf("read the idle drive: %w", err)
		}
		if past >= 0 {
			took = append(took, time.Since(before))
		}
	}
	slices.Sort(took)
	var sum time.Duration
	for _, d := range took {
		sum += d
	}
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	return record.IdleReads{Bytes: rig.ProbeBytes, N: len(took), MeanUS: us(sum) / float64(len(took)), P50US: us(took[(len(took)-1)/2])}, nil
}
