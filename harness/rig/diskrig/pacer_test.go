package diskrig

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Software time that the program does not spend itself is waited for, and what waits are late by is made up for: nothing gets
// lost.
func TestPacerSpendsWhatIsConfigured(t *testing.T) {
	defer thread()()
	const each, n = 300 * time.Microsecond, 50
	p := pacer{each: each, at: cpu()}
	var measured, slept, cut time.Duration
	for range n {
		before := p.owed
		busy(20 * time.Microsecond)
		out := p.pause()
		measured, slept = measured+out.measured, slept+out.slept
		lost := p.owed - (before + each - out.measured - out.slept)
		if p.owed > -mostLate {
			assert.Zero(t, lost, "what a wait was late by is made up for")
		}
		cut += lost
		assert.Positive(t, out.measured, "the loop has taken CPU time")
		assert.Less(t, p.owed, time.Microsecond, "all is spent")
		assert.GreaterOrEqual(t, p.owed, -mostLate)
	}
	assert.Equal(t, n*each, measured+slept+p.owed-cut)
	assert.Positive(t, slept)
	t.Logf("an I/O: configured %v, measured %v, slept %v, at last early by %v, not made up %v", each, measured/n, slept/n, p.owed, cut)
}

// Where the program takes longer than the loader would, nothing is waited for.
func TestPacerDoesNotWaitForNothing(t *testing.T) {
	defer thread()()
	for _, each := range []time.Duration{0, 10 * time.Microsecond} {
		p := pacer{each: each, at: cpu()}
		for range 5 {
			busy(100 * time.Microsecond)
			out := p.pause()
			assert.Zero(t, out.slept)
			assert.GreaterOrEqual(t, out.measured, 100*time.Microsecond)
		}
	}
}

// busy takes CPU time.
func busy(d time.Duration) {
	for end := cpu() + d; cpu() < end; {
	}
}

// A wait is never over before its time.
func TestWaitIsNotShort(t *testing.T) {
	defer thread()()
	var late time.Duration
	for _, d := range []time.Duration{time.Microsecond, spin, 100 * time.Microsecond, 220 * time.Microsecond, time.Millisecond} {
		for range 20 {
			began := time.Now()
			wait(d)
			took := time.Since(began)
			assert.GreaterOrEqual(t, took, d)
			late += took - d
		}
	}
	t.Logf("late by %v in the mean", late/100)
}
