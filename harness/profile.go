package harness

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sparkharness/harness/experiment"
)

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
