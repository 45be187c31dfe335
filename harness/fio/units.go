package fio

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// size reads a number of bytes: 4096, 16k, 16K, 16kb, 8g. The multiples are of 1024 (kb_base=1024, fio's
// default).
func size(v string) (int64, error) {
	s := strings.ToLower(v)
	if strings.HasSuffix(s, "%") {
		return 0, fmt.Errorf("is a share of a file that only the real machine knows (%.20q): give bytes", v)
	}
	for _, unit := range []string{"ki", "mi", "gi", "ti", "pi"} {
		if strings.HasSuffix(strings.TrimSuffix(s, "b"), unit) {
			return 0, fmt.Errorf("fio takes %.20q in another way than most programs (see its kb_base): leave the i out, k is 1024", v)
		}
	}
	s = strings.TrimSuffix(s, "b")
	shift := 0
	if s != "" {
		if i := strings.IndexByte("kmgtp", s[len(s)-1]); i >= 0 {
			shift, s = 10*(i+1), s[:len(s)-1]
		}
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("must be a whole number with k, m, g, t or p behind it, or nothing for bytes, not %.20q", v)
	}
	return int64(n) << shift, nil
}

// timeUnits are fio's; which one a bare number has depends on the option.
var timeUnits = map[string]time.Duration{
	"us": time.Microsecond, "ms": time.Millisecond, "s": time.Second,
	"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// duration reads a time: 90, 5m, 500ms. A number without a unit has that of the option.
func duration(v, bare string) (time.Duration, error) {
	digits := strings.TrimRight(strings.ToLower(v), "usmhd")
	name := strings.ToLower(v)[len(digits):]
	if name == "" {
		name = bare
	}
	unit, ok := timeUnits[name]
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || !ok || n == 0 {
		return 0, fmt.Errorf("must be a whole number above 0 with us, ms, s, m, h or d behind it, or nothing for %s, not %.20q", bare, v)
	}
	if n > uint64(math.MaxInt64/int64(unit)) {
		return 0, fmt.Errorf("%.20q is too long", v)
	}
	return time.Duration(n) * unit, nil
}

// written is a time as a job file has it.
func written(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dus", d/time.Microsecond)
}
