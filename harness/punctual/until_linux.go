package punctual

import (
	"time"

	"golang.org/x/sys/unix"
)

// Until returns when t has come, within the slack of a thread's timers, 50 us unless it says otherwise. It keeps a thread meanwhile
// and cannot be ended, so it is for the last few milliseconds of a wait.
func Until(t time.Time) {
	var ts unix.Timespec
	d := time.Until(t)
	if d <= 0 {
		return
	}
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		time.Sleep(d)
		return
	}
	at := unix.NsecToTimespec(ts.Nano() + int64(d))
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &at, nil) == unix.EINTR {
	}
	time.Sleep(time.Until(t)) // of a clock that is not this computer's, as in testing/synctest; nothing otherwise
}
