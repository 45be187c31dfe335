package diskrig

import (
	"fmt"
	"sync/atomic"
)

// fifth is the share of the free space that is taken if nothing else is said: drives slow down when they are full, and others
// need room too.
const fifth = 0.2

// room is the space that may still be taken, bytes.
type room struct{ left atomic.Int64 }

// take takes space, if it is there.
func (r *room) take(bytes int64) bool {
	for {
		left := r.left.Load()
		if bytes > left {
			return false
		}
		if r.left.CompareAndSwap(left, left-bytes) {
			return true
		}
	}
}

// needs are the files that are there from the start, and the tier's, in bytes.
func (o Options) needs() int64 {
	sum := int64(o.KVBlocks)*o.stride() + whole(o.WeightsBytes) + whole(o.OtherBytes) + whole(o.SpillBytes)
	for _, a := range o.Adapters {
		sum += whole(a.Bytes)
	}
	return sum
}

// Bytes are those of the files that Open makes.
func (o Options) Bytes() int64 { return o.needs() }

// room refuses what the directory's free space has no room for, and says how much of it is left.
func (o Options) room(dir string, free int64) (*room, error) {
	share := o.Share
	if share == 0 {
		share = fifth
	}
	if !(share > 0 && share <= 1) {
		return nil, fmt.Errorf("a share of %v of the free space: it must be above 0 and at most 1", share)
	}
	const gib = 1 << 30
	needs, most := o.needs(), int64(share*float64(free))
	if needs > most {
		kv := ""
		if fits := (most - needs + int64(o.KVBlocks)*o.stride()) / o.stride(); o.KVBlocks > 0 && fits > 0 {
			kv = fmt.Sprintf("; a tier 2 of %d MiB would fit", fits*o.stride()>>20)
		}
		return nil, fmt.Errorf("the storage needs %.1f GiB in %s, which has %.1f GiB free, of which at most a share of %.2g is taken (%.1f GiB): "+
			"make tier 2 smaller, make room, or allow a larger share%s",
			float64(needs)/gib, dir, float64(free)/gib, share, float64(most)/gib, kv)
	}
	r := &room{}
	r.left.Store(most - needs)
	return r, nil
}

// stride is the bytes of a block's slot: whole pages.
func (o Options) stride() int64 { return whole(o.BlockBytes) }

// whole are the bytes of the pages that hold so many.
func whole(bytes int64) int64 { return (bytes + page - 1) / page * page }
