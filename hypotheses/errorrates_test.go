package hypotheses

import (
	"testing"

	"sparkharness/harness"
)

// TestErrorRates runs every hypothesis over many seeds in its default world and in its control worlds, and
// counts the verdicts: make error-rates. Without -seeds it is skipped.
func TestErrorRates(t *testing.T) { harness.RunErrorRates(t, judged) }

// TestNearThreshold does the same in worlds that lie at, or near, the threshold of one deciding check: make error-rates, too.
func TestNearThreshold(t *testing.T) { harness.RunNearThreshold(t, all) }
