package runner

import (
	"fmt"
	"io"
	"time"
)

// wallClock is the machine's clock as it was when an execution began, gone on from there: cells that follow each other stay in
// their order when somebody sets the clock.
type wallClock struct {
	began time.Time
	told  time.Duration // by how much it has been set, as far as that has been told
}

// now is the time by the clock as the execution found it.
func (w *wallClock) now() time.Time { return w.began.Add(time.Since(w.began)) }

// leastSet is by how much a clock has been set that is told: what is corrected little by little stays below it for hours.
const leastSet = time.Second

// tell says once of each time that the clock has been set, up to now.
func (w *wallClock) tell(now time.Time, out io.Writer) {
	by := now.Round(0).Sub(w.began.Round(0)) - now.Sub(w.began) // Round(0) leaves the wall clock alone
	if d := by - w.told; max(d, -d) < leastSet {
		return
	}
	w.told = by
	fmt.Fprintf(out, "warning: this machine's clock has been set by %+.0f s since the run began, or the machine has slept: no latency is measured by it, "+
		"but times of the lines go on from the clock as it was, so that those in servers' logs differ from them by as much\n", by.Seconds())
}
