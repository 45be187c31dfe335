package runner

import (
	"cmp"
	"slices"
	"time"

	"sparkharness/harness/record"
)

// instants writes lines of requests. In virtual time many answers may end at one instant, in any order: their lines
// are held until the clock moves on, and written in the order of their intended sends. So a line is written once, as
// it comes, and the same seed gives the same file.
type instants struct {
	w    *record.Writer
	now  time.Time
	held []record.Request
}

// add takes the line of a request that has just ended.
func (i *instants) add(r *record.Request) error {
	if now := time.Now(); !now.Equal(i.now) {
		if err := i.flush(); err != nil {
			return err
		}
		i.now = now
	}
	i.held = append(i.held, *r)
	return nil
}

// flush writes what is held.
func (i *instants) flush() error {
	slices.SortFunc(i.held, func(a, b record.Request) int {
		return cmp.Or(cmp.Compare(a.IntendedTS, b.IntendedTS), cmp.Compare(a.User, b.User), cmp.Compare(a.Seq, b.Seq))
	})
	for k := range i.held {
		if err := i.w.Write(&i.held[k]); err != nil {
			return err
		}
	}
	i.held = i.held[:0]
	return nil
}
