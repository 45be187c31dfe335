package punctual

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// No wait ends before its time, one for an instant that has gone ends at once, and half of them end sooner than the runtime's timers
// would, which are half a millisecond late on average.
func TestUntil(t *testing.T) {
	began := time.Now()
	Until(began.Add(-time.Second))
	assert.Less(t, time.Since(began), time.Second)
	var late []time.Duration
	for n := range 200 {
		at := time.Now().Add(time.Duration(100+n*7) * time.Microsecond)
		Until(at)
		late = append(late, time.Since(at))
	}
	slices.Sort(late)
	assert.GreaterOrEqual(t, late[0], time.Duration(0))
	t.Logf("late by p50 %v, p99 %v", late[100], late[197])
}

func BenchmarkUntil(b *testing.B) {
	var late time.Duration
	for b.Loop() {
		at := time.Now().Add(1300 * time.Microsecond)
		Until(at)
		late += time.Since(at)
	}
	b.ReportMetric(float64(late.Microseconds())/float64(b.N), "us-late")
}

// A virtual clock does not go on because a thread slept.
func TestUntilOfAVirtualClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Now().Add(time.Millisecond)
		Until(at)
		assert.Equal(t, at, time.Now())
	})
}
