package doctor

import (
	"fmt"
	"regexp"
	"time"
)

func goChecks() []check {
	return []check{
		{id: "go-test-timeout", class: Go, needed: AllHypotheses, look: lookTimeout,
			why: "go test ends a plan after ten minutes of its own accord", fix: "go test -timeout 0", source: "go help testflag"},
	}
}

// goDefault is go test's own limit (go help testflag).
const goDefault = 10 * time.Minute

// flagTimeout finds the flag in GOFLAGS, in which it may stand for all calls (go help environment).
var flagTimeout = regexp.MustCompile(`(?:^|\s)-?-(?:test\.)?timeout=(\S+)`)

func lookTimeout(v *visit) seen {
	limit, from := goDefault, "go test's own"
	if t := v.n.TestTimeout; t != nil {
		limit, from = *t, "the"
	} else if flags, set := v.m.Env("GOFLAGS"); set {
		if m := flagTimeout.FindStringSubmatch(flags); m != nil {
			d, err := time.ParseDuration(m[1])
			if err != nil && m[1] != "0" {
				return unknown("GOFLAGS has a -timeout that is no duration: %s", short(m[1]))
			}
			limit, from = d, "GOFLAGS'"
		}
	}
	if v.n.Hours <= 0 {
		return unnamed("the length of the plan", "--hours N")
	}
	plan := time.Duration(v.n.Hours * float64(time.Hour))
	if limit == 0 {
		return ok("no limit, for a plan of %.1f h", v.n.Hours)
	}
	said := fmt.Sprintf("%s limit of %.1f h for a plan of %.1f h", from, limit.Hours(), v.n.Hours)
	if limit < plan {
		return missing("%s", said).with(limit.Hours(), "h")
	}
	return ok("%s", said).with(limit.Hours(), "h")
}
