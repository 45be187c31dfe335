package serverrig

import (
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	layout "sparkharness/harness/experiment"
	"sparkharness/harness/restore"
)

// anotherMeasures is what a run is told that comes while one measures.
func anotherMeasures() string {
	return fmt.Sprintf("another run measures on this machine (held by process %d on host ", os.Getpid())
}

// One run at a time: what comes while servers are measured is refused before it asks them anything, and measures when the turn is free.
func TestServersAreMeasuredByOneRun(t *testing.T) {
	if onlyDevice() == "" {
		t.Skip("this machine has no block device")
	}
	srv := httptest.NewServer(newFake(t))
	t.Cleanup(srv.Close)
	o := Options{Prompts: prompts, Journals: filepath.Join(t.TempDir(), "journals"), Out: io.Discard}
	first, err := New(experiment(srv.URL, kind()), o)
	require.NoError(t, err)
	second, err := New(experiment(srv.URL, kind()), o)
	require.NoError(t, err, "whoever shows a plan measures nothing")
	assert.NoDirExists(t, o.Journals, "nor writes anything")
	require.NoError(t, first.Prepare(t.Context()))
	require.NoError(t, first.Prepare(t.Context()), "twice: a resumed execution begins a run that it had not come to")
	require.ErrorContains(t, second.Prepare(t.Context()), anotherMeasures())
	_, err = New(experiment("http://127.0.0.1:1", kind()), o)
	require.ErrorContains(t, err, anotherMeasures())
	require.NoError(t, second.Close())
	require.ErrorContains(t, restore.TurnTaken(o.Journals), anotherMeasures(), "who was refused gives nothing back")
	require.NoError(t, first.Close())

	second, err = New(experiment(srv.URL, kind()), o)
	require.NoError(t, err)
	require.NoError(t, second.Prepare(t.Context()))
	require.NoError(t, second.Close())
	left, err := os.ReadDir(o.Journals)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// Whoever shows the plan of servers that would be started writes nothing, and is no run that measures; a second run is refused before
// it has written anything, and what the first has left is not touched.
func TestServersAreStartedByOneRun(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "kv"), 0o755))
	journals := filepath.Join(dir, "journals")
	open := func() *Launching {
		r, _ := launching(t, overlay(t, nil), simulatedKinds, "L8B", at(dir), func(_ *layout.Choices, o *LaunchOptions) { o.SkipDoctor = true })
		return r
	}
	shown := open()
	assert.NoDirExists(t, journals)
	require.NoError(t, shown.Close())
	assert.NoDirExists(t, journals)

	first, second := open(), open()
	require.NoError(t, first.Prepare(t.Context()))
	first.journal.Left = []string{"which has been looked at"}
	require.NoError(t, first.Prepare(t.Context()), "twice is once")
	before, err := os.ReadDir(journals)
	require.NoError(t, err)
	require.ErrorContains(t, second.Prepare(t.Context()), anotherMeasures())
	require.NoError(t, second.Close())
	after, err := os.ReadDir(journals)
	require.NoError(t, err)
	assert.Len(t, after, len(before))
	require.NoError(t, first.Close())
	third := open()
	require.NoError(t, third.Prepare(t.Context()))
	require.NoError(t, third.Close())
	left, err := os.ReadDir(journals)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// A rig that could not be prepared gives its turn back and leaves no journal.
func TestUnpreparedRigLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	r, _ := launching(t, overlay(t, nil), simulatedKinds, "L8B", at(dir))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "journals"), 0o700))
	odd := filepath.Join(dir, "journals", "7-abc.jsonl")
	require.NoError(t, os.WriteFile(odd, []byte("nothing\n"), 0o600))
	require.ErrorContains(t, r.Prepare(t.Context()), "look at it and remove it")
	_, err := r.Open(t.Context(), r.exp.Stacks["A"])
	require.ErrorContains(t, err, "the rig is not prepared")
	require.NoError(t, r.Close())
	left, err := filepath.Glob(filepath.Join(dir, "journals", "*"))
	require.NoError(t, err)
	assert.Equal(t, []string{odd}, left)
}
