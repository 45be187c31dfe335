package runner

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress prints how far a run is: a line at most every few seconds, because what go test shows is a
// pipe and not a terminal.
type progress struct {
	mu      sync.Mutex
	w       io.Writer
	label   string
	total   int
	done    int
	cells   time.Duration // time that the cells took on their own clock
	started time.Time
	last    time.Time
}

const progressEvery = 5 * time.Second

func newProgress(w io.Writer, label string, total int) *progress {
	now := time.Now()
	return &progress{w: w, label: label, total: total, started: now, last: now}
}

// more notes cells that are to be measured, too.
func (p *progress) more(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total += n
}

// skip notes cells that need not be measured.
func (p *progress) skip(cells int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total -= cells
}

// add notes a finished cell.
func (p *progress) add(cell time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.cells += cell
	now := time.Now()
	if now.Sub(p.last) < progressEvery && p.done < p.total {
		return
	}
	p.last = now
	wall := now.Sub(p.started).Seconds()
	left := "done"
	if p.done < p.total {
		left = fmt.Sprintf("about %.0f s left", wall/float64(p.done)*float64(p.total-p.done))
	}
	fmt.Fprintf(p.w, "%s  %d/%d cells  %s measured in %.0f s%s  %s\n",
		p.label, p.done, p.total, hours(p.cells), wall, pace(" (%.2f h/s)", p.cells, wall), left)
}

// hours says how long something took on the machine: in minutes what lasts less than one.
func hours(d time.Duration) string {
	if d < time.Hour {
		return fmt.Sprintf("%.1f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

// pace says how many hours of the machine's time a second of wall time took; nothing of a machine whose time is that of the wall.
func pace(format string, cells time.Duration, wall float64) string {
	if cells.Seconds() <= wall {
		return ""
	}
	return fmt.Sprintf(format, cells.Hours()/max(wall, 1e-3))
}
