//go:build spark

package serverrig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/restore"
)

// What an owner may have overlooked is told in a line before anything is measured, and nothing has been written by then: not into the
// results, nor into the folder of journals.
func TestRefusedBeforeTheFirstCell(t *testing.T) {
	if onlyDevice() == "" {
		t.Skip("this machine has no block device")
	}
	path, err := program()
	require.NoError(t, err)
	tests, err := hypotheses()
	require.NoError(t, err)
	gone := filepath.Join(t.TempDir(), "sparkharness")
	const both = "A=sim-trtllm,B=sim-dynamo"
	another := fmt.Sprintf("another run measures on this machine (held by process %d on host ", os.Getpid())
	for _, tc := range []struct {
		name, test, launch string
		flags, env         []string
		held               bool
		status             int
		says               string
	}{
		{name: "a plan", test: "TestH2B", launch: both, flags: []string{"-plan-only"}, says: "start a server"},
		{name: "a plan beside a run", test: "TestH2B", launch: both, flags: []string{"-plan-only"}, held: true, says: "start a server"},
		{name: "a second run", test: "TestH2B", launch: both, held: true, status: 1, says: another},
		{name: "no program", test: "TestH2B", launch: both, env: []string{"SPARKHARNESS_BIN=" + gone}, status: 1, says: gone + ": no such file or directory: build or install it"},
		{name: "a kind that nobody uses", test: "TestH7", launch: "A=nosuch,B=sim-dynamo", status: 2, says: "-launch A=nosuch: there is no file servers/nosuch.yaml"},
		{name: "controls", test: "TestControls", launch: both, says: "controls: there is nothing to do on rig spark"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			results, state := filepath.Join(t.TempDir(), "results"), t.TempDir()
			journals := filepath.Join(state, "sparkharness", "restore")
			if tc.held {
				turn, err := restore.TakeTurn(journals)
				require.NoError(t, err)
				defer func() { assert.NoError(t, turn.End()) }()
			}
			before := below(t, state)
			cmd := exec.Command(tests, append([]string{"-test.timeout", "5m", "-test.run", "^" + tc.test + "$", "-rig", "spark", "-model", "L8B", "-skip-doctor", "-launch", tc.launch,
				"-configs", overlay(t, nil), "-dir", t.TempDir(), "-device", onlyDevice(), "-results", results}, tc.flags...)...)
			cmd.Dir = filepath.Join("..", "..", "..", "hypotheses")
			cmd.Env = append(append(os.Environ(), "SPARKHARNESS_BIN="+path, "XDG_STATE_HOME="+state), tc.env...)
			out, _ := cmd.CombinedOutput() // its status is looked at
			assert.Equal(t, tc.status, cmd.ProcessState.ExitCode(), string(out))
			assert.Equal(t, 1, strings.Count(string(out), tc.says), string(out))
			assert.Equal(t, before, below(t, state))
			runs, err := filepath.Glob(filepath.Join(results, "h*"))
			require.NoError(t, err)
			assert.Empty(t, runs)
		})
	}
}

// below is all that lies below a folder.
func below(t *testing.T, dir string) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	}))
	return paths
}
