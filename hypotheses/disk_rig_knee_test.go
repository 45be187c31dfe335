package hypotheses

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/verdict"
)

// kneeOnDrive is an H2B whose requests take about a tenth of a second: four users' prefixes of 128 tokens fit the device, those of 256 do not.
const kneeOnDrive = `model: L8B
stacks: {A: null}
profile: tiny
load: {think_time: {dist: uniform, min: 100ms, max: 300ms}, output_tokens: {dist: constant, value: 1}}
sweep: {ctx: [%s], conc: [4]}
run:
  {reps: 1, early_looks: null, duration: 2s, max_duration: 20s, min_requests: 20, baseline: 1s, observer: 100ms, cadence: 100ms,
   warmup: {min: 1s, max: 20s, passes: 3}}
`

// With a real drive in the path, all of it, from the self-test of its counters to the folder that is clean again: prefixes that the device
// does not hold are fetched from the drive, and their fetch is what the first token waits for. Where the host tier holds all nothing is
// fetched, and there is no knee. How clear that is one block does not tell, and this machine's other load decides the gates.
func TestDiskRigKneeAndControl(t *testing.T) {
	if testing.Short() {
		t.Skip("runs in real time: left out with -short")
	}
	t.Parallel()
	for _, tc := range []struct {
		world, ctx string
		knee       bool
	}{{"default", "128, 256", true}, {"ample_ram", "256", false}} {
		configs := shortConfigs(t, "h2b.yaml", fmt.Sprintf(kneeOnDrive, tc.ctx))
		require.NoError(t, os.MkdirAll(filepath.Join(configs, "profiles"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(configs, "profiles", "tiny.yaml"),
			[]byte("profile: tiny\nnote: n\ntier0_bytes: 96MiB\ntier1_bytes: 16MiB\ntier2_bytes: 192MiB\n"), 0o644))
		dir, journal, results := t.TempDir(), t.TempDir(), t.TempDir()
		cmd := childCommand(t, "^TestH2B$", "-configs", configs, "-results", results, "-rig", "disk", "-dir", dir, "-world", tc.world)
		cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+journal)
		c := finished(t, cmd)
		lackingOnDisk(t, c)
		othersRun(t, c)
		require.Zero(t, c.status, c.stdout+c.err)
		assert.Contains(t, c.stdout, "of 64 MiB written its counters showed ")
		assert.Empty(t, names(t, dir), "nothing is left on the drive")
		assert.Empty(t, names(t, filepath.Join(journal, "sparkharness", "restore")), "nor in the journal")

		run, err := filepath.Glob(filepath.Join(results, "h2b-disk-*"))
		require.NoError(t, err)
		require.Len(t, run, 1)
		assert.Empty(t, harness.VerifyFolder(all, run[0]).Faults)
		var rep verdict.Judgement
		require.NoError(t, json.Unmarshal([]byte(readFile(t, filepath.Join(run[0], "report.json"))), &rep))
		assert.NotEqual(t, verdict.Supported, rep.Verdict.Outcome, "without Stack A nothing says that it has no knee")
		share := 0.0 // of tier 2 in the lookups, where most is carried
		for _, row := range rep.Rows {
			if strings.Contains(row.Cell, "ctx=256") && row.Tier2Hit != nil {
				share = *row.Tier2Hit
			}
		}
		if !tc.knee {
			assert.Zero(t, share)
			continue
		}
		assert.Greater(t, share, 0.2)
	}
}

// lackingOnDisk skips the test where this machine has not what a run on a real drive needs.
func lackingOnDisk(t *testing.T, c child) {
	t.Helper()
	if c.status == 0 {
		return
	}
	for _, lacking := range []string{"on no local drive", "that are free in", "fio is not installed", "has no engine"} {
		if strings.Contains(c.stdout+c.err, lacking) {
			t.Skip("LEFT OUT: this machine has not what a run on a real drive needs: " + c.stdout + c.err)
		}
	}
}
