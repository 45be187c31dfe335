package hypotheses

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/verdict"
)

// ownGates are the names of the gates that a verdict of the hypothesis passes, without grades.
func ownGates(v verdict.Verdict) (out []string) {
	for _, g := range v.Gates {
		if !g.Grade {
			out = append(out, g.Name)
		}
	}
	return out
}

// Every check that can decide a verdict is contradicted in a control world, or its configuration says why in none.
func TestEveryCheckIsShown(t *testing.T) {
	t.Parallel()
	for _, h := range judged {
		t.Run(h.ID, func(t *testing.T) {
			assert.NotEmpty(t, h.Deciding)
			wrong, err := harness.Uncovered(h, ownGates(recorded(t, h).replay().Verdict))
			require.NoError(t, err)
			assert.Empty(t, wrong)
		})
	}
}

// What a hypothesis says that it decides by are the checks of its conclusions, all of them. A conclusion with another one breaks
// (TestConclusionsAreNamed in package verdict).
func TestDecidingChecksCanBeConcluded(t *testing.T) {
	t.Parallel()
	for _, h := range judged {
		t.Run(h.ID, func(t *testing.T) {
			seen := recorded(t, h).deciding()
			if h.ID == h0.ID { // the recorded run has one stack, and no knee
				seen = decidingOf(decideH0(sweepOf(map[string][]step{"A": usual(), "B": usual()})).Checks)
			}
			for _, name := range h.Deciding {
				assert.Contains(t, seen, name)
			}
			for name := range seen {
				assert.Contains(t, h.Deciding, name)
			}
		})
	}
}
