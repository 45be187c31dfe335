package hypotheses

import (
	"testing"

	"sparkharness/harness"
)

// TestVerify looks over the folders of -verify, of any hypothesis: what sparkharness verify runs.
func TestVerify(t *testing.T) { harness.Verify(t, judged) }
