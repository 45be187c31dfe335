package mixedrig

import (
	"sync"
	"time"

	"sparkharness/harness/record"
)

// took counts how long the I/Os of a loader took, in pread or pwrite, for one machine at a time.
type took struct {
	mu     sync.Mutex
	reads  record.GapHist
	writes record.GapHist
}

// add counts an I/O that has ended.
func (t *took) add(write bool, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if write {
		t.writes.Add(d)
	} else {
		t.reads.Add(d)
	}
}

// reset begins at 0 I/Os.
func (t *took) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reads, t.writes = record.GapHist{}, record.GapHist{}
}

// now are copies of what was counted.
func (t *took) now() (reads, writes *record.GapHist) {
	t.mu.Lock()
	defer t.mu.Unlock()
	reads, writes = &record.GapHist{}, &record.GapHist{}
	reads.Merge(&t.reads)
	writes.Merge(&t.writes)
	return reads, writes
}
