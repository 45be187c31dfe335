package harness

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sparkharness/harness/experiment"
)

// idLike is what only somebody who asks for a hypothesis writes.
var idLike = regexp.MustCompile(`(?i)h\d`)

// wholeID is a part of a pattern that asks for one hypothesis among sub-tests.
var wholeID = regexp.MustCompile(`(?i)^\^?h\d+[a-z]?\$?$`)

// checkRun refuses a -run that asks for a hypothesis or a test that is not there: go test would run nothing, and pass.
// The test binary's own names are asked for where the hypotheses do not explain the pattern.
func checkRun(known []string) error {
	value := func(name string) string {
		if f := flag.Lookup("test." + name); f != nil {
			return f.Value.String()
		}
		return ""
	}
	run := value("run")
	if run == "" || run == "^$" || value("list") != "" || value("bench") != "" || value("fuzz") != "" {
		return nil // all, or something else than tests
	}
	// With a list of packages, which alone has its results logged, the test may be that of another one.
	return askedFor(run, known, listed, value("testlogfile") != "")
}

// dueOf are the hypotheses whose own tests -run and -skip choose.
func dueOf(all []Hypothesis) (due []Hypothesis) {
	chosen := func(name, id string, otherwise bool) bool {
		f := flag.Lookup("test." + name)
		if f == nil || f.Value.String() == "" {
			return otherwise
		}
		return slices.ContainsFunc(alternatives(f.Value.String()), func(parts []string) bool { return matches(parts[0], "Test"+id) })
	}
	for _, h := range all {
		if chosen("run", h.ID, true) && !chosen("skip", h.ID, false) {
			due = append(due, h)
		}
	}
	return due
}

// askedFor is checkRun for a pattern; names lists the tests that a top-level pattern matches, and elsewhere says that
// another package may have the test.
func askedFor(run string, known []string, names func(string) ([]string, error), elsewhere bool) error {
	refusal := fmt.Errorf("-run %s: there is no such test; the hypotheses are %s, as in -run '^TestH2B$' or -run '^TestControls$/^H2B$'",
		run, strings.Join(known, ", "))
	found := false
	for _, parts := range alternatives(run) {
		for _, part := range parts[1:] {
			if wholeID.MatchString(part) && !slices.ContainsFunc(known, func(id string) bool { return matches(part, id) }) {
				return refusal
			}
		}
		if slices.ContainsFunc(known, func(id string) bool { return matches(parts[0], "Test"+id) }) {
			found = true
			continue
		}
		tests, err := names(parts[0])
		if err != nil {
			return nil // go test says better what is wrong with the pattern
		}
		found = found || len(tests) > 0
		if len(tests) == 0 && idLike.MatchString(parts[0]) {
			return refusal
		}
	}
	if !found && !elsewhere {
		return refusal
	}
	return nil
}

// matches reports whether a part of a -run matches a name, as package testing does.
func matches(pattern, name string) bool {
	re, err := regexp.Compile(pattern)
	return err == nil && re.MatchString(name)
}

// alternatives are the patterns that a -run separates with |, each in the parts that it separates with /: both count
// outside of brackets only (go help testflag).
func alternatives(run string) [][]string {
	out := [][]string{{""}}
	square, round := 0, 0
	for i := 0; i < len(run); i++ {
		last := &out[len(out)-1]
		c := run[i]
		switch {
		case c == '[':
			square++
		case c == ']':
			square = max(0, square-1)
		case square > 0:
		case c == '(':
			round++
		case c == ')':
			round--
		case c == '/' && round == 0:
			*last = append(*last, "")
			continue
		case c == '|' && round == 0:
			out = append(out, []string{""})
			continue
		}
		part := &(*last)[len(*last)-1]
		*part += run[i : i+1]
		if c == '\\' && i+1 < len(run) {
			i++
			*part += run[i : i+1]
		}
	}
	return out
}

// listTimeout bounds how long the test binary may take to list its tests, which is a matter of its start.
const listTimeout = 30 * time.Second

// listed are the names of tests, benchmarks and examples in this test binary that a pattern matches, as -list prints them.
func listed(pattern string) ([]string, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("list the tests: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), listTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-test.list", pattern).Output()
	if err != nil {
		return nil, fmt.Errorf("list the tests: %w", err)
	}
	return strings.Fields(string(out)), nil
}

// checkProfile refuses a profile that is not there or has a fault, and one that has none of the hypotheses that are due.
func (o *Options) checkProfile(due []Hypothesis) error {
	plan, err := experiment.LoadPlan(o.choices())
	if err != nil || plan == nil || len(due) == 0 {
		return err
	}
	if slices.ContainsFunc(due, func(h Hypothesis) bool { return plan.Has(h.ID) }) {
		return nil
	}
	ids := make([]string, len(due))
	for i, h := range due {
		ids[i] = h.ID
	}
	return fmt.Errorf("-profile %s has %s, and nothing of %s: choose one of those with -run, or run without a profile", o.Profile,
		strings.Join(plan.IDs(), ", "), strings.Join(ids, ", "))
}

// isLeftOut says that an error is that of a hypothesis which the profile does not have.
func isLeftOut(err error) bool {
	_, ok := errors.AsType[*experiment.LeftOutError](err)
	return ok
}

// leftOut skips the test of a hypothesis that the profile does not have, and says so where go test would not.
func leftOut(t *testing.T, err error) {
	t.Helper()
	fmt.Fprintln(session.out, err)
	t.Skip(err)
}
