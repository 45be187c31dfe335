package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. It is written as a whole number and a unit, and the unit is read as what it
// says: 8GiB is 8 x 2^30 bytes, 8GB is 8 x 10^9.
type Size int64

// sizeUnits are the units that a size may have, in the order in which they are preferred where equally few digits are needed.
var sizeUnits = []struct {
	name  string
	bytes Size
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

// ParseSize reads a size such as 8GiB, 640MiB or 8GB.
func ParseSize(s string) (Size, error) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	number, unit := s[:digits], s[digits:]
	switch {
	case bareNumber(s):
		return 0, fmt.Errorf("%s needs a unit, such as 8GiB", s)
	case strings.HasPrefix(s, "-"):
		return 0, fmt.Errorf("%q is negative; a size is not", s)
	case number == "":
		return 0, fmt.Errorf("%q is not a size, such as 8GiB", s)
	case strings.HasPrefix(unit, "."):
		return 0, fmt.Errorf("%q is not a whole number of a unit; write it in a smaller unit, such as 1536MiB for 1.5GiB", s)
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is more bytes than can be counted", s)
	}
	for _, u := range sizeUnits {
		if u.name != unit {
			continue
		}
		if n > math.MaxInt64/int64(u.bytes) {
			return 0, fmt.Errorf("%q is more bytes than can be counted", s)
		}
		return Size(n) * u.bytes, nil
	}
	return 0, fmt.Errorf("%q has no known unit; use GiB, MiB or KiB (powers of 1024), or GB, MB or kB (powers of 1000)", s)
}

// bareNumber reports whether s is a number without a unit.
func bareNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil && strings.ContainsAny(s, "0123456789")
}

// String is the exact form with the fewest digits; where two have equally few, the binary unit is taken.
func (s Size) String() string {
	number, unit := strconv.FormatInt(int64(s), 10), "B"
	for _, u := range sizeUnits {
		if n := strconv.FormatInt(int64(s/u.bytes), 10); s%u.bytes == 0 && len(n) < len(number) {
			number, unit = n, u.name
		}
	}
	return number + unit
}

// MarshalText writes the size with its unit, so that what is saved can be read again.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseSize.
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}
