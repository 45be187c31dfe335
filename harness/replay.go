package harness

import (
	"fmt"
	"testing"

	"sparkharness/harness/evidence"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// Replay derives a run's report from the files in its folder alone. It writes nothing, and needs neither the rig that
// measured nor what that knew.
func Replay(h Hypothesis, dir string) (*verdict.Judgement, error) {
	ev, err := evidence.Load(dir, nil)
	if err != nil {
		return nil, fmt.Errorf("replay %s: %w", dir, err)
	}
	if ev.Plan.Hypothesis != h.ID {
		return nil, fmt.Errorf("replay %s: a run of %s, not of %s: choose the test with -run", dir, ev.Plan.Hypothesis, h.ID)
	}
	rep, _ := verdict.Judge(h, ev)
	return rep, nil
}

// replayFolder is what -replay does for a hypothesis: the verdict of a folder is derived and printed.
func replayFolder(t *testing.T, h Hypothesis, dir string) *verdict.Judgement {
	t.Helper()
	rep, err := Replay(h, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Table(session.out, rep); err != nil {
		t.Fatal(err)
	}
	return rep
}
