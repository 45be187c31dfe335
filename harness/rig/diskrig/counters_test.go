package diskrig

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// However workers come between one another, the time that tasks were blocked is the sum of what each I/O took.
func TestBlockedTimeIsCountedOnce(t *testing.T) {
	var b blocked
	var took atomic.Int64
	var workers sync.WaitGroup
	began := time.Now()
	for range 8 {
		workers.Go(func() {
			for range 20_000 {
				took.Add(int64(b.end(true, b.begin(true))))
			}
		})
	}
	workers.Wait()
	stall := b.now()
	assert.EqualValues(t, took.Load(), stall.TasksNS)
	assert.LessOrEqual(t, stall.SomeNS, float64(time.Since(began)))
}
