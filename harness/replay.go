package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sparkharness/harness/evidence"
	"sparkharness/harness/report"
	"sparkharness/harness/runner"
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
	rep, err := await(session.interrupt, func() (*verdict.Judgement, error) { return Replay(h, dir) })
	broke, panicked := errors.AsType[*runner.PanicError](err)
	switch {
	case errors.Is(err, errInterrupted):
		giveUp(t, session.options, "%s: interrupted while %s was judged: nothing was to be written", h.ID, dir)
	case panicked:
		t.Fatalf("%s: a gate or a rule of it has a fault (panic: %v): when it is mended, -replay %s judges again\n%s", h.ID, broke.Value, dir, broke.Stack)
	case err != nil:
		t.Fatal(err)
	}
	if err := report.Table(session.out, rep); err != nil {
		t.Fatal(err)
	}
	return rep
}

// Rerecord runs a hypothesis with the configurations of a folder and puts what it leaves into dir, for
// tests that replay recorded runs. What is not needed to replay is left out.
func Rerecord(t *testing.T, h Hypothesis, configs, dir string) {
	t.Helper()
	o := *session.options
	o.Configs, o.Results, o.World, o.Profile, o.Resume = configs, t.TempDir(), "default", "", false
	rep, path := execute(t, h, &o)
	if rep == nil {
		t.Fatal("nothing was recorded")
	}
	run := filepath.Dir(path)
	for _, extra := range []string{"manifest.json", "figures", "table.txt", "uwork.json"} {
		if err := os.RemoveAll(filepath.Join(run, extra)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(run)); err != nil {
		t.Fatal(err)
	}
}
