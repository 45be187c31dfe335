package config

import (
	"fmt"
	"strings"
	"time"
)

// Duration is a length of time, written in Go's syntax with a unit: 220us, 200ms, 300s, 1h30m.
type Duration time.Duration

// ParseDuration reads a duration. Unlike time.ParseDuration it refuses a bare 0 and negative values.
func ParseDuration(s string) (Duration, error) {
	if bareNumber(s) {
		return 0, fmt.Errorf("%s needs a unit, such as 300s or 200ms", s)
	}
	if strings.HasPrefix(s, "-") {
		return 0, fmt.Errorf("%q is negative; a duration is not", s)
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration, such as 300s, 200ms or 220us", s)
	}
	return Duration(d), nil
}

// Seconds is the duration in seconds.
func (d Duration) Seconds() float64 { return time.Duration(d).Seconds() }

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the duration with its units, so that what is saved can be read again.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is ParseDuration.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}
