package hypotheses

import (
	"testing"

	"sparkharness/harness"
)

// TestControls runs every hypothesis in its control worlds (controls in its configuration), in which the
// mechanism of the claim is missing. A verdict of Supported there means that the decision rule cannot
// tell the difference.
func TestControls(t *testing.T) {
	for _, h := range judged {
		t.Run(h.ID, func(t *testing.T) { harness.RunControl(t, h) })
	}
}
