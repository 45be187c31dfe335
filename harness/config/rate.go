package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Rate is a rate of bytes in B/s, written with its unit: 14.95GB/s, 216GB/s. Rates count powers of 1000, as data
// sheets do.
type Rate float64

// rateUnits are the units that a rate may have, the largest first.
var rateUnits = []struct {
	name  string
	bytes float64
}{{"GB/s", 1e9}, {"MB/s", 1e6}, {"kB/s", 1e3}, {"B/s", 1}}

// ParseRate reads a rate such as 14.95GB/s.
func ParseRate(s string) (Rate, error) {
	if bareNumber(s) {
		return 0, fmt.Errorf("%s needs a unit, such as 14.95GB/s", s)
	}
	if strings.HasPrefix(s, "-") {
		return 0, fmt.Errorf("%q is negative; a rate is not", s)
	}
	for _, u := range rateUnits {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		x, err := parseNumber(number)
		if err != nil {
			return 0, fmt.Errorf("%q is not a rate, such as 14.95GB/s", s)
		}
		return Rate(x * u.bytes), nil
	}
	return 0, fmt.Errorf("%q has no known unit; use GB/s, MB/s, kB/s or B/s (powers of 1000)", s)
}

func (r Rate) String() string {
	for _, u := range rateUnits {
		if float64(r) >= u.bytes {
			s := strconv.FormatFloat(float64(r)/u.bytes, 'f', -1, 64) + u.name
			if back, err := ParseRate(s); err == nil && back == r {
				return s
			}
		}
	}
	return strconv.FormatFloat(float64(r), 'f', -1, 64) + "B/s"
}

// MarshalText writes the rate with its unit, so that what is saved can be read again.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseRate.
func (r *Rate) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRate(string(text))
	return err
}
