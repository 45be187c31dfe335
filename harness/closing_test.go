package harness

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/disk"
	"sparkharness/harness/evidence"
	"sparkharness/harness/report"
	"sparkharness/harness/runner"
	"sparkharness/harness/verdict"
)

// breaking is an output that breaks.
type breaking struct{}

func (breaking) Write([]byte) (int, error) { panic("broken") }

// recordedH2A is a copy of a recorded run.
func recordedH2A(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(checkout(), "fixtures", "runs", "h2a"))))
	return dir
}

// What draws a conclusion may break: that is an error, and what it follows from is there.
func TestPanicOfARendering(t *testing.T) {
	dir := recordedH2A(t)
	_, err := conclude(smallH2A, dir, nil, false, breaking{})
	_, broke := errors.AsType[*runner.PanicError](err)
	require.True(t, broke, err)
	assert.FileExists(t, filepath.Join(dir, report.FileName))
}

// A folder that breaks its rule is a fault of that one.
func TestPanicOfARuleThatVerifies(t *testing.T) {
	h := smallH2A
	h.Decide = func(*evidence.Evidence) verdict.Conclusion { panic("broken") }
	v := VerifyFolder([]Hypothesis{h}, recordedH2A(t))
	require.NotEmpty(t, v.Faults)
	assert.Contains(t, v.Faults[0], "broken")
}

// closing is a session that has one verdict to close with.
func closing(t *testing.T) *sessionState {
	t.Helper()
	rep, err := Replay(smallH2A, recordedH2A(t))
	require.NoError(t, err)
	o := testOptions(t)
	return &sessionState{interrupt: newInterrupt(), options: o, out: os.Stdout,
		lines: []report.Line{{Report: rep, Expected: []verdict.Outcome{rep.Verdict.Outcome}}}}
}

// What spans all runs may break: the rest is written, the lock freed, and the execution has not passed.
func TestPanicWhileClosing(t *testing.T) {
	s := closing(t)
	written := false
	s.spanning = []func(string) ([]string, error){
		func(string) ([]string, error) { panic("broken") },
		func(string) ([]string, error) { written = true; return nil, nil },
	}
	assert.Equal(t, 1, s.finish())
	assert.True(t, written)
	assert.NoFileExists(t, filepath.Join(s.options.results(), ".index.lock"))
}

// Who waits for another one that closes is heard meanwhile.
func TestClosingIsInterrupted(t *testing.T) {
	s := closing(t)
	lock, err := disk.Take(filepath.Join(s.options.results(), ".index.lock"))
	require.NoError(t, err)
	time.AfterFunc(50*time.Millisecond, func() { s.ask(func() {}) })
	began := time.Now()
	assert.Equal(t, 1, s.finish())
	assert.Less(t, time.Since(began), closeWait)
	require.NoError(t, lock.Release())
}
