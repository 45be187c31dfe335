//go:build !linux

package punctual

import "time"

// Until returns when t has come, up to a millisecond late.
func Until(t time.Time) { time.Sleep(time.Until(t)) }
