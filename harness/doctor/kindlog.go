package doctor

import (
	"maps"
	"regexp"
	"slices"

	"sparkharness/harness/config"
)

// Rows to which lines of servers/ go, by the name of the line; those of other names go to the row of failed loads.
const (
	directLine = "o_direct"
	hybridLine = "hma"
	otherLine  = ""
)

// told is what the lines of the file of a server's kind that are of a row find in its log, by which the harness, too, refuses a
// server that it started; nil if nothing. The file says what to do about each.
func (s *Instance) told(row string) *seen {
	if s.Kind.Launch == nil {
		return nil
	}
	lines := s.Kind.Launch.Log
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		line := lines[name]
		own := name == row || row == otherLine && name != directLine && name != hybridLine
		if !own || line.Means == config.LogReading {
			continue
		}
		pattern, err := regexp.Compile(line.Pattern)
		if err != nil {
			return new(unknown("launch.log.%s of servers/%s.yaml is no pattern", name, s.Kind.Server).do("correct that file"))
		}
		n, first := countLines(*s.Log, pattern)
		if n == 0 {
			continue
		}
		out := missing("%d lines: %s", n, first)
		if line.Means == config.LogWarning {
			out.status = Warning
		}
		return new(out.with(float64(n), "count").do(line.Says))
	}
	return nil
}
