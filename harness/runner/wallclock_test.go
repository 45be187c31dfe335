package runner

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// set is a time whose wall clock has been set by whole seconds, and its monotonic clock has not: bits 30 to 62 of the first word of a
// time.Time are seconds.
func set(t time.Time, seconds int64) time.Time {
	*(*uint64)(unsafe.Pointer(&t)) += uint64(seconds << 30)
	return t
}

// A clock that is set neither moves a cell's time nor passes untold.
func TestClockIsSet(t *testing.T) {
	now := time.Now()
	require.Equal(t, time.Hour, set(now, 3600).Round(0).Sub(now.Round(0)), "it can set a clock")
	require.Zero(t, set(now, 3600).Sub(now), "and leaves the other one alone")
	w := &wallClock{began: set(now, -3600)} // since then it has been set an hour forward
	assert.InDelta(t, 0, w.now().Round(0).Sub(w.began.Round(0)).Seconds(), 30)

	var out bytes.Buffer
	w = &wallClock{began: now}
	w.tell(now.Add(5*time.Hour), &out)
	assert.Empty(t, out.String(), "time passes")
	w.tell(set(now.Add(time.Minute), -3600), &out)
	w.tell(set(now.Add(time.Hour), -3600), &out)
	assert.True(t, strings.HasPrefix(out.String(), "warning: this machine's clock has been set by -3600 s since the run began"), out.String())
	assert.Equal(t, 1, strings.Count(out.String(), "\n"), "once")
	w.tell(now.Add(2*time.Hour), &out)
	assert.Contains(t, out.String(), "set by +0 s", "and back")
}
