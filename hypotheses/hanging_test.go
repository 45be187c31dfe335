package hypotheses

import (
	"os"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// In the environment of a child: where TestOfAChild hangs or breaks, and the file by which it says that it has come there.
const (
	faultMark  = "SPARKHARNESS_CHILD_FAULT"
	faultThere = "SPARKHARNESS_CHILD_THERE"
)

// TestOfAChild runs H2A with a rule that hangs or breaks where its environment says: an interrupt has to be seen there,
// too, and a rule's fault must not cost what was measured.
func TestOfAChild(t *testing.T) {
	fault := os.Getenv(faultMark)
	if fault == "" {
		t.Skip("run by other tests, as a process of its own")
	}
	there := func() {
		if path := os.Getenv(faultThere); path != "" {
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				t.Error(err)
			}
		}
	}
	hang := func() {
		there()
		select {}
	}
	h := h2a
	h.Foresees = func(*evidence.Evidence) []record.Cell { return nil }
	switch fault {
	case "hangs when it decides":
		h.Decide = func(*evidence.Evidence) verdict.Conclusion { hang(); panic("it hangs") }
	case "hangs when it refines":
		h.Refine = func(*evidence.Evidence) []record.Cell { hang(); panic("it hangs") }
	case "hangs when it plans":
		h.Validate = func(*evidence.Evidence) error { hang(); panic("it hangs") }
	case "breaks when it decides":
		h.Decide = func(*evidence.Evidence) verdict.Conclusion { panic("the rule broke") }
	case "breaks when it refines":
		h.Refine = func(*evidence.Evidence) []record.Cell { panic("the rule broke") }
	case "breaks when it plans":
		h.Validate = func(*evidence.Evidence) error { panic("the rule broke") }
	case "no run":
		hang()
	case "none":
	default:
		t.Fatal("unknown fault", fault)
	}
	harness.Run(t, h)
}
