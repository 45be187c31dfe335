package verdict_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/verdict"
)

// A hypothesis that concludes with a deciding check which it does not name breaks, and says how to mend it. What is noted needs no
// name, and a rule that names nothing is as free as before.
func TestConclusionsAreNamed(t *testing.T) {
	conclude := func(named []string, checks ...verdict.Check) func() {
		return func() {
			h := verdict.Hypothesis{ID: "HX", Deciding: named, Decide: func(*evidence.Evidence) verdict.Conclusion {
				return verdict.Conclusion{Checks: checks}
			}}
			verdict.Judge(h, recorded(t))
		}
	}
	a, b := verdict.Check{Name: "a", State: verdict.Holds}, verdict.Check{Name: "b", State: verdict.Undecided}
	noted := verdict.Check{Name: "n", State: verdict.Noted}
	assert.NotPanics(t, conclude([]string{"a", "b"}, a, b, noted))
	assert.NotPanics(t, conclude([]string{"a", "b"}, a))
	assert.NotPanics(t, conclude(nil, a, b))
	assert.PanicsWithValue(t, "HX concludes with the check b, which is none of its deciding ones (a): name it in Deciding, and a control that contradicts it",
		conclude([]string{"a"}, a, b))
}
