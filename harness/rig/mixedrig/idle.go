package mixedrig

import (
	"context"
	"time"

	"sparkharness/harness/record"
)

// idleFor is how long a reading of the idle drive is one of the drive as it is: a cell begins some seconds after the one before has ended.
const idleFor = 15 * time.Second

// idleDrive is how the drive of a place was when it was last read while idle.
type idleDrive struct {
	reads record.IdleReads
	at    time.Time
	files *kept // that lay there
}

// still says that it was read a moment ago, since when nothing of the run has used the drive but the few questions after a cell's load.
func (d idleDrive) still(now time.Time, files *kept) bool {
	return !d.at.IsZero() && now.Sub(d.at) < idleFor && d.files == files
}

// idleBefore is how long a read of the drive takes before a cell: as it was after the one before, if that has just ended and nothing was
// written since.
func (r *Rig) idleBefore(ctx context.Context, at *place) (record.IdleReads, error) {
	if d := r.reader(at).idle; d.still(time.Now(), at.storage) {
		return d.reads, nil
	}
	return r.idleReads(ctx, at)
}

// idleReads reads the drive of a place, which nothing else of the run uses meanwhile.
func (r *Rig) idleReads(ctx context.Context, at *place) (record.IdleReads, error) {
	reader := r.reader(at)
	reader.idle = idleDrive{}
	reads, err := reader.treater.IdleReads(ctx)
	if err == nil {
		reader.idle = idleDrive{reads, time.Now(), at.storage}
	}
	return reads, err
}

// reader is the place that the drive of one is read at.
func (r *Rig) reader(at *place) *place {
	if at.treater == nil {
		return r.places[0] // a folder on the same drive
	}
	return at
}
